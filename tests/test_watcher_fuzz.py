"""Arbitrary cycles: what must hold of the verdicts whatever the network does."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.model import Hop, HostInfo, StopReason, Trace
from exporter.watch.verdict import Verdict
from exporter.watch.watcher import BadState, PathWatcher
from tests.pathcases import a_trace, response, traces

ORIGINS = {name: HostInfo(asn=ord(name)) for name in "abcde"}
ENDS = (StopReason.GAP, StopReason.LOOP, StopReason.UNREACHABLE, StopReason.MAX_HOPS)

words = st.sampled_from(["*", "*", "a", "b", "c", "d", "e", "D", "!a", "!x"])
rounds = st.lists(words, min_size=1, max_size=4)


@st.composite
def cycles(draw: st.DrawFn) -> Trace:
    """One cycle that no network may have shown, its TTLs from 1, 2 or 3 on."""
    first = draw(st.sampled_from([1, 1, 1, 2, 3]))
    hops = []
    for ttl, names in enumerate(draw(st.lists(rounds, min_size=1, max_size=6)), first):
        answers = [response(each, ttl, number) for number, each in enumerate(names) if each != "*"]
        hops.append(Hop(ttl, len(names), tuple(draw(st.permutations(answers)))))
    rtts = tuple(each.rtt for hop in hops for each in hop.responses if each.reached)
    stop = StopReason.DESTINATION if rtts else draw(st.sampled_from(ENDS))
    if rtts:
        end = next(hop.ttl for hop in hops if any(each.reached for each in hop.responses))
        hops = [hop for hop in hops if hop.ttl <= end]
    return a_trace(tuple(hops), stop, rtts)


histories = st.lists(st.tuples(cycles(), st.lists(cycles(), max_size=1)), max_size=12)
confirms = st.integers(1, 4)


lookups = st.dictionaries(
    st.sampled_from("abcdeD"),
    st.sampled_from([None, 1, 2, 3]).map(lambda asn: HostInfo(asn=asn)),
)


def without_reach(watcher: PathWatcher) -> dict[str, Any]:
    """All that a watcher remembers, but for what is rounded when it is saved."""
    form: dict[str, Any] = json.loads(watcher.to_json())
    del form["reach"]
    return form


def run(watcher: PathWatcher, history: list[tuple[Trace, list[Trace]]]) -> list[Verdict]:
    """The verdict on each cycle."""
    return [
        watcher.observe(trace, ORIGINS, float(number), others=others)
        for number, (trace, others) in enumerate(history)
    ]


def lasting(verdict: Verdict) -> Verdict:
    """What of a verdict outlives a restart: not how many flows took ways of their own of late.

    When that changes, TTLs of which nothing is known yet are listed earlier.
    """
    addresses = {ttl: each for ttl, each in verdict.known.addresses.items() if each}
    return replace(
        verdict, known=replace(verdict.known, branches=1, addresses=addresses), news=False
    )


def shows(trace: Trace, ttl: int, addresses: tuple[str, ...]) -> bool:
    """Whether one of these addresses answered at a TTL."""
    return any(hop.ttl == ttl and set(hop.addresses) & set(addresses) for hop in trace.hops)


@settings(deadline=None, max_examples=40)
@given(histories, confirms)
def test_a_change_has_its_evidence(history: list[tuple[Trace, list[Trace]]], confirm: int) -> None:
    """Since the change before, `confirm` cycles showed something of what is new; it is new."""
    since = 0
    for number, verdict in enumerate(run(PathWatcher(confirm), history)):
        change = verdict.change
        if change is None:
            continue
        assert (change.old, change.old_hops) != (change.new, change.new_hops)
        shown = [trace for trace, _ in history[since : number + 1]]
        evidence = [
            sum(shows(trace, each.ttl, each.new) for trace in shown) for each in change.differences
        ]
        evidence.append(
            sum(trace.reached and trace.path_hops == change.new_hops for trace in shown)
        )
        assert max(evidence) >= confirm
        assert change.words
        since = number + 1


@settings(deadline=None, max_examples=40)
@given(histories, confirms)
def test_what_is_known_fits_together(
    history: list[tuple[Trace, list[Trace]]], confirm: int
) -> None:
    """The path consists of known addresses and ends at the destination; suspicions end."""
    for verdict in run(PathWatcher(confirm), history):
        known = verdict.known
        assert len(known.path) <= 8
        for ttl, address in enumerate(known.path, known.first_ttl):
            addresses = known.addresses.get(ttl, ())
            assert address == (addresses[0] if addresses else None)
        if known.hops is not None and known.path:
            assert known.first_ttl + len(known.path) - 1 == known.hops
        assert known.branches >= 1
        assert set(known.balancing) <= set(known.addresses)


@settings(deadline=None, max_examples=40)
@given(histories, confirms)
def test_order_of_answers_and_restarts_change_nothing(
    history: list[tuple[Trace, list[Trace]]], confirm: int
) -> None:
    """Answers in the reverse order, a restart between any two cycles: the same verdicts."""
    straight = run(PathWatcher(confirm), history)
    watcher = PathWatcher(confirm)
    for number, (trace, others) in enumerate(history):
        watcher = PathWatcher.from_json(watcher.to_json(), confirm)
        hops = [hop._replace(responses=hop.responses[::-1]) for hop in trace.hops]
        verdict = watcher.observe(
            replace(trace, hops=tuple(hops)), ORIGINS, float(number), others=others
        )
        assert lasting(verdict) == lasting(straight[number])


@settings(deadline=None, max_examples=80)
@given(st.lists(st.tuples(cycles(), lookups, st.integers(1, 6)), max_size=8), confirms)
def test_what_is_kept_in_short_changes_nothing(
    history: list[tuple[Trace, dict[str, HostInfo], int]], confirm: int
) -> None:
    """Cycles that come several times in a row, under origins that come and go.

    A watcher begun anew from what it saved has nothing but that: the same verdicts, the same state.
    """
    straight, anew = PathWatcher(confirm), PathWatcher(confirm)
    for number, (trace, origins) in enumerate(
        (trace, origins) for trace, origins, times in history for _ in range(times)
    ):
        anew = PathWatcher.from_json(anew.to_json(), confirm)
        verdict = straight.observe(trace, origins, float(number))
        assert anew.observe(trace, dict(origins), float(number)) == verdict
        assert without_reach(anew) == without_reach(straight)


@settings(deadline=None, max_examples=40)
@given(histories, confirms, st.integers(1, 6), st.integers(1, 6))
def test_whatever_was_before_a_change_counts_once(
    history: list[tuple[Trace, list[Trace]]], confirm: int, before: int, after: int
) -> None:
    """After any history: one path for long, then another with new routers. That is one change."""
    watcher = PathWatcher(confirm)
    run(watcher, history)
    for text, expected in ((f"{'p q r s t u'[: 2 * before]}", None), ("v w x y z n", 1)):
        words = text.split()[: after if expected else before]
        trace = traces(" ".join([*words, "D"]))[0]
        changes = [watcher.observe(trace, {}, 0.0).change for _ in range(40)]
        if expected is not None:
            assert sum(change is not None for change in changes) == expected
        assert watcher.known.path == (*words, "D")


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=8, unique=True),
    st.lists(st.integers(0, 2**27 - 1), max_size=30),
    st.sampled_from(ENDS),
)
def test_silence_alone_is_no_change(path: list[str], masks: list[int], stop: StopReason) -> None:
    """One path, any answers missing: never a change, neither of the path nor of the AS path."""
    watcher = PathWatcher(1)
    whole = traces(" ".join([*path, "D"]))[0]
    origins = {name: HostInfo(asn=ord(name)) for name in path}
    watcher.observe(whole, origins, 0.0)
    for mask in masks:
        hops = []
        for hop in whole.hops:
            bits = mask >> 3 * (hop.ttl - 1)
            kept = [each for each in hop.responses if bits >> each.probe.round & 1]
            hops.append(hop._replace(responses=tuple(kept)))
        rtts = tuple(each.rtt for each in hops[-1].responses)
        trace = a_trace(tuple(hops), StopReason.DESTINATION if rtts else stop, rtts)
        verdict = watcher.observe(trace, origins, 0.0)
        assert verdict.change is None
        assert verdict.as_change is None
        assert verdict.known.path == (*path, "D")


def test_state_is_bounded() -> None:
    """Each answer comes from a router that nobody has ever seen: what is remembered stays small."""
    watcher = PathWatcher(3)
    random = Random(1)
    for number in range(300):
        words = [
            "|".join(random.choice(("*", f"2001:db8:{number}:{ttl}::{each}")) for each in range(3))
            for ttl in range(30)
        ]
        watcher.observe(traces(" ".join(words))[0], {}, float(number))
    assert len(watcher.to_json()) < 30 * 10_000


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner)
)


@settings(deadline=None, max_examples=40)
@given(st.text() | values.map(json.dumps))
def test_any_text_as_state(text: str) -> None:
    """What is no saved state is refused."""
    with pytest.raises(BadState):
        PathWatcher.from_json(text, 3)


@settings(deadline=None, max_examples=40)
@given(histories, histories, st.data())
def test_damaged_state(
    before: list[tuple[Trace, list[Trace]]],
    after: list[tuple[Trace, list[Trace]]],
    data: st.DataObject,
) -> None:
    """A state with one value replaced by another is refused, or can be worked with."""
    watcher = PathWatcher(2)
    run(watcher, before)
    form = json.loads(watcher.to_json())
    place = form
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not (isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans())):
            break
        place = place[key]
    place[key] = data.draw(values)
    try:
        watcher = PathWatcher.from_json(json.dumps(form), 2)
    except BadState:
        return
    run(watcher, after)
    PathWatcher.from_json(watcher.to_json(), 2)


def test_states_of_another_version_and_too_deep() -> None:
    """A later version's state is refused, and so is one made to exhaust the stack."""
    form: dict[str, Any] = json.loads(PathWatcher(3).to_json())
    for text in (json.dumps({**form, "version": 2}), "[" * 100_000, "{}", "1" * 5000):
        with pytest.raises(BadState, match="unusable"):
            PathWatcher.from_json(text, 3)
