"""The JSON of `/api/v1`: targets in short, and one target with its latest traces."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from exporter.model import Trace
from exporter.monitoring.view import View
from exporter.reading.jsonform import host_json, loss_json, rfc3339, trace_json
from exporter.reading.path import as_path, links
from exporter.reading.words import errors_in_words, outcome_in_words, remedy_in_words
from exporter.server.source import TargetState
from exporter.trace.mtu import PathMtu
from exporter.watch.verdict import Balancing, Knowledge

RECENT = 30
"""Cycles that the short form of a target tells the RTT of, where it is asked to."""

_MEASURED = (
    "address",
    "backend",
    "reached",
    "stop_reason",
    "outcome",
    "remedy",
    "rtt_seconds",
    "loss_ratio",
    "hops",
    "last_trace_at",
    "last_change_at",
)


def encode(form: object) -> bytes:
    """JSON as UTF-8, compact; lone surrogates, which UTF-8 cannot hold, stay escaped."""
    text = json.dumps(form, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(form, separators=(",", ":")).encode()


def list_pieces(states: Iterable[TargetState], *, recent: bool = False) -> Iterator[bytes]:
    """`{"targets": [...]}` in pieces, one target each, so that ten thousand stall nobody."""
    separator = b""
    yield b'{"targets":['
    for state in states:
        yield separator + encode(state_json(state, recent=recent))
        separator = b","
    yield b"]}\n"


def incident_pieces(name: str, incidents: Iterable[dict[str, object]]) -> Iterator[bytes]:
    """`{"target": NAME, "incidents": [...]}` in pieces, one incident each."""
    separator = b""
    yield b'{"target":' + encode(name) + b',"incidents":['
    for incident in incidents:
        yield separator + encode(incident)
        separator = b","
    yield b"]}\n"


def state_json(state: TargetState, *, recent: bool = False) -> dict[str, object]:
    """A target in short: what it is, and how it is over each family."""
    families = [view_json(view) | (_recent(view) if recent else {}) for view in state.views]
    return {**_head(state), "families": families}


def event_json(view: View) -> dict[str, object]:
    """The event `state`: how a target is over one family, with its recent RTTs."""
    name = view.target.name
    return {"event": "state", "target": name, **view_json(view), **_recent(view)}


def target_json(state: TargetState) -> dict[str, object]:
    """A target in full: to the short form come, for each family, the path and the trace."""
    families = [{**view_json(view), **_detail(view)} for view in state.views]
    return {**_head(state), "families": families}


def view_json(view: View) -> dict[str, object]:
    """How a target is over one family; what is unknown, as before the first cycle, is null."""
    form: dict[str, object] = {"family": view.family.value, "protocol": view.protocol.value}
    trace, changed_at = view.trace, view.facts.changed_at
    if trace is None:
        return form | dict.fromkeys(_MEASURED) | {"as_path": [], "errors": []}
    return form | {
        "address": trace.address,
        "backend": trace.backend or None,
        "reached": trace.reached,
        "stop_reason": trace.stop_reason.value,
        "outcome": outcome_in_words(trace),
        "remedy": remedy_in_words(trace),
        "rtt_seconds": mean_rtt(trace),
        "loss_ratio": loss(trace),
        "hops": trace.path_hops,
        "last_trace_at": rfc3339(trace.started_at),
        "last_change_at": None if changed_at is None else rfc3339(changed_at),
        "as_path": list(as_path(view.path, view.infos)),
        "errors": errors_in_words(trace),
    }


def mean_rtt(trace: Trace) -> float | None:
    """Mean round trip to the destination in seconds; None where it never answered."""
    rtts = trace.destination_rtts
    return round(sum(rtts) / len(rtts), 9) if rtts else None


def loss(trace: Trace) -> float | None:
    """End-to-end loss from 0 to 1; None where nothing could be sent."""
    if not trace.destination_sent:
        return None
    return round(trace.destination_lost / trace.destination_sent, 6)


def _recent(view: View) -> dict[str, object]:
    """The median RTT of each of the latest cycles, None where nothing came back."""
    cycles = view.tally.recent.cycles(RECENT)
    return {"recent_rtt_seconds": [median(cycle.rtts) for cycle in cycles]}


def median(ascending: tuple[float, ...]) -> float | None:
    """The middle one, the lower of two; None of none."""
    return ascending[(len(ascending) - 1) // 2] if ascending else None


def _head(state: TargetState) -> dict[str, object]:
    target = state.target
    upcoming = state.next_cycle_at
    return {
        "name": target.name,
        "host": target.host,
        "labels": dict(target.labels),
        "interval_seconds": target.module.interval,
        "next_cycle_at": None if upcoming is None else rfc3339(upcoming),
    }


def _detail(view: View) -> dict[str, object]:
    facts = view.facts
    form: dict[str, object] = {
        "path": list(view.path),
        "branches": facts.branches,
        "first_ttl": facts.known.first_ttl,
        "parallel_hops": list(_parallel_hops(facts.known)),
        "links": [],
        "hosts": {address: host_json(info) for address, info in view.infos.items()},
        "outage": facts.outage,
        "mtu": None if facts.mtu is None else mtu_json(facts.mtu),
        "loss": loss_json(view.tally.window.loss),
        "changes": list(facts.history),
        "trace": None,
    }
    if view.trace is not None:
        name = view.target.name
        form["trace"] = trace_json(view.trace, view.infos, target=name, path=view.path)
        form["links"] = [
            {"ttl": ttl, "near": near, "far": far} for ttl, near, far in links(view.trace)
        ]
    return form


def _parallel_hops(known: Knowledge) -> Iterator[dict[str, object]]:
    """TTLs that show several addresses, and how traffic is spread there, as far as told."""
    for ttl, addresses in known.addresses.items():
        balancing = known.balancing.get(ttl, Balancing.NONE)
        if len(addresses) > 1 or balancing is not Balancing.NONE:
            yield {"ttl": ttl, "addresses": list(addresses), "balancing": balancing.value}


def mtu_json(mtu: PathMtu) -> dict[str, object]:
    """The path MTU in bytes, and what stops larger packets."""
    return {
        "bytes": mtu.size,
        "limited_by": mtu.limited_by,
        "black_hole": mtu.black_hole,
        "local": mtu.local,
    }
