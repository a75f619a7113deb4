"""The JSON of `/api/v1/history`: the latest cycles of a target, and its hops over the same time."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.monitoring.view import View
from exporter.reading.jsonform import rfc3339
from exporter.server.api import encode
from exporter.server.source import TargetState
from exporter.statistics.recent import Cycle, HopSum, Span


def history_pieces(state: TargetState, after: float | None) -> Iterator[bytes]:
    """`{"target": NAME, "families": [...]}`; `after` leaves out cycles up to then."""
    yield b'{"target":' + encode(state.target.name) + b',"families":['
    separator = b""
    for view in state.views:
        yield separator + encode(_history(view, after))
        separator = b","
    yield b"]}\n"


def _history(view: View, after: float | None) -> dict[str, object]:
    recent = view.tally.recent
    since = float("-inf") if after is None else after
    return {
        "family": view.family.value,
        "cycles": [_cycle(cycle) for cycle in recent.cycles() if cycle.at > since],
        "spans": [_span(span) for span in recent.spans()],
    }


def _cycle(cycle: Cycle) -> dict[str, object]:
    return {
        "at": rfc3339(cycle.at),
        "sent": cycle.sent,
        "lost": cycle.lost,
        "rtt_seconds": list(cycle.rtts),
    }


def _span(span: Span) -> dict[str, object]:
    return {
        "from": rfc3339(span.start),
        "to": rfc3339(span.end),
        "hops": [_hop(hop) for hop in span.hops],
    }


def _hop(hop: HopSum) -> dict[str, object]:
    return {
        "ttl": hop.ttl,
        "sent": hop.sent,
        "lost": hop.lost,
        "best_seconds": hop.best,
        "mean_seconds": hop.mean,
        "worst_seconds": hop.worst,
        "stddev_seconds": hop.stddev,
    }
