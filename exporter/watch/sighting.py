"""Pure: what one cycle says of the path, with all that is no evidence for one left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from exporter.model import Hop, Kind, StopReason, Trace

Rejects = Callable[[int, str], bool]
"""Whether a router that says "unreachable" at this TTL is known to stand there."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """The answers of one cycle by TTL, each list in the order of its rounds; silent TTLs miss.

    `first_ttl` is the nearest that was probed; None where not all probes could be sent. `end` is
    the TTL at which the destination answered, `echoes` how often; None and 0 where it did not.
    `elsewhere` and `ends` are what other flows of the cycle showed.
    """

    first_ttl: int | None
    answers: Mapping[int, Sequence[str]]
    end: int | None
    echoes: int
    elsewhere: Mapping[int, frozenset[str]]
    ends: frozenset[str]

    @property
    def last(self) -> int:
        """The highest TTL that answered; 0 where none did."""
        return max(self.answers, default=0)


def sighting(trace: Trace, others: Sequence[Trace], is_known: Rejects) -> Sighting:
    """What a trace of the followed flow, and those of `others` at the same time, say of the path.

    A router that answers "unreachable" is no part of the path, for it may be any that learnt of an
    outage, unless it `is_known` at that TTL. A loop counts up to where it turns back: what
    follows is the same routers again, and tells of an outage.
    """
    answers = _answers(trace, is_known)
    elsewhere: dict[int, frozenset[str]] = {}
    ends: set[str] = set()
    for other in others:
        for ttl, addresses in _answers(other, is_known).items():
            elsewhere[ttl] = elsewhere.get(ttl, frozenset()).union(addresses)
        if other.reached:
            ends.add(str(other.path_hops))
    end = trace.path_hops if trace.reached else None
    echoes = len(answers.get(end, ())) if end else 0
    first = trace.hops[0].ttl if trace.hops and not trace.errors else None
    return Sighting(first, answers, end, echoes, elsewhere, frozenset(ends))


def distinct_paths(traces: Sequence[Trace]) -> int:
    """How many of the flows traced at one time took ways that an answer tells apart."""
    if len(traces) < 2:
        return 1
    kept: list[dict[int, str]] = []
    for trace in traces:
        shown = {ttl: each[0] for ttl, each in _answers(trace, _unknown).items()}
        if all(_differ(shown, other) for other in kept):
            kept.append(shown)
    return max(1, len(kept))


def _unknown(_ttl: int, _address: str) -> bool:
    return False


def _differ(one: Mapping[int, str], other: Mapping[int, str]) -> bool:
    return any(other.get(ttl, address) != address for ttl, address in one.items())


def _answers(trace: Trace, is_known: Rejects) -> dict[int, Sequence[str]]:
    found: dict[int, Sequence[str]] = {}
    for hop in trace.hops:
        addresses = _in_order(hop, is_known)
        if addresses:
            found[hop.ttl] = addresses
    if trace.stop_reason is StopReason.LOOP:
        _cut_at_turn(found)
    return found


def _in_order(hop: Hop, is_known: Rejects) -> Sequence[str]:
    if len(hop.responses) == 1 and hop.responses[0].kind is not Kind.UNREACHABLE:
        return (hop.responses[0].address,)
    counted = [
        (response.probe.round, response.address)
        for response in hop.responses
        if response.reached
        or response.kind is not Kind.UNREACHABLE
        or is_known(hop.ttl, response.address)
    ]
    counted.sort()
    return [address for _, address in counted]


def _cut_at_turn(answers: dict[int, Sequence[str]]) -> None:
    """Leave out all from the TTL on that shows what an earlier one showed, but for the one before.

    Some routers forward with TTL 0, so that the next one answers at two TTLs in a row.
    """
    shown: dict[str, int] = {}
    turn = None
    for ttl, addresses in sorted(answers.items()):
        if any(ttl - shown.get(address, ttl) > 1 for address in addresses):
            turn = ttl
            break
        for address in addresses:
            shown[address] = ttl
    for ttl in [each for each in answers if turn is not None and each >= turn]:
        del answers[ttl]
