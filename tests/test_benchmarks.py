"""Runs every benchmark at its smallest size, so that none can rot, and holds the arithmetic."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from benchmarks import onetrace
from benchmarks.__main__ import BENCHMARKS, ON_REQUEST, find, main
from benchmarks.figures import (
    Column,
    Row,
    Table,
    as_json,
    histogram_quantile,
    markdown,
    quantile,
    ratios,
)
from benchmarks.fleet import Fleet
from benchmarks.latency import hurry_permitted
from benchmarks.process import cpu_time, resident_bytes
from benchmarks.scraped import HOPS, Source
from benchmarks.size import SMALLEST
from tests.conftest import WHY_NO_LAB

in_lab = pytest.mark.skipif(bool(WHY_NO_LAB), reason=WHY_NO_LAB or "a lab is there")


def tables(name: str) -> dict[str, Table]:
    """What a benchmark gives at its smallest size, by title."""
    return {table.title: table for table in find(name)(SMALLEST)}


def figure(table: Table, what: str, column: str) -> float:
    """The only run's value of the one row whose name starts so."""
    (found,) = [row for row in table.rows if row.what.startswith(what)]
    (value,) = found.figures[column]
    return value


@in_lab
def test_every_backend_is_measured() -> None:
    """Each row of this platform that opens, in both families: answers came and were timed."""
    (table,) = tables("backends").values()
    measured = {row.what for row in table.rows if row.figures}
    assert measured >= {"`linux-icmp`, ipv4", "`raw-icmp`, ipv6", "`linux-udp`, ipv4"}
    for what in measured:
        assert figure(table, what, "answers") >= 100
        assert 0 < figure(table, what, "answer waited, p50") <= figure(table, what, "p99")
        assert figure(table, what, "processor time / probe") > 0


@in_lab
def test_latency_is_measured_in_two_ways_that_agree() -> None:
    """The histogram counted what was noted one by one, and what came around that window."""
    found = tables("latency")
    assert len(found) == 1 + hurry_permitted()
    for table in found.values():
        exact = figure(table, "daemon, every answer", "answers")
        counted = figure(table, "daemon, by its own", "answers")
        assert counted >= exact > 0
        assert 0 < figure(table, "daemon, every answer", "p50") < 1e6
        assert 0 < figure(table, "bare", "p50") < 1e6
        assert figure(table, "daemon, every answer", "waited for a core") >= 0


@in_lab
def test_one_trace_names_every_hop_that_answers() -> None:
    """Our command named all hops of one path, and all but the silent one of the other."""
    found = tables("onetrace")
    telling = found.pop("How soon a trace tells")
    assert 0 < figure(telling, "first probe", "time") < 5000
    assert 0 < figure(telling, "hop printed after its answer, the latest", "time") < 5000
    for title, table in found.items():
        hops = onetrace.ROUTERS + 1 - ("silent" in title)
        assert figure(table, onetrace.OURS.name, "hops named") == hops
        wall = figure(table, onetrace.OURS.name, "wall time")
        assert 22 <= figure(table, "of it from first probe", "wall time") < wall
        if shutil.which("traceroute"):
            assert 1 <= figure(table, "traceroute", "hops named") <= hops


def test_a_scrape_has_the_size_asked_for() -> None:
    """The body that came over HTTP was the one that was joined, and gzip made it smaller."""
    (table,) = tables("scrape").values()
    joined = figure(table, "joined in process", "body")
    plain = next(row for row in table.rows if row.what == "over HTTP").figures
    assert plain["body"][0] == pytest.approx(joined, rel=0.01)
    assert figure(table, "over HTTP, gzip", "body") < joined / 3
    assert min(plain["longest block of the loop"]) >= 0


@in_lab
def test_the_hot_path_is_found() -> None:
    """Both ways of looking saw the function that reads answers."""
    sampled, counted = tables("hotpath").values()
    assert sum(row.figures["own"][0] for row in sampled.rows) <= 100.001
    assert any("linux_datagram.py:_read" in row.what for row in counted.rows)
    assert any("recvmsg" in row.what for row in counted.rows)


def test_the_command_prints_tables_and_writes_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was printed as Markdown was in the file with every run's figure."""
    if WHY_NO_LAB:
        pytest.skip(WHY_NO_LAB)
    path = tmp_path / "figures.json"
    assert main(["scrape", "--smallest", "--runs", "2", "--json", str(path)]) == 0
    printed = capsys.readouterr().out
    (table,) = json.loads(path.read_text())["tables"]
    assert f"### {table['title']}" in printed
    assert table["benchmark"] == "scrape"
    assert len(table["rows"][0]["figures"]["time"]) == 2
    assert re.search(r"\d cores, Linux", printed)


