"""The lab at size: generated worlds, thousands of probes a second, and a truth that is complete."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import LabFactory
from tests.lab.generate import MAX_TARGETS, Shape, generate
from tests.lab.prober import Prober
from tests.lab.truth import Record, Truth
from tests.lab.world_file import parse_world

PROBES = 5_000
BUDGET = 1 / 5_000


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_generated_world_is_as_large_as_asked_and_always_the_same() -> None:
    """Three hundred targets shared their first hops and had paths of 8 to 20."""
    world = generate(300)
    assert world == generate(300)
    assert world != generate(300, seed=2)
    lengths = {len(target.path) for target in world.targets.values()}
    assert len(world.targets) == 300
    assert (min(lengths), max(lengths)) == (8, 20)
    first = Counter(target.path[0] for target in world.targets.values())
    assert first == {"r0-0": 300}
    addresses = [node.addresses.ipv4 for node in world.hops.values()]
    assert len(set(addresses)) == len(addresses)


@pytest.mark.parametrize("count", [0, MAX_TARGETS + 1])
def test_a_world_of_impossible_size_is_refused(count: int) -> None:
    """Its addresses would not suffice."""
    with pytest.raises(ValueError, match="targets"):
        generate(count)


def test_five_thousand_probes_a_second_fit_one_core(lab_factory: LabFactory) -> None:
    """All were answered, in order of their due times, and cost less than a core's second."""
    world = generate(300, Shape(max_hops=12))
    lab = lab_factory(world)
    targets = list(world.targets.values())
    addresses = [target.node.addresses for target in targets]
    pid = lab.simulator.pid
    before = cpu_seconds(pid)
    probers = [
        Prober(str(address.ipv6 if number % 2 else address.ipv4))
        for number, address in enumerate(addresses)
    ]
    for number in range(PROBES):
        probers[number % len(probers)].send(1 + number // len(probers))
    truth = lab.truth()
    used = cpu_seconds(pid) - before
    received = sum(len(prober.drain()) for prober in probers)
    for prober in probers:
        prober.socket.close()
    assert Counter(each.fate for each in truth) == {"answered": PROBES}
    assert received == PROBES
    assert used / PROBES < BUDGET, f"{used / PROBES * 1e6:.0f} µs a probe"


def test_answers_leave_when_they_are_due(lab_factory: LabFactory) -> None:
    """None left before its time, and a quarter, however busy the machine, within 0.1 ms of it."""
    hop = {"ipv4": "198.51.100.1", "delay": "3ms"}
    lab = lab_factory(
        parse_world({"hops": {"gw": hop}, "targets": {"t": {"ipv4": "192.0.2.1", "path": ["gw"]}}})
    )
    with Prober("192.0.2.1") as prober:
        for _ in range(100):
            assert prober.ask(1) is not None
    late = sorted(rtt - 0.003 for rtt in lab.truth().rtts)
    assert late[0] >= 0
    assert late[25] < 0.0001


def test_what_was_not_sent_is_known_too(lab_factory: LabFactory) -> None:
    """The simulator stopped while an answer waited: its probe is in the log as unsent."""
    lab = lab_factory("small")
    lab.set_hop("gw", slow="50s")
    with Prober("192.0.2.1") as prober:
        prober.send(1)
        assert lab.ping()["pending"] == 1
        lab.stop()
    assert [each.fate for each in lab.truth()] == ["unsent"]


def test_the_truth_can_be_asked() -> None:
    """Records were found by field, by time and by number."""
    fixed = ("web", "192.0.2.1", "ipv4", "icmp")
    records = [
        Record(number, *fixed, ttl, 7, number, 60, ttl, fate, "gw", f"198.51.100.{ttl}")
        for number, (ttl, fate) in enumerate(
            [(1, "answered"), (2, "lost"), (1, "answered"), (3, "answered")]
        )
    ]
    truth = Truth(records)
    assert truth.path() == (("198.51.100.1",), (), ("198.51.100.3",))
    assert (truth.sent, truth.lost, len(truth.only(ttl=1, fate="answered"))) == (4, 1, 2)
    assert list(truth.between(1, 3)) == records[1:3]
    assert truth.probe(2, 7, 1) is records[1]
    with pytest.raises(LookupError, match="0 probes"):
        truth.probe(9, 7, 1)


def test_the_simulator_waits_for_nobody(lab_factory: LabFactory) -> None:
    """While answers for a second were due, commands were answered at once."""
    lab = lab_factory("small")
    lab.set_hop("gw", slow="300ms")
    with Prober("192.0.2.1") as prober:
        prober.send(1)
        started = time.monotonic()
        assert lab.ping()["pending"] == 1
        assert time.monotonic() - started < 0.25
        lab.settle()
        assert time.monotonic() - started >= 0.25
        assert lab.ping()["pending"] == 0
