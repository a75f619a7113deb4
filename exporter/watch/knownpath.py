"""Pure: what is known of the path of one flow, and how a confirmed change moves it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from exporter.watch.hopwatch import HopWatch
from exporter.watch.saved import items, mapping, text, whole
from exporter.watch.sighting import Sighting
from exporter.watch.verdict import Balancing, Difference, Knowledge, PathChange, Suspicion

_LAST_TTL = 255
_NONE: frozenset[int] = frozenset()


class KnownPath:
    """What each TTL is known to show, and at which the destination answers.

    Silence is no evidence. Where a TTL shows something else than it is known for, all behind it may
    be elsewhere too: what is heard there for the first time is not learnt before that is settled.
    """

    __slots__ = (
        "_confirm",
        "_cycle",
        "_end",
        "_first",
        "_flow",
        "_foreign",
        "_hops",
        "_is_doubtful",
    )

    def __init__(self, confirm: int) -> None:
        self._confirm = confirm
        self._cycle = 0
        self._first = 1
        self._flow = ""
        self._foreign = _NONE
        self._hops: dict[int, HopWatch] = {}
        self._end = HopWatch()
        self._is_doubtful = False

    def see(self, seen: Sighting, flow: str, now: float) -> bool:
        """Take in a cycle; whether that was news. For `flow`, see `PathWatcher.observe`."""
        self._cycle += 1
        before = self._first
        self._first = seen.first_ttl or before
        news = self._follow(flow, seen)
        return self._take_in(seen, now) | news | (self._first != before)

    def change(self, seen: Sighting, now: float) -> PathChange | None:
        """What this cycle confirms to have changed, and know it from now on."""
        replaced = self._replaced()
        return self._turn(replaced, seen, now) if replaced else None

    def suspicion(self, seen: Sighting) -> Suspicion | None:
        """Whether this cycle showed a path that more cycles should confirm or refute."""
        if seen.end is not None and self._end.is_doubtful(self._confirm, self._cycle):
            return Suspicion.NEW_LENGTH
        return Suspicion.NEW_ADDRESS if self._is_doubtful else None

    def is_unsettled(self) -> bool:
        """Whether anything showed something new of late, and nothing known since."""
        return any(watch.rivals.streak for watch in self._watches())

    def is_known(self, ttl: int, address: str) -> bool:
        """Whether this router is known to stand there.

        Any is where no destination was ever reached: there, "unreachable" is how the path ends.
        """
        watch = self._hops.get(ttl)
        return not self._end.shown or (watch is not None and address in watch.shown)

    def knowledge(self) -> Knowledge:
        """What is known of the path, but for its AS path."""
        end = self._end.primary
        hops = None if end is None else int(end)
        last = max((ttl for ttl, watch in self._hops.items() if watch.shown), default=0)
        ttls = range(self._first, (hops or last) + 1)
        watches = [(ttl, self._hops[ttl]) for ttl in ttls if ttl in self._hops]
        addresses = {ttl: watch.shown for ttl, watch in watches}
        spread = ((ttl, watch.balancing(self._cycle)) for ttl, watch in watches)
        return Knowledge(
            path=tuple(next(iter(addresses.get(ttl, ())), None) for ttl in ttls),
            first_ttl=self._first,
            hops=hops,
            branches=max([1, *map(len, addresses.values())]),
            addresses=addresses,
            balancing={ttl: how for ttl, how in spread if how is not Balancing.NONE},
        )

    # -- to be kept ---------------------------------------------------------------------------

    def state(self) -> dict[str, object]:
        """All that is remembered, fit for JSON."""
        return {
            "cycle": self._cycle,
            "first": self._first,
            "flow": self._flow,
            "foreign": sorted(self._foreign),
            "hops": [[ttl, watch.state()] for ttl, watch in self._hops.items()],
            "end": self._end.state(),
        }

    @classmethod
    def restored(cls, state: object, confirm: int) -> KnownPath:
        """What `state` gave; raises `KeyError`, `TypeError` or `ValueError` where it is not."""
        form, memory = mapping(state), cls(confirm)
        memory._cycle, memory._first = whole(form["cycle"]), whole(form["first"])
        memory._flow = text(form["flow"])
        memory._foreign = frozenset(whole(ttl) for ttl in items(form["foreign"])) or _NONE
        for ttl, watch in items(form["hops"])[: _LAST_TTL + 1]:
            memory._hops[min(whole(ttl), _LAST_TTL)] = HopWatch.restored(watch)
        memory._end = HopWatch.restored(form["end"])
        if any(not 0 < int(ttl) <= _LAST_TTL for ttl in memory._end.addresses()):
            raise ValueError("the path ends nowhere")
        return memory

    # -- one cycle ----------------------------------------------------------------------------

    def _follow(self, flow: str, seen: Sighting) -> bool:
        """Where another flow joins the known path again, its way there is a branch."""
        if flow != self._flow:
            self._foreign = frozenset(self._hops) or _NONE
            self._flow = flow
        if not self._foreign:
            return False
        last_hit = max((ttl for ttl in seen.answers if self._is_hit(ttl, seen)), default=0)
        for ttl in self._foreign.intersection(seen.answers):
            watch = self._hops.get(ttl)
            if watch is not None and ttl < last_hit:
                watch.join(seen.answers[ttl], self._cycle)
        self._foreign = self._foreign.difference(seen.answers) or _NONE
        return True

    def _is_hit(self, ttl: int, seen: Sighting) -> bool:
        watch = self._hops.get(ttl)
        return watch is not None and not set(watch.shown).isdisjoint(seen.answers[ttl])

    def _take_in(self, seen: Sighting, now: float) -> bool:
        """Every TTL learns, the nearest first; what is behind a doubtful one may be elsewhere."""
        news = self._is_doubtful = False
        limit = _LAST_TTL
        if self._end.shown:
            news = self._see_end(seen, now)
            if self._end.rivals.streak:
                limit = min(seen.end or limit, int(self._end.primary or limit)) - 1
        ttls = seen.answers.keys() | seen.elsewhere.keys() if seen.elsewhere else seen.answers
        for ttl in sorted(ttls):
            watch = self._hops.get(ttl) or self._watch(ttl)
            answers, elsewhere = seen.answers.get(ttl, ()), seen.elsewhere.get(ttl, ())
            if answers and not elsewhere and watch.recognise(answers, self._cycle):
                continue
            if ttl <= limit or watch.shown:
                news |= watch.see(answers, self._cycle, now, elsewhere)
                if not watch.is_calm():
                    limit = min(limit, self._doubt(ttl, watch, answers))
        if not self._end.shown and limit == _LAST_TTL:
            news |= self._see_end(seen, now)
        return news

    def _watch(self, ttl: int) -> HopWatch:
        watch = self._hops.get(ttl)
        if watch is None:
            watch = self._hops[ttl] = HopWatch()
        return watch

    def _doubt(self, ttl: int, watch: HopWatch, answers: Sequence[str]) -> int:
        """The TTL up to which this one leaves no doubt about the path."""
        is_doubtful = watch.is_doubtful(self._confirm, self._cycle)
        self._is_doubtful |= is_doubtful and bool(answers)
        return ttl if is_doubtful or watch.rivals.streak else _LAST_TTL

    def _see_end(self, seen: Sighting, now: float) -> bool:
        """A destination first heard behind a silent TTL may only have been lost there."""
        is_first = not self._end.shown
        ends = [str(seen.end)] * seen.echoes
        news = self._end.see(ends, self._cycle, now, seen.ends)
        if is_first and seen.end is not None and seen.end - 1 not in seen.answers:
            self._end.tentative = True
        return news

    def _watches(self) -> list[HopWatch]:
        return [*self._hops.values(), self._end]

    def _replaced(self) -> list[HopWatch]:
        """Those that are sure to show something else now."""
        away = [watch for watch in self._watches() if watch.rivals.streak >= self._confirm]
        if not away:
            return away
        spread = max(watch.spread(self._cycle) for watch in self._watches())
        return [watch for watch in away if watch.is_replaced(self._confirm, spread)]

    # -- a change -----------------------------------------------------------------------------

    def _turn(self, sure: Sequence[HopWatch], seen: Sighting, now: float) -> PathChange:
        """The path is another now; what was still as known after the change began is as known.

        All else has moved with it: to what it shows instead, if anything. Where it was silent, it
        is forgotten if the path has moved on both sides, else only held for likely.
        """
        old = self.knowledge()
        start = min(watch.rivals.start for watch in sure)
        since = min(watch.rivals.began for watch in sure)
        gone = [watch for watch in self._watches() if watch in sure or _has_moved(watch, start)]
        moved = [ttl for ttl, watch in self._hops.items() if watch in gone]
        if self._end in gone:
            moved += [min(seen.end or _LAST_TTL, old.hops or _LAST_TTL), _LAST_TTL]
        near, far = min(moved), max(moved)
        for ttl, watch in list(self._hops.items()):
            if watch in gone:
                watch.turn(self._cycle, sure=watch in sure)
            elif watch.hit <= start:
                watch.tentative = True
                if near <= ttl <= far:
                    del self._hops[ttl]
        self._turn_end(seen, start, is_gone=self._end in gone)
        self._is_doubtful = False
        self._learn_rest(seen, now)
        new = self.knowledge()
        differences = tuple(_differences(old.addresses, new.addresses))
        return PathChange(
            now, since, self._first, old.path, new.path, old.hops, new.hops, differences
        )

    def _turn_end(self, seen: Sighting, start: int, *, is_gone: bool) -> None:
        """Where the new path ends; if that was not heard, it is known as far as it answers."""
        last = _LAST_TTL
        if is_gone:
            self._end.turn(self._cycle, sure=True)
        elif self._end.hit <= start:
            self._end.tentative = True
            if seen.end is None:
                self._end, last = HopWatch(), seen.last
        last = max(map(int, self._end.shown), default=last)
        for ttl in [each for each in self._hops if each > last]:
            del self._hops[ttl]

    def _learn_rest(self, seen: Sighting, now: float) -> None:
        """What was held back as doubtful is on the new path."""
        for ttl, answers in seen.answers.items():
            watch = self._watch(ttl)
            if not watch.shown:
                watch.see(answers, self._cycle, now)
        if not self._end.shown:
            self._see_end(seen, now)


def _differences(
    old: Mapping[int, tuple[str, ...]], new: Mapping[int, tuple[str, ...]]
) -> Iterator[Difference]:
    for ttl in sorted(old.keys() | new.keys()):
        before, after = old.get(ttl, ()), new.get(ttl, ())
        if set(before).isdisjoint(after) and (before or after):
            yield Difference(ttl, before, after)


def _has_moved(watch: HopWatch, start: int) -> bool:
    """Whether it shows something else, and was not as known after the change began."""
    return watch.rivals.streak > 0 and watch.hit <= start
