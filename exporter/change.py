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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from exporter.aspath import AsWatch
from exporter.errors import FtrError
from exporter.hopwatch import Balancing, HopWatch
from exporter.model import HostInfo, StopReason, Trace
from exporter.reach import Reach
from exporter.saved import items, mapping, text, whole
from exporter.sighting import Sighting, distinct_paths, sighting
from exporter.verdict import AsPathChange, Difference, Knowledge, PathChange, Suspicion, Verdict

_VERSION = 1
_SAVE_CYCLES = 512
"""State is called news at least so often, though nothing happened."""
_LAST_TTL = 255


class BadState(FtrError):
    """A saved state that this version cannot go on from."""


class PathWatcher:
    """The path to one address of one target, cycle after cycle.

    Give it each cycle, confirming ones too, by `observe`. When the destination's address changes, a
    new watcher is needed. `confirm` is at least 1. Memory is bounded whatever the network answers.
    """

    def __init__(self, confirm: int) -> None:
        self._confirm = max(1, confirm)
        self._cycle = 0
        self._first = 1
        self._flow = ""
        self._foreign: set[int] = set()
        self._parallel = 1
        self._hops: dict[int, HopWatch] = {}
        self._end = HopWatch()
        self._reach = Reach()
        self._as = AsWatch()
        self._known = Knowledge()

    @property
    def known(self) -> Knowledge:
        """What is known of the path now."""
        return self._known

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

        `origins` says what is known of the addresses of the trace and of the path. `others` are
        traces of other flows in the same cycle. `flow` names all that routers may hash in the
        packets of `trace`: where it is another than before (a new source port, after a restart),
        a new way that joins the known path again is another branch, not a change.
        """
        if trace.stop_reason is StopReason.ERROR or not trace.hops:
            return Verdict(self._known, outage=self._reach.is_out(self._confirm))
        self._cycle += 1
        seen = sighting(trace, others, self._is_known)
        news = self._follow(flow, seen) | (seen.first_ttl != self._first)
        news |= self._take_in(seen, now)
        parallel = distinct_paths((trace, *others))
        self._first = seen.first_ttl
        replaced = self._replaced()
        change = self._turn(replaced, seen, now) if replaced else None
        if news or change is not None or parallel != self._parallel:
            self._parallel = parallel
            self._known = self._knowledge()
        as_change = self._see_origins(origins, now, turned=change is not None)
        unusual = self._reach.see(trace, self._confirm)
        return Verdict(
            self._known,
            change,
            as_change,
            self._suspicion(seen) or unusual,
            self._reach.is_out(self._confirm),
            news or as_change is not None or self._cycle % _SAVE_CYCLES == 0,
        )

    # -- one cycle ----------------------------------------------------------------------------

    def _is_known(self, ttl: int, address: str) -> bool:
        """Any may say "unreachable" where nothing was ever reached: there the path ends so."""
        watch = self._hops.get(ttl)
        return not self._end.known or (watch is not None and address in watch.known)

    def _follow(self, flow: str, seen: Sighting) -> bool:
        """Where another flow joins the known path again, its way there is a branch."""
        if flow != self._flow:
            self._foreign = set(self._hops)
            self._flow = flow
        if not self._foreign:
            return False
        last_hit = max((ttl for ttl in seen.answers if self._is_hit(ttl, seen)), default=0)
        for ttl in self._foreign.intersection(seen.answers):
            self._foreign.discard(ttl)
            watch = self._hops.get(ttl)
            if watch is not None and ttl < last_hit:
                watch.join(seen.answers[ttl], self._cycle)
        return True

    def _is_hit(self, ttl: int, seen: Sighting) -> bool:
        watch = self._hops.get(ttl)
        return watch is not None and not watch.known.keys().isdisjoint(seen.answers[ttl])

    def _take_in(self, seen: Sighting, now: float) -> bool:
        """Every TTL learns, the nearest first; what is behind a doubtful one may be elsewhere."""
        news = False
        limit = _LAST_TTL
        if self._end.known:
            news = self._see_end(seen, now)
            if self._end.streak:
                limit = min(seen.end or limit, int(self._end.primary or limit)) - 1
        for ttl in sorted(seen.answers.keys() | seen.elsewhere.keys()):
            watch = self._hops.setdefault(ttl, HopWatch())
            if ttl <= limit or watch.known:
                answers, elsewhere = seen.answers.get(ttl, ()), seen.elsewhere.get(ttl, ())
                news |= watch.see(answers, self._cycle, now, elsewhere)
                if watch.streak or watch.is_doubtful(self._confirm, self._cycle):
                    limit = min(limit, ttl)
        if not self._end.known and limit == _LAST_TTL:
            news |= self._see_end(seen, now)
        return news

    def _see_end(self, seen: Sighting, now: float) -> bool:
        """A destination first heard behind a silent TTL may only have been lost there."""
        is_first = not self._end.known
        ends = [str(seen.end)] * seen.echoes
        news = self._end.see(ends, self._cycle, now, seen.ends)
        if is_first and seen.end is not None and seen.end - 1 not in seen.answers:
            self._end.tentative = True
        return news

    def _watches(self) -> Iterator[HopWatch]:
        yield from self._hops.values()
        yield self._end

    def _replaced(self) -> list[HopWatch]:
        """Those that are sure to show something else now."""
        away = [watch for watch in self._watches() if watch.streak >= self._confirm]
        if not away:
            return away
        cycle, confirm = self._cycle, self._confirm
        mixed = any(watch.is_mixed(cycle) for watch in self._watches())
        return [watch for watch in away if watch.is_replaced(confirm, cycle, mixed=mixed)]

    def _suspicion(self, seen: Sighting) -> Suspicion | None:
        confirm, cycle = self._confirm, self._cycle
        if seen.end is not None and self._end.is_doubtful(confirm, cycle):
            return Suspicion.NEW_LENGTH
        if any(self._hops[ttl].is_doubtful(confirm, cycle) for ttl in seen.answers):
            return Suspicion.NEW_ADDRESS
        return None

    # -- a change -----------------------------------------------------------------------------

    def _turn(self, sure: Sequence[HopWatch], seen: Sighting, now: float) -> PathChange:
        """The path is another now. What was not seen since may have moved with it: it is forgotten

        where the path has moved on both sides, else only held for likely.
        """
        old = self._knowledge()
        start, since = min(each.start for each in sure), min(each.began for each in sure)
        moved = [ttl for ttl, watch in self._hops.items() if watch.streak]
        if self._end.streak:
            moved += [min(seen.end or _LAST_TTL, old.hops or _LAST_TTL), _LAST_TTL]
        near, far = min(moved), max(moved)
        for ttl, watch in list(self._hops.items()):
            if watch.streak:
                watch.turn(self._cycle, sure=watch in sure)
            elif watch.hit <= start:
                watch.tentative = True
                if near <= ttl <= far:
                    del self._hops[ttl]
        self._turn_end(seen, start)
        self._learn_rest(seen, now)
        new = self._knowledge()
        self._as.forget_others(frozenset(each for hop in new.addresses.values() for each in hop))
        differences = tuple(_differences(old.addresses, new.addresses))
        return PathChange(
            now, since, self._first, old.path, new.path, old.hops, new.hops, differences
        )

    def _turn_end(self, seen: Sighting, start: int) -> None:
        """Where the new path ends; if that was not heard, it is known as far as it answers."""
        last = _LAST_TTL
        if self._end.streak:
            self._end.turn(self._cycle, sure=True)
        elif self._end.hit <= start:
            self._end.tentative = True
            if seen.end is None:
                self._end, last = HopWatch(), seen.last
        last = max(map(int, self._end.known), default=last)
        for ttl in [each for each in self._hops if each > last]:
            del self._hops[ttl]

    def _learn_rest(self, seen: Sighting, now: float) -> None:
        """What was held back as doubtful is on the new path."""
        for ttl, answers in seen.answers.items():
            watch = self._hops.setdefault(ttl, HopWatch())
            if not watch.known:
                watch.see(answers, self._cycle, now)
        if not self._end.known:
            self._see_end(seen, now)

    # -- what is known ------------------------------------------------------------------------

    def _knowledge(self) -> Knowledge:
        end = self._end.primary
        hops = None if end is None else int(end)
        last = max((ttl for ttl, watch in self._hops.items() if watch.known), default=0)
        ttls = range(self._first, (hops or last) + 1)
        watches = [(ttl, self._hops[ttl]) for ttl in ttls if ttl in self._hops]
        addresses = {ttl: tuple(watch.known) for ttl, watch in watches}
        spread = ((ttl, watch.balancing(self._cycle)) for ttl, watch in watches)
        return Knowledge(
            path=tuple(next(iter(addresses.get(ttl, ())), None) for ttl in ttls),
            first_ttl=self._first,
            hops=hops,
            branches=max(self._parallel, *map(len, addresses.values()), 1),
            addresses=addresses,
            balancing={ttl: how for ttl, how in spread if how is not Balancing.NONE},
            as_path=self._known.as_path,
        )

    def _see_origins(
        self, origins: Mapping[str, HostInfo], now: float, *, turned: bool
    ) -> AsPathChange | None:
        known = self._known
        ttls = range(known.first_ttl, known.first_ttl + len(known.path))
        hops = [known.addresses.get(ttl, ()) for ttl in ttls]
        changed = self._as.see(hops, origins, self._confirm, turned=turned)
        if self._as.path != known.as_path:
            self._known = replace(known, as_path=self._as.path)
        return None if changed is None else AsPathChange(now, *changed)

    # -- to be kept ---------------------------------------------------------------------------

    def to_json(self) -> str:
        """All that is remembered, for `from_json`; at most some hundred kilobytes, usually two."""
        form = {
            "version": _VERSION,
            "cycle": self._cycle,
            "first": self._first,
            "flow": self._flow,
            "foreign": sorted(self._foreign),
            "hops": [[ttl, watch.state()] for ttl, watch in self._hops.items()],
            "end": self._end.state(),
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

    def _restore(self, form: dict[str, object]) -> None:
        if form["version"] != _VERSION:
            raise ValueError(f"version {form['version']!r}")
        self._cycle, self._first = whole(form["cycle"]), whole(form["first"])
        self._flow = text(form["flow"])
        self._foreign = {whole(ttl) for ttl in items(form["foreign"])}
        for ttl, state in items(form["hops"])[: _LAST_TTL + 1]:
            self._hops[min(whole(ttl), _LAST_TTL)] = HopWatch.restored(state)
        self._end = HopWatch.restored(form["end"])
        if any(not 0 < int(ttl) <= _LAST_TTL for ttl in self._end.known):
            raise ValueError("the path ends nowhere")
        self._reach = Reach.restored(form["reach"])
        self._as = AsWatch.restored(form["as"])
        self._known = replace(self._knowledge(), as_path=self._as.path)


def _differences(
    old: Mapping[int, tuple[str, ...]], new: Mapping[int, tuple[str, ...]]
) -> Iterator[Difference]:
    for ttl in sorted(old.keys() | new.keys()):
        before, after = old.get(ttl, ()), new.get(ttl, ())
        if set(before).isdisjoint(after) and (before or after):
            yield Difference(ttl, before, after)
