"""Wall time of one trace by command: ours, and those of everybody else, on the same path."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from compileall import compile_dir
from dataclasses import dataclass, replace
from statistics import median

import exporter
from benchmarks.daemon import BenchmarkError
from benchmarks.figures import Column, Row, Table, ratios
from benchmarks.size import Size
from tests.lab.lab import Lab
from tests.lab.world import Addresses, Node, Target, World

DESTINATION = "192.0.2.1"
ROUTERS = 10
SILENT = 5
_LINK_SECONDS = 0.002
_TIMEOUT = 120.0
_MILLI = 1e3
_NANO = 1e9
_COLUMNS = (
    Column("wall time", "ms"),
    Column("÷ slowest RTT", digits=1),
    Column("÷ ftr-exporter", digits=1),
    Column("hops named"),
)


@dataclass(frozen=True, slots=True)
class Command:
    """A way to trace; `privileged` where it has no other way to probe, `slow` takes seconds."""

    name: str
    argv: tuple[str, ...]
    privileged: bool = False
    slow: bool = False


OURS = Command(
    "ftr-exporter trace -n",
    (sys.executable, "-m", "exporter", "trace", "-n", "--json", DESTINATION),
)
PEERS = (
    Command("traceroute -n -I -q 1", ("traceroute", "-n", "-I", "-q", "1", DESTINATION)),
    Command("tracepath -n", ("tracepath", "-n", DESTINATION), slow=True),
    Command("mtr -n -r -c 1", ("mtr", "-n", "-r", "-c", "1", DESTINATION), True, True),
    Command(
        "scamper, icmp-paris, 1 attempt",
        ("scamper", "-I", f"trace -P icmp-paris -q 1 {DESTINATION}"),
        True,
        True,
    ),
)
TELLING = (sys.executable, "-m", "exporter", "trace", "-n", "--jsonl", DESTINATION)
NOTHING = Command("python -c pass", (sys.executable, "-c", "pass"))


@dataclass(frozen=True, slots=True)
class Timed:
    """One run: seconds on the wall, routers and destination in the output, seconds of probing."""

    wall: float
    named: int
    probing: float | None = None


def world(silent: bool) -> World:
    """Ten routers 2 ms apart and the destination behind them; the fifth router may be silent."""
    hops = {
        f"r{number}": Node(f"r{number}", Addresses(f"198.51.100.{number}"), delay=_LINK_SECONDS)
        for number in range(1, ROUTERS + 1)
    }
    if silent:
        hops[f"r{SILENT}"] = replace(hops[f"r{SILENT}"], silent=True)
    node = Node("destination", Addresses(DESTINATION), delay=_LINK_SECONDS)
    return World(hops=hops, targets={node.name: Target(node, tuple(hops))})


def onetrace(size: Size) -> Iterator[Table]:
    """One table for a path that answers, one for a path with a silent hop."""
    # As an installation does, whatever the environment says of bytecode.
    compile_dir(exporter.__path__[0], quiet=1)
    for silent in (False, True):
        with Lab(world(silent)) as lab:
            commands, missing = _installed(size.slow_peers)
            _time(lab, OURS)
            runs = [{each.name: _time(lab, each) for each in commands} for _ in range(size.runs)]
            slowest = median(lab.truth().only(kind="echo_reply").rtts)
            tellings = [_telling(lab) for _ in range(size.runs)]
        yield _table(silent, slowest, runs, missing)
        if not silent:
            yield _telling_table(tellings)


def _installed(slow: bool) -> tuple[list[Command], list[str]]:
    peers = [peer for peer in PEERS if slow or not peer.slow]
    found = [peer for peer in peers if shutil.which(peer.argv[0])]
    missing = [peer.argv[0] for peer in peers if peer not in found]
    return [OURS, NOTHING, *found], missing


def _time(lab: Lab, command: Command) -> Timed:
    started = time.perf_counter()
    done = lab.run(command.argv, privileged=command.privileged, timeout=_TIMEOUT)
    wall = time.perf_counter() - started
    if done.returncode != 0:
        raise BenchmarkError(f"{command.name} failed: {done.stdout[-300:]} {done.stderr[-300:]}")
    named = set(re.findall(r"\b(198\.51\.100\.\d+|192\.0\.2\.1)\b", _hops(command, done.stdout)))
    if command is not OURS:
        return Timed(wall, len(named))
    return Timed(wall, len(named), json.loads(done.stdout)["duration_seconds"])


@dataclass(frozen=True, slots=True)
class Telling:
    """Seconds: from the start of the process to its first probe, from answers to printed hops."""

    first_probe: float
    hops: list[float]


def _telling(lab: Lab) -> Telling:
    begun = time.time_ns()
    printed = {}
    with lab.popen(TELLING, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "hop":
                printed[event["ttl"]] = time.time_ns()
    truth = lab.truth().between(begun, time.time_ns())
    answered = {record.ttl: record.sent_after_ns for record in truth.answered}
    first = min(record.received_ns for record in truth)
    hops = [(at - answered[ttl]) / _NANO for ttl, at in printed.items()]
    return Telling((first - begun) / _NANO, hops)


def _telling_table(found: list[Telling]) -> Table:
    seconds = {
        "first probe after the start of the process": [each.first_probe for each in found],
        "hop printed after its answer, median": [median(each.hops) for each in found],
        "hop printed after its answer, the latest": [max(each.hops) for each in found],
    }
    column = Column("time", "ms", 1)
    rows = tuple(
        Row(what, {column.name: [each * _MILLI for each in values]})
        for what, values in seconds.items()
    )
    note = "ftr-exporter trace -n --jsonl, read line by line by another process"
    return Table("How soon a trace tells", (column,), rows, (note,))


def _hops(command: Command, output: str) -> str:
    """The output without its heading, which names the destination too."""
    if command is OURS:
        return json.dumps(json.loads(output)["hops"])
    return "\n".join(line for line in output.splitlines() if " to " not in line)


def _table(silent: bool, slowest: float, runs: list[dict[str, Timed]], missing: list[str]) -> Table:
    ours = [run[OURS.name].wall for run in runs]
    probing = [run[OURS.name].probing or 0.0 for run in runs]
    rows = [
        Row(name, _figures([run[name] for run in runs], slowest, ours, command=name))
        for name in runs[0]
    ]
    of_it = {
        "wall time": [each * _MILLI for each in probing],
        "÷ slowest RTT": [each / slowest for each in probing],
    }
    rows.insert(1, Row("of it from first probe to last answer", of_it))
    notes = [
        f"{ROUTERS} routers 2 ms apart and the destination, slowest RTT {slowest * _MILLI:.1f} ms"
        + (f"; router {SILENT} is silent" if silent else ""),
        "mtr and scamper run with privilege, since they have no other way; all others without",
    ]
    notes += [f"{name} is not installed" for name in missing]
    return Table(
        f"One trace, {'one hop silent' if silent else 'every hop answers'}",
        _COLUMNS,
        tuple(rows),
        tuple(notes),
    )


def _figures(
    timed: list[Timed], slowest: float, ours: list[float], *, command: str
) -> dict[str, list[float]]:
    walls = [each.wall for each in timed]
    figures = {"wall time": [each * _MILLI for each in walls]}
    if command != NOTHING.name:
        figures["÷ slowest RTT"] = [each / slowest for each in walls]
        figures["÷ ftr-exporter"] = ratios(walls, ours)
        figures["hops named"] = [float(each.named) for each in timed]
    return figures
