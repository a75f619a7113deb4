"""Pure: watches the path to one address, and says when it has really changed.

- Silence is no evidence: a silent hop matches anything, and so does all behind a path's early end.
  A destination that falls silent, or an outage that cuts the path short, changes no path.
- An address that comes and goes is a parallel branch, known from then on; see `hopwatch`.
- A path has changed when `confirm` cycles that agree show, at one TTL at least, only addresses
  never known there, or the destination at another TTL. All that moved with it is one change.
- What an outage shows of new routers counts like any other path, if it lasts `confirm` cycles: the
  packets do go another way. A loop among known routers, or one router's "unreachable", does not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from exporter.errors import FtrError
from exporter.model import HostInfo, StopReason, Trace
from exporter.watch.aspath import AsWatch
from exporter.watch.knownpath import KnownPath
from exporter.watch.reach import Reach
from exporter.watch.saved import mapping
from exporter.watch.sighting import distinct_paths, sighting
from exporter.watch.verdict import AsPathChange, Knowledge, Verdict

_VERSION = 1
_SAVE_CYCLES = 512
"""State is called news at least so often, though nothing happened."""


class BadState(FtrError):
    """A saved state that this version cannot go on from."""


class PathWatcher:
    """The path to one address of one target, cycle after cycle.

    Give it each cycle, confirming ones too, by `observe`. When the destination's address changes, a
    new watcher is needed. `confirm` is at least 1. Memory is bounded whatever the network answers.
    """

    def __init__(self, confirm: int) -> None:
        self._confirm = max(1, confirm)
        self._observed = 0
        self._parallel = 1
        self._path = KnownPath(self._confirm)
        self._reach = Reach()
        self._as = AsWatch()
        self.known = Knowledge()
        """What is known of the path now."""
        self._told: tuple[Knowledge, Mapping[str, HostInfo]] | None = None

    def observe(
        self,
        trace: Trace,
        origins: Mapping[str, HostInfo],
        now: float,
        *,
        others: Sequence[Trace] = (),
        flow: str = "",
    ) -> Verdict:
        """Take in one cycle; `now` is wall-clock time in seconds since the epoch.

        `origins` says what is known of the addresses of the trace and of the path; it is kept, and
        must not change. `others` are
        traces of other flows in the same cycle. `flow` names all that routers may hash in the
        packets of `trace`: where it is another than before (a new source port, after a restart),
        a new way that joins the known path again is another branch, not a change.
        """
        if trace.stop_reason is StopReason.ERROR or not trace.hops:
            return Verdict(self.known, outage=self._reach.is_out(self._confirm))
        self._observed += 1
        seen = sighting(trace, others, self._path.is_known)
        news = self._path.see(seen, flow, now)
        change = self._path.change(seen, now)
        parallel = distinct_paths((trace, *others))
        if news or change is not None or parallel != self._parallel:
            self._parallel = parallel
            self._know()
        as_change = self._see_origins(origins, now, turned=change is not None)
        unusual = self._reach.see(trace, self._confirm)
        return Verdict(
            self.known,
            change,
            as_change,
            self._path.suspicion(seen) or unusual,
            self._path.is_unsettled(),
            self._reach.is_out(self._confirm),
            news or as_change is not None or self._observed % _SAVE_CYCLES == 0,
        )

    def _know(self) -> None:
        known = self._path.knowledge()
        branches = max(known.branches, self._parallel)
        if known.first_ttl != self.known.first_ttl:
            self._as = AsWatch()
        self.known = replace(known, branches=branches, as_path=self._as.path)

    def _see_origins(
        self, origins: Mapping[str, HostInfo], now: float, *, turned: bool
    ) -> AsPathChange | None:
        """Of the same origins on the same path nothing new can be concluded."""
        known = self.known
        if self._told is not None and self._told[0] is known and self._told[1] == origins:
            return None
        ttls = range(known.first_ttl, known.first_ttl + len(known.path))
        hops = [known.addresses.get(ttl, ()) for ttl in ttls]
        complete = known.hops is not None
        changed = self._as.see(hops, origins, self._confirm, turned=turned, complete=complete)
        if self._as.path != known.as_path:
            self.known = replace(known, as_path=self._as.path)
        self._told = (self.known, origins) if self._as.is_settled else None
        return None if changed is None else AsPathChange(now, *changed)

    # -- to be kept ---------------------------------------------------------------------------

    def to_json(self) -> str:
        """All that is remembered, for `from_json`; at most some hundred kilobytes, usually two."""
        form = {
            "version": _VERSION,
            "path": self._path.state(),
            "reach": self._reach.state(),
            "as": self._as.state(),
        }
        return json.dumps(form, separators=(",", ":"))

    @classmethod
    def from_json(cls, saved: str, confirm: int) -> PathWatcher:
        """Go on where `to_json` left off. Raises `BadState`, whatever the text is."""
        watcher = cls(confirm)
        try:
            watcher._restore(mapping(json.loads(saved)))
        except (ArithmeticError, KeyError, RecursionError, TypeError, ValueError) as error:
            raise BadState(f"the saved state of a path is unusable: {error}") from error
        return watcher

    def _restore(self, form: Mapping[str, object]) -> None:
        if form["version"] != _VERSION:
            raise ValueError(f"version {form['version']!r}")
        self._path = KnownPath.restored(form["path"], self._confirm)
        self._reach = Reach.restored(form["reach"])
        self.known = self._path.knowledge()
        self._as = AsWatch.restored(form["as"])
        self._know()
