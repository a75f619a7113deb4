"""A simulated network for the pure parts: plays a trace in virtual time, packet by packet."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from exporter.model import Kind, Probe, Response
from exporter.trace.plan import Lesson, Plan
from exporter.trace.strategy import TraceState

DESTINATION = "192.0.2.1"


class Answer(NamedTuple):
    """How a hop answers: after `delay` seconds, as `address`, with `kind`."""

    delay: float
    address: str
    kind: Kind = Kind.TIME_EXCEEDED
    code: int | None = None


Network = Callable[[int, int], Answer | None]
"""(round, TTL) to what comes back; None for silence."""


def path(*delays: float | None, destination: bool = True) -> Network:
    """A chain of routers with these RTTs, None for a silent one; the last is the destination."""

    def answer(number: int, ttl: int) -> Answer | None:
        index = min(ttl, len(delays)) - 1
        if ttl > len(delays) and not destination:
            return None
        delay = delays[index]
        if delay is None:
            return None
        if destination and index == len(delays) - 1:
            return Answer(delay, DESTINATION, Kind.ECHO_REPLY)
        return Answer(delay, f"198.51.100.{ttl}")

    return answer


@dataclass
class Played:
    """What a played trace did."""

    state: TraceState
    sends: list[tuple[float, int, int]] = field(default_factory=list)
    ended_at: float = 0.0

    def ttls(self, number: int) -> list[int]:
        """TTLs probed in a round, in order."""
        return [ttl for _, sent_round, ttl in self.sends if sent_round == number]

    @property
    def addresses(self) -> Sequence[str | None]:
        """First responder of each hop."""
        return [hop.addresses[0] if hop.responses else None for hop in self.state.hops()]


def play(network: Network, plan: Plan | None = None, lesson: Lesson | None = None) -> Played:
    """Run one trace against a network until the state says that it is done."""
    plan = plan or Plan()
    if lesson is not None:
        plan = replace(plan, lesson=lesson)
    played = Played(TraceState(plan, 0.0))
    state, now = played.state, 0.0
    events: list[tuple[float, int, Response]] = []
    while not state.done:
        for number, ttl in state.wanted():
            state.sent(number, ttl, now)
            played.sends.append((now, number, ttl))
            answer = network(number, ttl)
            if answer is not None:
                response = respond(number, ttl, answer)
                heapq.heappush(events, (now + answer.delay, len(played.sends), response))
        deadline = state.deadline(now)
        if deadline is None:
            break
        if events and events[0][0] <= deadline:
            now, _, response = heapq.heappop(events)
            if state.responded(response, now):
                state.advance(now)
        else:
            now = deadline
            state.advance(now)
        assert len(played.sends) < 1000, "the trace does not end"
    played.ended_at = now
    return played


def respond(number: int, ttl: int, answer: Answer) -> Response:
    """The response that a socket would hand over."""
    return Response(
        Probe(1, number, ttl),
        answer.address,
        answer.kind,
        answer.delay,
        0.0,
        answer.code,
        reached=answer.address == DESTINATION and answer.kind is not Kind.TIME_EXCEEDED,
    )
