"""What happens to targets, told to the log and to those who listen to events."""

from __future__ import annotations

import logging
import time

import structlog

from exporter.model import Family, HostInfo, Response, Trace
from exporter.monitoring.view import Key, View
from exporter.reading.jsonform import hop_json, rfc3339, trace_event_json
from exporter.server.api import event_json, mtu_json
from exporter.server.events import EventKind, Hub
from exporter.settings import Target
from exporter.trace.mtu import PathMtu
from exporter.watch.mtuwatch import MtuChange
from exporter.watch.verdict import Verdict, change_json

log = structlog.get_logger("daemon")


_State = tuple[str, str | None]
"""How the latest trace of a target ended, and the address."""


class Announcer:
    """Tells each thing once. Events that nobody wants are not even made."""

    def __init__(self, events: Hub) -> None:
        self._events = events
        self._told: dict[Key, tuple[Trace, _State]] = {}
        self._tells_all: bool = log.bind().is_enabled_for(logging.DEBUG)

    def heard(self, target: Target, family: Family, response: Response, info: HostInfo) -> None:
        """An answer came, and somebody listens to those on the way to this target."""
        form = hop_json(response, info, target=target.name)
        self._events.emit(EventKind.HOP, target.name, {**form, "family": family.value})

    def published(self, view: View) -> None:
        """A trace has ended, or more became known of the latest."""
        key, trace, name = view.key, view.trace, view.target.name
        former, state = self._told.get(key, (None, None))
        if trace is None or former is trace:
            return
        self._told[key] = trace, self._log(view, trace, state)
        if self._events.wants(EventKind.TRACE, name):
            form = trace_event_json(trace, view.infos, target=name, path=view.path)
            self._events.emit(EventKind.TRACE, name, form)

    def shown(self, view: View) -> None:
        """What the API and the page show of a target is new."""
        if self._events.wants(EventKind.STATE, view.target.name):
            self._events.emit(EventKind.STATE, view.target.name, event_json(view))

    def not_shown(self, view: View) -> None:
        """A bug that is being handled kept the metrics of a target as they were."""
        log.exception("metrics.failed", target=view.target.name, family=view.family.value)

    def changed(self, target: Target, family: Family, verdict: Verdict) -> None:
        """A change of path was confirmed."""
        labels = {"target": target.name, "family": family.value}
        if verdict.change is not None:
            log.info("path.changed", **labels, change=verdict.change.words)
        if verdict.as_change is not None:
            log.info("path.as_changed", **labels, change=verdict.as_change.words)
        if self._events.wants(EventKind.CHANGE, target.name):
            form = {
                "event": "change",
                "target": target.name,
                "family": family.value,
                "at": rfc3339(time.time()),
                **(change_json(verdict) or {}),
            }
            self._events.emit(EventKind.CHANGE, target.name, form)

    def mtu_changed(self, view: View, change: MtuChange) -> None:
        """A change of the path MTU was confirmed."""
        labels = {"target": view.target.name, "family": view.family.value}
        log.info(
            "path.mtu_changed",
            **labels,
            protocol=view.protocol.value,
            address=None if view.trace is None else view.trace.address,
            mtu=change.now.size,
            before=change.before.size,
            **_limiter(view.trace, change.now),
        )
        if self._events.wants(EventKind.MTU, view.target.name):
            form = {
                "event": "mtu",
                **labels,
                "at": rfc3339(time.time()),
                "mtu": mtu_json(change.now),
                "before": mtu_json(change.before),
            }
            self._events.emit(EventKind.MTU, view.target.name, form)

    def forget(self, name: str) -> None:
        """A target is no more."""
        for family in Family:
            self._told.pop((name, family), None)

    def _log(self, view: View, trace: Trace, former: _State | None) -> _State:
        """Log a trace; where the state is as before, only in detail. Gives the state."""
        if self._tells_all:
            log.debug(
                "trace.done",
                target=view.target.name,
                family=view.family.value,
                address=trace.address,
                stop_reason=trace.stop_reason.value,
                hops=trace.path_hops,
                seconds=round(trace.duration, 3),
            )
        state = (trace.errors[0][0] if trace.errors else trace.stop_reason.value, trace.address)
        if state == former:
            return former
        details = {"error": trace.message} if trace.message else {}
        log.info(
            "target.state",
            target=view.target.name,
            family=view.family.value,
            protocol=view.protocol.value,
            address=trace.address,
            state=state[0],
            **details,
        )
        return state


def _limiter(trace: Trace | None, mtu: PathMtu) -> dict[str, object]:
    """What stops larger packets, as far as known: of a router its address, and its TTL if seen."""
    if mtu.limited_by is None:
        known = {"local": mtu.local, "black_hole": mtu.black_hole}
        return {word: True for word, is_so in known.items() if is_so}
    hops = () if trace is None else trace.hops
    ttls = [hop.ttl for hop in hops if mtu.limited_by in hop.addresses]
    return {"limited_by": mtu.limited_by, **({"ttl": ttls[0]} if ttls else {})}
