"""Pure: makes the `Trace` of what a cycle did, or of why it could not do anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from exporter.errors import ErrorReason
from exporter.model import Family, Hop, Protocol, StopReason, Trace
from exporter.trace.strategy import TraceState


@dataclass(frozen=True, slots=True)
class Subject:
    """What is traced and through which backend; no address where the name has none."""

    host: str
    address: str | None
    family: Family
    protocol: Protocol
    backend: str = ""


@dataclass(frozen=True, slots=True)
class LocalErrors:
    """What failed on this host during a trace: how often for each reason, the latest in words."""

    counts: Mapping[ErrorReason, int]
    message: str | None = None


def conclude(
    subject: Subject,
    states: Sequence[TraceState],
    errors: LocalErrors,
    started_at: float,
    duration: float,
) -> Trace:
    """The trace that the states of its flows have come to, flow 0 first and foremost.

    Times in seconds, `started_at` since the epoch. Hops behind the end of flow 0 are left out.
    """
    reason, code = states[0].stop_reason()
    ends = [state.destination() for state in states]
    return Trace(
        host=subject.host,
        address=subject.address,
        family=subject.family,
        protocol=subject.protocol,
        backend=subject.backend,
        started_at=started_at,
        duration=duration,
        stop_reason=reason,
        hops=_merged([state.hops() for state in states]),
        code=code,
        destination_sent=sum(sent for sent, _ in ends),
        destination_rtts=tuple(rtt for _, rtts in ends for rtt in rtts),
        errors=tuple((reason.value, count) for reason, count in errors.counts.items()),
        message=errors.message,
    )


def could_not_try(subject: Subject, reason: ErrorReason, message: str, started_at: float) -> Trace:
    """The trace of a cycle in which nothing could be sent."""
    return Trace(
        host=subject.host,
        address=subject.address,
        family=subject.family,
        protocol=subject.protocol,
        backend=subject.backend,
        started_at=started_at,
        duration=0.0,
        stop_reason=StopReason.ERROR,
        errors=((reason.value, 1),),
        message=message,
    )


def joined(first: Trace, then: Trace) -> Trace:
    """One cycle's trace with one that followed at once to confirm it: every probe of both counts.

    The path is that of the later one, unless only the first reached the destination.
    """
    base, other = (then, first) if then.reached or not first.reached else (first, then)
    errors = Counter(dict(first.errors)) + Counter(dict(then.errors))
    return replace(
        base,
        started_at=first.started_at,
        duration=first.duration + then.duration,
        hops=_merged([base.hops, other.hops]),
        destination_sent=first.destination_sent + then.destination_sent,
        destination_rtts=first.destination_rtts + then.destination_rtts,
        errors=tuple(errors.items()),
        message=then.message or first.message,
    )


def _merged(flows: Sequence[tuple[Hop, ...]]) -> tuple[Hop, ...]:
    """The hops of the first with what the others saw at the same TTLs."""
    if len(flows) == 1:
        return flows[0]
    others = [{hop.ttl: hop for hop in hops} for hops in flows[1:]]
    merged = []
    for hop in flows[0]:
        found = [hop, *(each[hop.ttl] for each in others if hop.ttl in each)]
        responses = tuple(response for each in found for response in each.responses)
        merged.append(Hop(hop.ttl, sum(each.sent for each in found), responses))
    return tuple(merged)
