"""What the daemon reported, held against what the simulator knows to be true."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.lab.truth import Record, Truth

_SURE = 3
"""So many answers make an address one that an observer must know."""
_TIES_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Event:
    """A line of the daemon's log: `at` in seconds since the epoch."""

    at: float
    target: str
    words: str


@dataclass(frozen=True, slots=True)
class TrueChange:
    """A change of the world: the path of `target` was another one from `at` on."""

    at: float
    target: str
    kind: str


@dataclass(slots=True)
class Judgement:
    """`found` has a change with the seconds it took, from the first cycle after it on.

    `hidden` are changes that no answer shows.
    """

    found: list[tuple[TrueChange, float]] = field(default_factory=list)
    missed: list[TrueChange] = field(default_factory=list)
    repeated: list[tuple[TrueChange, list[Event]]] = field(default_factory=list)
    invented: list[Event] = field(default_factory=list)
    hidden: list[TrueChange] = field(default_factory=list)


def events(log: Iterable[dict[str, Any]], name: str) -> list[Event]:
    """All log lines of one event."""
    return [
        Event(_seconds(line), line["target"], str(line.get("change", "")))
        for line in log
        if line["event"] == name
    ]


def starts(log: Iterable[dict[str, Any]]) -> dict[str, list[float]]:
    """When each trace of each target began."""
    found = defaultdict(list)
    for line in log:
        if line["event"] == "trace.done":
            found[line["target"]].append(_seconds(line) - line["seconds"])
    return found


def _seconds(line: dict[str, Any]) -> float:
    return datetime.fromisoformat(line["ts"]).timestamp()


def judge(
    changes: Sequence[TrueChange],
    reports: Sequence[Event],
    begun: dict[str, list[float]],
    truth: Truth,
    end: float,
) -> Judgement:
    """Give each report to the latest change of its target before it."""
    judgement = Judgement()
    records: dict[str | None, list[Record]] = defaultdict(list)
    for record in truth:
        records[record.target].append(record)
    for target in {*(each.target for each in changes), *(each.target for each in reports)}:
        own = [each for each in changes if each.target == target]
        told = [each for each in reports if each.target == target]
        shown = _visible(own, records[target], end)
        for change, until in _with_ends(own, end):
            mine = [each for each in told if change.at <= each.at < until]
            _count(judgement, change, mine, begun[target], visible=shown[change])
        first = min((each.at for each in own), default=end)
        judgement.invented += [each for each in told if each.at < first]
    return judgement


def _count(
    judgement: Judgement,
    change: TrueChange,
    reports: list[Event],
    begun: list[float],
    *,
    visible: bool | None,
) -> None:
    if len(reports) > 1:
        judgement.repeated.append((change, reports))
    elif reports and visible is False:
        judgement.invented += reports
    elif reports:
        cycle = min((at for at in begun if at >= change.at - _TIES_SECONDS), default=change.at)
        judgement.found.append((change, reports[0].at - cycle))
    elif visible:
        judgement.missed.append(change)
    else:
        judgement.hidden.append(change)


def _with_ends(own: Sequence[TrueChange], end: float) -> Iterator[tuple[TrueChange, float]]:
    ends = [each.at for each in own[1:]]
    yield from zip(own, [*ends, end], strict=True)


def _visible(
    own: Sequence[TrueChange], records: list[Record], end: float
) -> dict[TrueChange, bool | None]:
    """Whether answers show a change: for sure, not at all, or (None) too few to tell."""
    found: dict[TrueChange, bool | None] = {}
    begin = 0.0
    for change, until in _with_ends(own, end):
        before = _shown(records, begin, change.at)
        after = _shown(records, change.at, until)
        found[change] = _differ(before, after)
        begin = change.at
    return found


def _shown(records: list[Record], begin: float, end: float) -> dict[int, Counter[str]]:
    """Who answered at each TTL up to the destination, and how often."""
    shown: dict[int, Counter[str]] = defaultdict(Counter)
    for record in records:
        if record.answered and record.address and begin * 1e9 <= record.received_ns < end * 1e9:
            shown[record.ttl][record.address] += 1
    destination = records[0].destination if records else ""
    last = min((ttl for ttl, who in shown.items() if destination in who), default=255)
    return {ttl: who for ttl, who in shown.items() if ttl <= last}


def _differ(before: dict[int, Counter[str]], after: dict[int, Counter[str]]) -> bool | None:
    hint = False
    for ttl in before.keys() & after.keys():
        old, new = before[ttl], after[ttl]
        if old.keys().isdisjoint(new):
            if min(old.total(), new.total()) >= _SURE:
                return True
            hint = True
    if max(before, default=0) != max(after, default=0):
        return True
    return None if hint else False
