"""When a path has changed, and when it only looks so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.model import Trace
from exporter.watch.verdict import Verdict
from exporter.watch.watcher import PathWatcher
from tests.pathcases import Case, cases, infos, traces

CASES = cases()


def in_words(path: tuple[str | None, ...]) -> str:
    """A path as the cases write it."""
    return " ".join(address or "*" for address in path)


def reversed_answers(trace: Trace) -> Trace:
    """The same trace, its answers in another order."""
    hops = [hop._replace(responses=hop.responses[::-1]) for hop in trace.hops]
    return replace(trace, hops=tuple(hops))


def play(case: Case, way: str) -> list[Verdict]:
    """The verdict on each cycle."""
    watcher = PathWatcher(case.confirm)
    verdicts = []
    for number, (text, options) in enumerate(case.cycles, 1):
        if way == "restarted":
            watcher = PathWatcher.from_json(watcher.to_json(), case.confirm)
        first, *others = traces(text)
        if way == "shuffled":
            first = reversed_answers(first)
        verdicts.append(
            watcher.observe(
                first,
                infos(options.get("origins")),
                float(number),
                others=others,
                flow=options.get("flow", ""),
            )
        )
    return verdicts


@pytest.mark.parametrize("way", ["played", "restarted", "shuffled"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.story)
def test_recorded(case: Case, way: str) -> None:
    """What networks do, and what is to be concluded; also with a restart before every cycle."""
    verdicts = play(case, way)
    numbered = list(enumerate(verdicts, 1))
    changes = [(n, each.change) for n, each in numbered if each.change]
    as_changes = [(n, each.as_change) for n, each in numbered if each.as_change]
    assert case.changes == tuple(
        f"{n}: {in_words(each.old)} -> {in_words(each.new)}" for n, each in changes
    )
    assert case.as_changes == tuple(
        f"{n}: {' '.join(map(str, each.old))} -> {' '.join(map(str, each.new))}"
        for n, each in as_changes
    )
    known = verdicts[-1].known
    if case.suspicious is not None:
        assert case.suspicious == tuple(n for n, each in numbered if each.suspicious)
    if case.outage:
        assert case.outage == tuple(n for n, each in numbered if each.outage)
    if case.path is not None:
        assert in_words(known.path) == case.path
    if case.as_path is not None:
        assert " ".join(map(str, known.as_path)) == case.as_path
    if case.branches is not None:
        assert known.branches == case.branches
    if case.balancing:
        assert {ttl: how.value for ttl, how in known.balancing.items()} == case.balancing
