"""Runs the benchmarks of large fleets at their smallest size, and holds what they reckon with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.latency import hurry_permitted
from benchmarks.peers import OURS, PEERS
from benchmarks.process import only_on, peak_resident_bytes, resident_bytes, two_cores
from benchmarks.rtterror import rtt_errors
from benchmarks.simulator import WHY_NO_COMPILER, Record
from benchmarks.size import SMALLEST
from tests.conftest import WHY_NO_LAB
from tests.test_benchmarks import figure, tables

WHY_NOT = WHY_NO_LAB or WHY_NO_COMPILER
in_lab = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "both are there")
ROOT = Path(__file__).parent.parent


@in_lab
def test_a_fleet_is_measured_from_its_start() -> None:
    """The network lost nothing; what the daemon said of losses and RTTs was held against that."""
    starting, working, telling = tables("scale").values()
    for targets in SMALLEST.large.fleets:
        what = f"{targets} targets"
        assert figure(starting, what, "ready after") > 0
        assert figure(starting, what, "ready after") <= figure(starting, what, "all measured after")
        assert figure(starting, what, "resident") <= figure(starting, what, "at most")
        assert figure(starting, what, "falsely") == figure(starting, what, "called lost")
        assert figure(working, what, "probes/s") > targets
        assert figure(working, what, "÷ bare, flood") > 1
        windows = ["answer to hop, p50", "scraped: p50"]
        windows += ["ahead of others: p50"] * hurry_permitted()
        for half in windows:
            tail = half.replace("answer to hop, ", "").replace("p50", "p99")
            assert 0 < figure(telling, what, half) <= figure(telling, what, tail)
        assert figure(telling, what, "RTTs compared") > 0
        assert 0 < figure(telling, what, "RTT error, p50") < 1000
    assert figure(starting, "20 targets", "more / target") < 2000


@in_lab
def test_every_peer_is_measured_on_the_same_fleet() -> None:
    """All that are here and do not wait for seconds probed every hop, but the one that cannot."""
    (table,) = tables("peers").values()
    assert figure(table, OURS, "÷ ftr-exporter") == 1
    for peer in PEERS:
        if peer.slow or not shutil.which(peer.argv[0]):
            continue
        targets = SMALLEST.large.sample if peer.each else SMALLEST.large.peers
        assert figure(table, peer.name, "targets") == targets
        assert figure(table, peer.name, "CPU / probe") > 0
        whole = 0 if "destination only" in peer.name else targets
        assert figure(table, peer.name, "of them traced whole") == whole
    flood = figure(table, "bare sendmsg + recvmsg, no pause", "CPU / probe")
    assert flood < figure(table, OURS, "CPU / probe")


@in_lab
def test_a_long_run_is_watched_in_three_places() -> None:
    """The windows came one after the other, and every one of them had probes."""
    (table,) = tables("longrun").values()
    before = [row.figures["cycles of each target before it"][0] for row in table.rows]
    assert before == sorted(before)
    assert before[0] >= 1
    assert all(row.figures["CPU / probe"][0] > 0 for row in table.rows)


def record(received: int, target: int, ttl: int, sent: int) -> Record:
    """An answered probe."""
    return Record(received, sent, sent + 1, target, 7, 1, 60, ttl, ttl, 4, 1, "answered")


def test_rtts_are_held_against_the_newest_answer() -> None:
    """A target probed too lately was left out; of the others' hops the latest cycle counted."""
    records = [
        record(0, 0, 1, 900_000),
        record(10, 0, 1, 1_000_010),
        record(11, 0, 2, 2_000_011),
        record(12, 1, 1, 5_000_012),
        record(99, 1, 1, 6_000_099),
    ]
    line = 'ftr_hop_rtt_seconds{{target="t{}",family="ipv4",hop="{}",address="x"}} {}'
    lines = [
        line.format(*each).encode() for each in ((0, 1, 0.00101), (0, 2, 0.00199), (1, 1, 0.006))
    ]
    assert rtt_errors(lines, records, 50) == pytest.approx([1e-5, -1e-5])


def test_a_child_left_behind_is_counted() -> None:
    """A program ended before its child, whose processor time was in the sum all the same."""
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    left = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {busy!r}])"
    code = (
        "import json, sys; from benchmarks.launch import launch;"
        "print(json.dumps(launch([[sys.executable, '-c', sys.argv[1]]] * 3, 2, 60.0)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, left], cwd=ROOT, capture_output=True, text=True, check=True
    )
    used = json.loads(done.stdout)
    assert used["failed"] == 0
    assert 0.8 < used["cpu"] < 10
    assert used["resident"] > 5_000_000


def test_a_program_that_fails_or_never_ends_is_noticed(tmp_path: Path) -> None:
    """Its status was counted, or its time ran out."""
    described = tmp_path / "commands.json"
    for code, seconds in (("raise SystemExit(3)", 60.0), ("import time; time.sleep(60)", 0.3)):
        described.write_text(
            json.dumps({"commands": [[sys.executable, "-c", code]], "once": 1, "seconds": seconds})
        )
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.launch", str(described)],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        if seconds > 1:
            assert json.loads(done.stdout)["failed"] == 1
        else:
            assert "TimeoutError" in done.stderr


def test_a_core_is_taken_and_given_back() -> None:
    """Within, this process had one core; afterwards those from before."""
    before = os.sched_getaffinity(0)
    with only_on(two_cores()[1]):
        assert os.sched_getaffinity(0) == {max(before)}
    assert os.sched_getaffinity(0) == before
    assert peak_resident_bytes(os.getpid()) >= resident_bytes(os.getpid()) * 0.5


@in_lab
def test_cpu_per_probe_has_its_floor_in_the_same_run() -> None:
    """Bare system calls cost less than the daemon, both for ICMP and UDP."""
    found = tables("cpu")
    assert [title.split(",")[1].strip() for title in found] == ["ICMP", "UDP"]
    for table in found.values():
        flood = figure(table, "bare sendmsg + recvmsg, no pause", "CPU / probe")
        for row in ("daemon, not scraped", "daemon, each cycle scraped once"):
            daemon = figure(table, row, "CPU / probe")
            assert 0 < flood < daemon
            assert figure(table, row, "÷ bare, flood") == pytest.approx(daemon / flood)
            assert figure(table, row, "resident") > 10
            assert figure(table, row, "lost") < 15, "more than one trace"
