"""What a traced target costs, by this daemon and by the programs that others start for it."""

from __future__ import annotations

import json
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from benchmarks.daemon import BenchmarkError
from benchmarks.figures import Column, Row, Table, ratios
from benchmarks.fleet import Fleet
from benchmarks.fleetrun import fleet_lab, floor, pinned
from benchmarks.process import only_on, resident_bytes, two_cores
from benchmarks.simulator import each_record
from benchmarks.size import Large, Size
from benchmarks.steady import watch
from tests.lab.lab import Lab

_ONCE = 20
_RATE = 2500
_SECONDS = 300.0
_MICRO, _MILLI, _MEGA = 1e6, 1e3, 1e6
_COLUMNS = (
    Column("CPU / probe", "µs", 1),
    Column("CPU / target", "ms", 2),
    Column("÷ ftr-exporter", digits=1),
    Column("probes / target", digits=1),
    Column("resident", "MB"),
    Column("targets"),
    Column("of them traced whole"),
)
OURS = "ftr-exporter, steady"


@dataclass(frozen=True, slots=True)
class Peer:
    """A program; `each` says that every target takes a process of its own, many at once.

    `FILE` in its words stands for a file of addresses; otherwise the address is the last word.
    """

    name: str
    argv: tuple[str, ...]
    each: bool = True
    slow: bool = False


PEERS = (
    Peer("traceroute -n -I -q 1, a process each", ("traceroute", "-n", "-I", "-q", "1")),
    Peer("mtr -n -r -c 1, a process each", ("mtr", "-n", "-r", "-c", "1"), slow=True),
    Peer(
        "scamper, icmp-paris, 1 attempt",
        ("scamper", "-c", "trace -P icmp-paris -q 1", "-p", str(_RATE), "-f", "FILE"),
        each=False,
    ),
    Peer(
        "fping -c 1, the destination only",
        ("fping", "-q", "-c", "1", "-i", "1", "-f", "FILE"),
        each=False,
    ),
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of processor time for so many probes and targets; resident bytes."""

    cpu: float
    probes: float
    targets: float
    whole: int | None = None
    resident: int = 0


def peers(size: Size) -> Iterator[Table]:
    """One table: the daemon, every peer that is installed, and bare system calls."""
    large = size.large
    fleet = Fleet.of(large.peers, large.interval)
    wanted = [peer for peer in PEERS if size.slow_peers or not peer.slow]
    found = [peer for peer in wanted if shutil.which(peer.argv[0])]
    runs = [_run(fleet, large, found) for _ in range(size.runs)]
    ours = [run[OURS].cpu / run[OURS].targets for run in runs]
    rows = tuple(Row(name, _figures([run[name] for run in runs], ours)) for name in runs[0])
    notes = [
        f"all on the same core; a fleet of {fleet.targets} targets, 8 to 20 routers, nothing lost;"
        f" processes of their own: {large.sample} targets, {_ONCE} at once",
        f"ftr-exporter without any privilege, each target once in {fleet.interval:g} s; paths"
        " and metrics included; the peers only print, and ran with privilege",
        "resident: all processes that ran at once, what they share counted for each",
        *(f"{peer.argv[0]} is not installed" for peer in wanted if peer not in found),
    ]
    yield Table("A traced target, by program", _COLUMNS, rows, tuple(notes))


def _run(fleet: Fleet, large: Large, found: list[Peer]) -> dict[str, Cost]:
    bursts = fleet.bursts()
    length = sum(hops for _, hops in bursts) / len(bursts)
    with fleet_lab(fleet) as lab:
        with pinned(lab, fleet) as daemon:
            daemon.wait_until_traced(fleet)
            seen = watch(lab, daemon, large.window)
            resident = resident_bytes(daemon.process.pid)
        costs = {OURS: Cost(seen.cpu.total, seen.probes, seen.probes / length, None, resident)}
        for peer in found:
            costs[peer.name] = _peer(lab, bursts[: large.sample] if peer.each else bursts, peer)
        bare = floor(lab, fleet, large.window)
    for name, per_probe in (("same bursts", bare.paced), ("no pause", bare.flood)):
        costs[f"bare sendmsg + recvmsg, {name}"] = Cost(per_probe * length, length, 1)
    return costs


def _peer(lab: Lab, bursts: list[tuple[str, int]], peer: Peer) -> Cost:
    """Let it trace these. Raises `BenchmarkError` where it fails."""
    lab.settle()
    before = lab.ping()["probes"]
    addresses = lab.shared / "addresses"
    addresses.write_text("".join(f"{address}\n" for address, _ in bursts))
    if peer.each:
        commands = [[*peer.argv, address] for address, _ in bursts]
    else:
        commands = [[str(addresses) if word == "FILE" else word for word in peer.argv]]
    path = lab.shared / "commands.json"
    path.write_text(json.dumps({"commands": commands, "once": _ONCE, "seconds": _SECONDS}))
    with only_on(two_cores()[1]):
        done = lab.run(
            [sys.executable, "-m", "benchmarks.launch", str(path)],
            privileged=True,
            timeout=2 * _SECONDS,
        )
    if done.returncode != 0:
        raise BenchmarkError(f"{peer.name} failed: {done.stderr[-500:]}")
    used = json.loads(done.stdout)
    if used["failed"]:
        raise BenchmarkError(f"{peer.name}: {used['failed']} of {len(commands)} failed")
    probes = lab.ping()["probes"] - before
    return Cost(used["cpu"], probes, len(bursts), _whole(lab, bursts, before), used["resident"])


def _whole(lab: Lab, bursts: list[tuple[str, int]], before: int) -> int:
    """To how many of the first targets every hop was probed, by the network's own record."""
    reached: dict[int, set[int]] = defaultdict(set)
    for record in islice(each_record(lab), before, None):
        reached[record.target].add(record.position)
    return sum(len(reached[number]) == hops for number, (_, hops) in enumerate(bursts))


def _figures(costs: list[Cost], ours: list[float]) -> dict[str, list[float]]:
    figures = {
        "CPU / probe": [each.cpu / each.probes * _MICRO for each in costs],
        "CPU / target": [each.cpu / each.targets * _MILLI for each in costs],
        "÷ ftr-exporter": ratios([each.cpu / each.targets for each in costs], ours),
        "probes / target": [each.probes / each.targets for each in costs],
        "resident": [each.resident / _MEGA for each in costs if each.resident],
    }
    whole = [float(each.whole) for each in costs if each.whole is not None]
    if whole:
        figures |= {"targets": [each.targets for each in costs], "of them traced whole": whole}
    return figures
