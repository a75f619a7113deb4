"""Pure: which TTL to probe next, how long to wait, and when a trace is done.

A trace is a number of rounds. In a round every TTL up to the horizon is probed at once; the horizon
is the path length known from earlier traces, or a window ahead of the farthest answer. A round is
over when every TTL up to its end has answered or is given up. A silent hop costs a multiple of the
RTTs around it. Where the destination seems silent, one probe with the highest TTL (the last ditch)
tells whether it can be reached at all. Times are seconds of one monotonic clock, given by callers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from exporter.model import Hop, Kind, Response, StopReason

WINDOW = 8
"""TTLs probed ahead of the farthest answer while the length of the path is unknown."""
BEYOND = 2
"""TTLs probed behind a known destination that went silent."""
HERE = 3.0
"""Patience with a hop, in multiples of its own RTT of late and of those on both sides of it."""
NEAR = 10.0
"""Patience with a hop behind which nothing answered yet, in multiples of the RTT before it."""
FAR_SECONDS = 1.0
"""The least patience with such a hop at first sight: the next link may cross an ocean."""
_DOUBTS = 2


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a trace teaches the next one to the same address.

    `length` is the TTL of the destination if `reached`, else one more than the farthest hop that
    answered; None if nothing is known. `rtts` are the latest RTTs in seconds by TTL.
    """

    length: int | None = None
    reached: bool = False
    rtts: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a trace shall do. Seconds: `timeout` bounds every wait, `patience` is the shortest one,

    `spacing` is the least time between the starts of two rounds.
    """

    first_hop: int = 1
    max_hops: int = 30
    rounds: int = 3
    timeout: float = 2.0
    patience: float = 0.5
    spacing: float = 0.0
    lesson: Lesson = field(default_factory=Lesson)


class _Round:
    """One round: what was asked, what still waits, what answered."""

    __slots__ = (
        "asked",
        "ditched",
        "end",
        "horizon",
        "looped",
        "queue",
        "reached",
        "rtts",
        "started",
        "waiting",
    )

    def __init__(self, started: float, ttls: Iterable[int]) -> None:
        self.started = started
        self.queue = list(ttls)
        self.asked = set(self.queue)
        self.horizon = max(self.queue, default=0)
        self.waiting: dict[int, float] = {}
        self.rtts: dict[int, float] = {}
        self.end: int | None = None
        self.reached = False
        self.ditched = False
        self.looped = False

    def ask(self, ttls: Iterable[int]) -> None:
        fresh = [ttl for ttl in ttls if ttl not in self.asked]
        self.queue += fresh
        self.asked.update(fresh)

    def finish_at(self, ttl: int, reached: bool) -> None:
        """The path ends at `ttl`; the destination's word counts for more than a router's."""
        if self.end is None or (reached, -ttl) > (self.reached, -self.end):
            self.end, self.reached = ttl, reached


class TraceState:
    """One trace in progress: probes out, responses and clock readings in.

    `wanted` gives what to send now; report each as `sent` or `unsent`, every answer as `responded`,
    and call `advance` whenever `responded` says so and when the time of `deadline` has come.
    """

    def __init__(self, plan: Plan, now: float) -> None:
        self._plan = plan
        self._length = plan.lesson.length
        self._known_end = plan.lesson.reached
        self._rounds: list[_Round] = []
        self._sent: dict[int, int] = {}
        self._responses: dict[int, list[Response]] = {}
        self._doubts = 0
        self._checkpoint = now + plan.patience
        self._aborted = False
        self.done = False
        self._start_round(now, self._first_ttls())

    def wanted(self) -> list[tuple[int, int]]:
        """(round, TTL) of every probe to send now, each given out once, nearest hop first."""
        current = self._rounds[-1]
        number = len(self._rounds) - 1
        queue, current.queue = current.queue, []
        return [(number, ttl) for ttl in queue]

    def sent(self, number: int, ttl: int, now: float) -> None:
        """A probe left at `now`."""
        self._sent[ttl] = self._sent.get(ttl, 0) + 1
        self._rounds[number].waiting[ttl] = now
        self._checkpoint = now + self._plan.patience

    def unsent(self, number: int, ttl: int) -> None:
        """A probe reported as sent was dropped by this host: it is neither sent nor lost."""
        if self._rounds[number].waiting.pop(ttl, None) is not None:
            self._sent[ttl] -= 1

    def abort(self) -> None:
        """End at once, because probes cannot be sent."""
        self.done = self._aborted = True

    def responded(self, response: Response, now: float) -> bool:
        """An answer to a probe of this trace. True says that `advance` may have news to act on."""
        _, number, ttl = response.probe
        asked, current = self._rounds[number], self._rounds[-1]
        if asked.waiting.pop(ttl, None) is None:
            return False
        self._responses.setdefault(ttl, []).append(response)
        asked.rtts[ttl] = response.rtt
        if response.reached or response.kind is Kind.UNREACHABLE:
            asked.finish_at(ttl, response.reached)
        elif asked is current and asked.end is None:
            self._widen(asked, ttl)
        return bool(current.queue) or now >= self._checkpoint or not self._waits_for(current)

    def is_beyond(self, ttl: int) -> bool:
        """Whether the path is known to end before this TTL."""
        end, _ = self._end()
        return end is not None and ttl > end

    def advance(self, now: float) -> None:
        """Move on as far as what is known at `now` allows."""
        current = self._rounds[-1]
        if self.done or current.queue or now < self._patience_ends(current):
            return
        self._look_further(current)
        if current.queue:
            return
        self._learn()
        regular = len(self._rounds) < self._plan.rounds
        ttls = self._first_ttls() if regular else self._doubtful()
        if not ttls or not self._sent:
            self.done = True
        elif now >= current.started + self._plan.spacing or not regular:
            self._start_round(now, ttls)

    def deadline(self, now: float) -> float | None:
        """When to call `advance` though nothing answers; None once the trace is done."""
        if self.done:
            return None
        if now < self._checkpoint and self._waits_for(self._rounds[-1]):
            return self._checkpoint
        ends = self._patience_ends(self._rounds[-1])
        return ends if ends > now else max(now, self._rounds[-1].started + self._plan.spacing)

    # -- which TTLs ---------------------------------------------------------------------------

    def _start_round(self, now: float, ttls: Iterable[int]) -> None:
        self._rounds.append(_Round(now, ttls))
        if self._length is not None and not self._known_end:
            self._ditch(self._rounds[-1])

    def _first_ttls(self) -> Iterable[int]:
        plan = self._plan
        horizon = plan.first_hop + WINDOW - 1 if self._length is None else self._length
        return range(plan.first_hop, min(max(horizon, plan.first_hop), plan.max_hops) + 1)

    def _extend(self, current: _Round, horizon: int) -> None:
        horizon = min(horizon, self._plan.max_hops)
        current.ask(range(current.horizon + 1, horizon + 1))
        current.horizon = max(current.horizon, horizon)

    def _widen(self, current: _Round, ttl: int) -> None:
        """A router answered at `ttl`, so the path goes on behind it, unless it runs in a circle."""
        if current.looped or (self._length is not None and ttl < self._length):
            return
        if has_loop(self._addresses(), ttl):
            current.looped = True
        else:
            self._extend(current, ttl + WINDOW)

    def _ditch(self, current: _Round) -> None:
        current.ditched = True
        current.ask([self._plan.max_hops])

    def _look_further(self, current: _Round) -> None:
        """All that was asked is answered or given up; ask more where the end is not in sight."""
        last = self._plan.max_hops
        if current.end == last and current.horizon < last:
            self._extend(current, current.horizon + WINDOW)
        elif current.end is None and not (current.looped or current.ditched):
            if self._length is None:
                self._ditch(current)
            elif self._known_end and self._is_last_chance():
                self._extend(current, self._length + BEYOND)
                self._ditch(current)

    def _is_last_chance(self) -> bool:
        return len(self._rounds) >= self._plan.rounds and not any(r.reached for r in self._rounds)

    def _doubtful(self) -> list[int]:
        """The TTL before a new-found end, if silent: was it a hop, or the destination, unheard?"""
        end, reached = self._end()
        before = (end or 0) - 1
        if not reached or end == self._plan.lesson.length or before < self._plan.first_hop:
            return []
        if before in self._responses or self._doubts == _DOUBTS:
            return []
        self._doubts += 1
        return [before]

    # -- how long to wait ---------------------------------------------------------------------

    def _waits_for(self, current: _Round) -> list[int]:
        """TTLs not answered that matter: those before the end, where there is one."""
        if current.end is None:
            return list(current.waiting)
        return [ttl for ttl in current.waiting if ttl < (current.end or 0)]

    def _patience_ends(self, current: _Round) -> float:
        """When the last TTL that matters is given up; 0 where none is waited for."""
        return max(
            (current.waiting[ttl] + self._wait(current, ttl) for ttl in self._waits_for(current)),
            default=0.0,
        )

    def _wait(self, current: _Round, ttl: int) -> float:
        before = current.rtts.get(max((t for t in current.rtts if t < ttl), default=0), 0.0)
        behind = current.rtts.get(min((t for t in current.rtts if t > ttl), default=0))
        own = max((r.rtts[ttl] for r in self._rounds if ttl in r.rtts), default=0.0)
        own = own or self._plan.lesson.rtts.get(ttl, 0.0)
        if behind is not None or own:
            wait = HERE * max(before, behind or 0.0, own)
        else:
            first_look = FAR_SECONDS if self._length is None else 0.0
            wait = max(first_look, NEAR * before) if before else self._plan.timeout
        return min(max(wait, self._plan.patience), self._plan.timeout)

    # -- what came of it ----------------------------------------------------------------------

    def _addresses(self) -> dict[int, str]:
        return {ttl: found[-1].address for ttl, found in self._responses.items()}

    def _end(self) -> tuple[int | None, bool]:
        """The TTL at which the path ends, and whether the destination said so."""
        ends = [(not r.reached, r.end) for r in self._rounds if r.end is not None]
        if not ends:
            return None, False
        by_router, end = min(ends)
        return end, not by_router

    def _learn(self) -> None:
        lesson = self.lesson()
        self._length, self._known_end = lesson.length, lesson.reached

    def lesson(self) -> Lesson:
        """What the next trace of this address should know."""
        end, reached = self._end()
        old = self._plan.lesson
        rtts = {ttl: found[-1].rtt for ttl, found in self._responses.items()}
        if reached:
            return Lesson(end, True, rtts)
        if old.reached:
            return Lesson(old.length, True, {**old.rtts, **rtts})
        horizon = max(r.horizon for r in self._rounds)
        answered = [ttl for ttl in self._responses if ttl <= horizon]
        length = end or min(
            max(answered, default=self._plan.first_hop - 1) + 1, self._plan.max_hops
        )
        return Lesson(length, False, rtts)

    def hops(self) -> tuple[Hop, ...]:
        """The hops up to the end of the path.

        Where the destination was not reached: up to one silent hop behind the last that answered,
        or up to the TTL at which the destination was known.
        """
        end, _ = self._end()
        last = self.lesson().length if end is None else end
        return tuple(
            Hop(ttl, sent, tuple(self._responses.get(ttl, ())))
            for ttl, sent in sorted(self._sent.items())
            if sent and ttl <= (last or 0)
        )

    def stop_reason(self) -> tuple[StopReason, int | None]:
        """Why the trace ended, with the ICMP code where that is `unreachable`."""
        end, reached = self._end()
        if reached:
            return StopReason.DESTINATION, None
        if self._aborted or not any(self._sent.values()):
            return StopReason.ERROR, None
        if end is not None:
            found = self._responses[end]
            return StopReason.UNREACHABLE, next(r.code for r in found if r.kind is Kind.UNREACHABLE)
        if any(r.looped for r in self._rounds):
            return StopReason.LOOP, None
        if max(r.horizon for r in self._rounds) >= self._plan.max_hops:
            return StopReason.MAX_HOPS, None
        return StopReason.GAP, None

    def destination(self) -> tuple[int, tuple[float, ...]]:
        """Probes that should have reached the destination, and the RTTs of those answered by it."""
        end, _ = self._end()
        last = end or self._length or self._plan.max_hops
        sent = max((count for ttl, count in self._sent.items() if ttl >= last), default=0)
        if end is not None:
            sent = self._sent[end]
        found = self._responses.get(end or 0, ())
        return sent, tuple(response.rtt for response in found if response.reached)


def has_loop(addresses: Mapping[int, str], ttl: int) -> bool:
    """Whether the path that ends at `ttl` has gone through the same routers three times.

    Twice is not enough: parallel branches of different length show a router at two TTLs.
    """
    for period in range(2, (ttl - 1) // 2 + 1):
        cycle = [addresses.get(ttl - step) for step in range(2 * period + 1)]
        if None not in cycle and cycle[:period] == cycle[period : 2 * period]:
            return len(set(cycle)) > 1 and cycle[0] == cycle[2 * period]
    return False
