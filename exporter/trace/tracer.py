"""Drives one trace: a `TraceState` on one side, a `ProbeSocket` and the clock on the other."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from exporter.errors import AskAgain, ErrorReason, ProbeError, SendBlocked
from exporter.model import Probe, Response
from exporter.sockets.base import ProbeSocket
from exporter.trace.outcome import LocalErrors
from exporter.trace.pacer import Pacer
from exporter.trace.plan import Lesson, Plan
from exporter.trace.strategy import TraceState

_ERRORS_TO_GIVE_UP = 3
_BLOCKED_RETRY_SECONDS = 0.005
_BLOCKED_TRIES = 100


@dataclass(slots=True)
class ResponseCounts:
    """Answers that belong to no running trace, summed over all sockets."""

    late: int = 0
    unmatched: int = 0


class Tracer:
    """Runs the traces of one socket, one after another; it is the socket's listener.

    `on_response` is called for every answer on the path the moment it is recorded, and
    `counts` takes those that came too late or belong to nothing.
    """

    def __init__(
        self,
        pacer: Pacer,
        counts: ResponseCounts,
        on_response: Callable[[Response], None],
        flow: int = 0,
    ) -> None:
        self._flow = flow
        self._pacer = pacer
        self._counts = counts
        self._on_response = on_response
        self._socket: ProbeSocket | None = None
        self._number = 0
        self._timeout = 0.0
        self._state: TraceState | None = None
        self._end: int | None = None
        self._finished: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._blocked = 0
        self._loop = asyncio.get_running_loop()
        self._errors: Counter[ErrorReason] = Counter()
        self._last_error: ProbeError | None = None

    @property
    def errors(self) -> LocalErrors:
        """What failed on this host in the latest trace."""
        message = None if self._last_error is None else str(self._last_error)
        return LocalErrors(self._errors, message)

    async def trace(
        self, socket: ProbeSocket, plan: Plan, lesson: Lesson | None = None
    ) -> TraceState:
        """Run one trace to its end. Never raises for what the network or this host does.

        `lesson` stands in for that of the plan. What failed on this host is in `errors`, which
        starts anew with each trace.
        """
        self._number += 1
        self._timeout = plan.timeout
        self._socket = socket
        self._blocked = 0
        self._errors = Counter()
        self._last_error = None
        state = self._state = TraceState(plan, self._loop.time(), lesson)
        self._finished = self._loop.create_future()
        try:
            self._step()
            await self._finished
        finally:
            self._end = state.end
            self._state = self._socket = None
            self._pacer.forget(self)
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        return state

    def hurry(self, plan: Plan) -> None:
        """Go on with the trace that runs, if one does, at the pace of this plan."""
        if self._state is not None and self._state.hurry(plan):
            self._loop.call_soon(self._step)

    def cut_short(self) -> None:
        """End the trace that runs, if one does; probes still on their way are not lost."""
        if self._state is not None:
            self._pacer.forget(self)
            self._state.abort()
            self._step()

    # -- what the socket says ---------------------------------------------------------------

    def responded(self, response: Response) -> None:
        """See `Listener`."""
        state = self._state
        if state is None or response.probe.trace != self._number or response.rtt > self._timeout:
            if not self._was_beyond(response.probe):
                self._counts.late += 1
            return
        news = state.responded(response, self._loop.time())
        if not state.is_beyond(response.probe.ttl):
            self._on_response(response)
        if news:
            self._step()

    def _was_beyond(self, probe: Probe) -> bool:
        """Whether it went beyond the end of the trace that has just ended, so that none is lost."""
        ended = self._state is None and probe.trace == self._number
        return ended and self._end is not None and probe.ttl > self._end

    def failed(self, probe: Probe, error: ProbeError) -> None:
        """See `Listener`."""
        if self._state is not None and probe.trace == self._number:
            if isinstance(error, AskAgain):
                self._state.again(probe.round, probe.ttl)
            else:
                self._state.unsent(probe.round, probe.ttl)
                self._count_error(error)
            self._step()

    def unmatched(self) -> None:
        """See `Listener`."""
        self._counts.unmatched += 1

    # -- what the pacer says ----------------------------------------------------------------

    def send(self, probe: Probe) -> float:
        """Send one probe whose turn has come; returns 0, or the seconds to wait and try again."""
        state, socket = self._state, self._socket
        if state is None or socket is None or state.done or probe.trace != self._number:
            return 0.0
        try:
            socket.send(probe)
        except SendBlocked as error:
            self._blocked += 1
            if self._blocked < _BLOCKED_TRIES:
                return _BLOCKED_RETRY_SECONDS
            self._count_error(error)
        except ProbeError as error:
            self._count_error(error)
        else:
            state.sent(probe.round, probe.ttl, self._loop.time())
        return 0.0

    def batch_sent(self) -> None:
        """All that was queued with the pacer has gone out, or failed."""
        if self._state is not None:
            self._step()

    # -- moving on --------------------------------------------------------------------------

    def _count_error(self, error: ProbeError) -> None:
        self._errors[error.reason] += 1
        self._last_error = error
        if self._errors.total() >= _ERRORS_TO_GIVE_UP and self._state is not None:
            self._state.abort()

    def _step(self) -> None:
        """Advance the state, hand new probes to the pacer, and set the timer for what is next."""
        state = self._state
        if state is None or self._finished is None or self._pacer.waits(self):
            return
        now = self._loop.time()
        state.advance(now)
        probes = [_probe(self._number, number, ttl, self._flow) for number, ttl in state.wanted()]
        if probes and not state.done:
            self._pacer.submit(self, probes)
            return
        deadline = state.deadline(now)
        if deadline is None:
            if not self._finished.done():
                self._finished.set_result(None)
                self._give_up(state)
        elif self._timer is None or self._timer.when() != deadline:
            self._set_timer(deadline)

    def _give_up(self, state: TraceState) -> None:
        """Where nothing at all was answered, the probes may be here still."""
        if state.is_silent and self._socket is not None:
            self._socket.give_up(self._number)

    def _set_timer(self, deadline: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._expired)

    def _expired(self) -> None:
        self._timer = None
        self._step()


@lru_cache(maxsize=512)
def _probe(trace: int, number: int, ttl: int, flow: int) -> Probe:
    """One for all targets that were traced as often: each answer of the latest cycle keeps one."""
    return Probe(trace, number, ttl, flow)
