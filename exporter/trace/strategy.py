"""Pure: which TTL to probe next, how long to wait, and when a trace is done.

A trace is a number of rounds. In a round every TTL up to the horizon is probed at once; the horizon
is the path length known from earlier traces, or a window ahead of the farthest answer. A round is
over when every TTL up to its end has answered or is given up. A silent hop costs a multiple of the
RTTs around it. Where the destination seems silent, one probe with the highest TTL (the last ditch)
tells whether it can be reached at all. Times are seconds of one monotonic clock, given by callers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from exporter.model import Hop, Response, StopReason
from exporter.trace.findings import Findings
from exporter.trace.plan import Lesson, Plan
from exporter.trace.rounds import Round

WINDOW = 8
"""TTLs probed ahead of the farthest answer while the length of the path is unknown."""
BEYOND = 2
"""TTLs probed behind a known destination that went silent."""
FAR_SECONDS = 1.0
"""The least patience with such a hop at first sight: the next link may cross an ocean."""
NO_RTT_SECONDS = 0.01
"""No multiple of RTTs is less: on a short way routers need longer to answer than the way takes."""
_DOUBTS, _SWIFT_DOUBTS = 2, 1


class TraceState:
    """One trace in progress: probes out, responses and clock readings in.

    `wanted` gives what to send now; report each as `sent` or `unsent`, every answer as `responded`,
    and call `advance` whenever `responded` says so and when the time of `deadline` has come.
    """

    def __init__(self, plan: Plan, now: float, lesson: Lesson | None = None) -> None:
        """Begin at `now`; `lesson` stands in for that of the plan."""
        self._plan = plan
        self._lesson = lesson = lesson or plan.lesson
        self._findings = Findings()
        self._known = lesson
        self._rounds: list[Round] = []
        self._doubts = 0
        self._soonest = 0.0 if plan.is_swift else plan.patience
        """Seconds after a probe in which no hop is given up."""
        self._checkpoint = now + self._soonest
        self._aborted = False
        self._ended_at: float | None
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
        self._findings.count(ttl, 1)
        self._rounds[number].waiting[ttl] = now
        self._checkpoint = now + self._soonest

    def unsent(self, number: int, ttl: int) -> None:
        """A probe reported as sent was dropped by this host: it is neither sent nor lost."""
        if self._rounds[number].waiting.pop(ttl, None) is not None:
            self._findings.count(ttl, -1)

    def again(self, number: int, ttl: int) -> None:
        """Nobody can tell whether a probe was answered: it does not count, but another one will."""
        current = self._rounds[-1]
        if ttl in self._rounds[number].waiting:
            self.unsent(number, ttl)
            if self._rounds[number] is current:
                current.queue.append(ttl)

    def hurry(self, plan: Plan) -> bool:
        """Take over its spacing and linger, and its rounds where they are fewer; those that have

        begun go on. Gives whether anything was otherwise before.
        """
        now = self._plan
        rounds = min(now.rounds, plan.rounds)
        self._plan = replace(now, rounds=rounds, spacing=plan.spacing, linger=plan.linger)
        return self._plan != now

    def abort(self) -> None:
        """End at once, because probes cannot be sent; those still on their way are not lost."""
        self.done = self._aborted = True
        for ttl in tuple(self._rounds[-1].waiting):
            self.unsent(len(self._rounds) - 1, ttl)

    def responded(self, response: Response, now: float) -> bool:
        """An answer to a probe of this trace. True says that `advance` may have news to act on."""
        asked, current = self._rounds[response.probe.round], self._rounds[-1]
        if not asked.answered(response):
            return False
        self._findings.add(response)
        if asked is current and asked.end is None:
            self._widen(current, response.probe.ttl)
        return bool(current.queue) or now >= self._checkpoint or current.is_complete()

    @property
    def end(self) -> int | None:
        """The TTL at which the path is known to end."""
        return self._findings.end

    @property
    def is_silent(self) -> bool:
        """Whether probes left this host and nothing at all was answered."""
        found = self._findings
        return not (found.responses or self._aborted) and any(found.sent.values())

    def is_beyond(self, ttl: int) -> bool:
        """Whether the path is known to end before this TTL."""
        end = self._findings.end
        return end is not None and ttl > end

    def advance(self, now: float) -> None:
        """Move on as far as what is known at `now` allows."""
        current = self._rounds[-1]
        if self.done or current.queue or (now < self._checkpoint and not current.is_complete()):
            return
        if self._ended_at is None and now < self._patience_ends(current):
            return
        self._look_further(current)
        if current.queue:
            return
        self._known = self.lesson()
        regular = len(self._rounds) < self._plan.rounds
        ttls = self._first_ttls() if regular else self._doubtful()
        if not ttls or not self._findings.sent:
            self._ended_at = now if self._ended_at is None else self._ended_at
            self.done = now >= self._lingers_until()
        elif now >= current.started + self._plan.spacing or not regular:
            self._start_round(now, ttls)

    def deadline(self, now: float) -> float | None:
        """When to call `advance` though nothing answers; None once the trace is done."""
        if self.done:
            return None
        current = self._rounds[-1]
        if now < self._checkpoint and not current.is_complete():
            return self._checkpoint
        if self._ended_at is not None:
            return max(now, self._lingers_until())
        ends = self._patience_ends(current)
        return max(now, ends if ends > now else current.started + self._plan.spacing)

    # -- which TTLs ---------------------------------------------------------------------------

    def _start_round(self, now: float, ttls: Sequence[int]) -> None:
        self._ended_at = None
        self._rounds.append(Round(now, ttls))
        if self._known.length is not None and not self._known.reached:
            self._ditch(self._rounds[-1])

    def _first_ttls(self) -> Sequence[int]:
        plan, length = self._plan, self._known.length
        horizon = plan.first_hop + WINDOW - 1 if length is None else length
        return range(plan.first_hop, min(max(horizon, plan.first_hop), plan.max_hops) + 1)

    def _widen(self, current: Round, ttl: int) -> None:
        """A router answered at `ttl`, so the path goes on behind it, unless it runs in a circle."""
        if self._known.length is not None and ttl < self._known.length:
            return
        if not self._findings.look_for_loop(ttl):
            current.extend(min(ttl + WINDOW, self._plan.max_hops))

    def _ditch(self, current: Round) -> None:
        current.ditched = True
        current.ask([self._plan.max_hops])

    def _look_further(self, current: Round) -> None:
        """All that was asked is answered or given up; ask more where the end is not in sight."""
        last = self._plan.max_hops
        if current.end == last and current.horizon < last:
            current.extend(min(current.horizon + WINDOW, last))
        elif current.end is None and self._findings.loop is None and not current.ditched:
            if self._known.length is None:
                self._ditch(current)
            elif self._known.reached and self._is_last_chance():
                current.extend(min(self._known.length + BEYOND, last))
                self._ditch(current)

    def _is_last_chance(self) -> bool:
        return len(self._rounds) >= self._plan.rounds and not self._findings.reached

    def _doubtful(self) -> Sequence[int]:
        """The TTL before a new-found end, if silent: was it a hop, or the destination, unheard?"""
        found = self._findings
        before = (found.end or 0) - 1
        doubts = _SWIFT_DOUBTS if self._plan.is_swift else _DOUBTS
        if not found.reached or found.end == self._lesson.length:
            return ()
        if before < self._plan.first_hop or before in found.responses or self._doubts == doubts:
            return ()
        self._doubts += 1
        return (before,)

    # -- how long to wait ---------------------------------------------------------------------

    def _patience_ends(self, current: Round) -> float:
        """When the last TTL that matters is given up; 0 where none is waited for."""
        outstanding = current.outstanding()
        if not outstanding:
            return 0.0
        lately = {**self._lesson.rtts, **self._findings.rtts}
        return max(current.waiting[ttl] + self._wait(current, ttl, lately) for ttl in outstanding)

    def _wait(self, current: Round, ttl: int, lately: Mapping[int, float]) -> float:
        wait = current.wait_for(ttl, lately)
        if wait is None:
            return self._plan.timeout
        first_look = self._known.length is None and ttl > max(current.rtts, default=0)
        if first_look:
            return min(max(wait, FAR_SECONDS, self._plan.patience), self._plan.timeout)
        most = self._plan.multiple * max(lately.values())
        if ttl + 1 == self._findings.end:
            most /= 2  # It is asked once more.
        wait = min(max(wait, self._plan.patience), max(most, NO_RTT_SECONDS))
        return min(wait, self._plan.timeout)

    def _lingers_until(self) -> float:
        """When the last probe to a hop that is known to answer times out; bounded by the plan."""
        answering = self._lesson.rtts.keys() | self._findings.responses.keys()
        latest = max(
            (
                sent
                for each in self._rounds
                for ttl, sent in each.waiting.items()
                if ttl in answering and not self.is_beyond(ttl)
            ),
            default=-self._plan.timeout,
        )
        return min(latest + self._plan.timeout, (self._ended_at or 0.0) + self._plan.linger)

    # -- what came of it ----------------------------------------------------------------------

    def lesson(self) -> Lesson:
        """What the next trace of this address should know."""
        found, old = self._findings, self._lesson
        if found.reached:
            return Lesson(found.end, True, found.rtts)
        if old.reached:
            return Lesson(old.length, True, {**old.rtts, **found.rtts})
        farthest = found.farthest(max(each.horizon for each in self._rounds))
        silent = min(max(farthest, self._plan.first_hop - 1) + 1, self._plan.max_hops)
        return Lesson(found.end or found.loop or silent, False, found.rtts)

    def hops(self) -> tuple[Hop, ...]:
        """The hops up to the end of the path.

        Where the destination was not reached: up to one silent hop behind the last that answered,
        up to the TTL at which the destination was known, or up to the third turn of a loop.
        """
        return self._findings.hops(self._findings.end or self.lesson().length or 0)

    def stop_reason(self) -> tuple[StopReason, int | None]:
        """Why the trace ended, with the ICMP code where that is `unreachable`."""
        found = self._findings
        if found.reached:
            return StopReason.DESTINATION, None
        if self._aborted or not any(found.sent.values()):
            return StopReason.ERROR, None
        if found.end is not None:
            return StopReason.UNREACHABLE, found.code
        if found.loop is not None:
            return StopReason.LOOP, None
        if max(each.horizon for each in self._rounds) >= self._plan.max_hops:
            return StopReason.MAX_HOPS, None
        return StopReason.GAP, None

    def destination(self) -> tuple[int, tuple[float, ...]]:
        """Probes that should have reached the destination, and the RTTs of those answered by it."""
        return self._findings.destination(self._known.length or self._plan.max_hops)
