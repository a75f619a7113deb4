"""Pure: makes the `Trace` of what a cycle did, or of why it could not do anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from exporter.errors import ErrorReason
from exporter.model import Family, Protocol, StopReason, Trace
from exporter.strategy import TraceState


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
    subject: Subject, state: TraceState, errors: LocalErrors, started_at: float, duration: float
) -> Trace:
    """The trace that this state has come to; times in seconds, `started_at` since the epoch."""
    reason, code = state.stop_reason()
    sent, rtts = state.destination()
    return Trace(
        host=subject.host,
        address=subject.address,
        family=subject.family,
        protocol=subject.protocol,
        backend=subject.backend,
        started_at=started_at,
        duration=duration,
        stop_reason=reason,
        hops=state.hops(),
        code=code,
        destination_sent=sent,
        destination_rtts=rtts,
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