@pytest.mark.parametrize("argv", [["nonsense"], ["scrape", "--runs", "0"], ["--runs", "x"]])
def test_what_cannot_be_run_is_refused(argv: list[str]) -> None:
    """Nothing was measured; the exit status was that of wrong usage."""
    with pytest.raises(SystemExit) as refused:
        main(argv)
    assert refused.value.code == 2


def test_every_benchmark_that_is_listed_exists() -> None:
    """The list in the help is what can be run."""
    for name in (*BENCHMARKS, *ON_REQUEST):
        assert callable(find(name))


def test_a_fleet_makes_the_rate_it_is_asked_for() -> None:
    """Probes of one round, divided by the interval, came within a tenth of the rate."""
    fleet = Fleet(1000, 5.0)
    bursts = fleet.bursts()
    assert len({address for address, _ in bursts}) == fleet.targets == 333
    assert sum(hops for _, hops in bursts) / fleet.interval == pytest.approx(1000, rel=0.1)
    configured = json.loads(fleet.configuration())
    assert [each["host"] for each in configured["targets"]] == [each for each, _ in bursts]


def test_made_up_traces_look_like_real_ones() -> None:
    """Every target had a series for each hop, and all of it could be parsed."""
    source = Source(1000)
    text = b"".join(source.metrics_chunks(None, None, False)).decode()
    found = {each.name: each.samples for each in text_string_to_metric_families(text)}
    assert len(found["ftr_hop_rtt_seconds"]) == source.targets_made * HOPS
    assert len(found["ftr_link_info"]) == source.targets_made * (HOPS - 1)
    assert source.samples() >= 1000


def test_processor_time_of_another_process_is_exact() -> None:
    """A process that had slept had used hardly any, one that had counted had used what it said."""
    code = (
        "import time\n"
        "end = time.process_time() + 0.2\n"
        "while time.process_time() < end: pass\n"
        "print(time.process_time(), flush=True)\n"
        "input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = float(process.stdout.readline())
        used = cpu_time(process.pid)
        assert resident_bytes(process.pid) > 1_000_000
        process.communicate("\n")
    assert used.total == pytest.approx(said, abs=0.02)
    assert used.since(used).total == 0
    assert cpu_time(os.getpid()).user > 0


def test_quantiles_are_values_that_occurred() -> None:
    """The least value that covers the share was given, whatever the order."""
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert [quantile(values, share) for share in (0.0, 0.2, 0.5, 0.99, 1.0)] == [1, 1, 3, 5, 5]
    assert quantile(range(1, 101), 0.99) == 99


def test_a_histogram_is_read_as_prometheus_reads_it() -> None:
    """Linear within a bucket; beyond the last finite bound, that bound; nothing without counts."""
    buckets = {0.1: 10.0, 0.2: 20.0, math.inf: 20.0}
    assert histogram_quantile(buckets, 0.5) == pytest.approx(0.1)
    assert histogram_quantile(buckets, 0.75) == pytest.approx(0.15)
    assert histogram_quantile({0.1: 1.0, math.inf: 2.0}, 0.99) == 0.1
    assert histogram_quantile({0.1: 0.0, 0.2: 4.0, math.inf: 4.0}, 0.25) == pytest.approx(0.125)


def test_ratios_are_taken_run_by_run() -> None:
    """Each value was divided by the floor of the same run."""
    assert ratios([4.0, 9.0], [2.0, 3.0]) == [2.0, 3.0]
    with pytest.raises(ValueError, match="zip"):
        ratios([1.0], [])


def test_a_table_shows_median_and_spread() -> None:
    """Several runs gave the median with both ends; one run itself; none an empty cell."""
    columns = (Column("time", "ms", 1), Column("count"))
    rows = (Row("a", {"time": [3.0, 1.0, 2.0]}), Row("b", {"time": [4.0], "count": [7.0]}))
    table = Table("Things", columns, rows, ("noted",))
    assert markdown(table) == (
        "### Things\n\n"
        "|  | time, ms | count |\n"
        "| --- | ---: | ---: |\n"
        "| a | 2.0 (1.0..3.0) |  |\n"
        "| b | 4.0 | 7 |\n\n"
        "- noted\n"
    )
    assert as_json(table)["units"] == {"time": "ms", "count": ""}
