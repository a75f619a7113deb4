"""The flows towards one destination: each has a socket, a tracer and lessons of its own."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from exporter.errors import ErrorReason, ProbeError
from exporter.model import Response
from exporter.sockets.base import Listener, ProbeSocket, SocketRequest
from exporter.trace.outcome import LocalErrors
from exporter.trace.pacer import Pacer
from exporter.trace.plan import Lesson, Plan
from exporter.trace.strategy import TraceState
from exporter.trace.tracer import ResponseCounts, Tracer

Open = Callable[[SocketRequest, Listener], ProbeSocket]

_FIRST_PORT, _PORTS = 20_000, 40_000


@dataclass(frozen=True, slots=True)
class Wiring:
    """What every flow is connected to. `on_response` sees each answer on the path at once."""

    open_socket: Open
    pacer: Pacer
    counts: ResponseCounts
    on_response: Callable[[Response], None]


class _Flow:
    """One flow: what routers hash stays the same as long as the socket is open."""

    def __init__(self, number: int, request: SocketRequest, wiring: Wiring) -> None:
        self.tracer = Tracer(wiring.pacer, wiring.counts, wiring.on_response, number)
        self.socket = wiring.open_socket(request, self.tracer)


def local_port(name: str, flow: int) -> int:
    """The port, or echo id, that a flow asks for: the same after a restart, so that a load

    balancer sends it the same way as before.
    """
    digest = hashlib.blake2b(f"{name}\0{flow}".encode(), digest_size=4).digest()
    return _FIRST_PORT + int.from_bytes(digest, "big") % _PORTS


class FlowSet:
    """Flows to one address. Sockets are opened when needed, what was learnt outlives them.

    `name` decides the local ports. `identity` stands for all that routers may hash in the packets
    of flow 0, but for the protocol: the same after a restart, another where the request is.
    """

    def __init__(self, name: str, request: SocketRequest, wiring: Wiring) -> None:
        hashed = repr((name, request)).encode(errors="backslashreplace")
        self._name = name
        self.identity = hashlib.blake2b(hashed, digest_size=8).hexdigest()
        self._request = request
        self._wiring = wiring
        self._flows: list[_Flow] = []
        self._lessons: dict[int, Lesson] = {}

    def open(self) -> ProbeSocket:
        """The socket of flow 0, opened now if need be. Raises `ProbeError` as the factory does."""
        if not self._flows:
            self._add_flow()
        return self._flows[0].socket

    async def trace(
        self, plan: Plan, count: int = 1, first: int = 0
    ) -> tuple[list[TraceState], LocalErrors]:
        """Trace flows `first` up to `count` at once: flow 0 in all rounds, the others in one.

        The plan's lesson serves only where no flow has learnt yet. Fewer states than asked for
        say that no more sockets could be opened; raises `ProbeError` where not even one could.
        """
        self.open()
        refused = self._open_up_to(count)
        flows = self._flows[first:count]
        traces = [
            flow.tracer.trace(flow.socket, *self._plan(plan, number))
            for number, flow in enumerate(flows, first)
        ]
        # For one flow no further task is worth its price.
        states = [await traces[0]] if len(traces) == 1 else await asyncio.gather(*traces)
        errors = _summed([flow.tracer.errors for flow in flows], refused)
        if not errors.counts:
            self._lessons.update(enumerate((state.lesson() for state in states), first))
        return states, errors

    def hurry(self, plan: Plan) -> None:
        """Go on with the traces that run as this plan says, but for its lesson."""
        for flow in self._flows:
            flow.tracer.hurry(plan)

    def cut_short(self) -> None:
        """End the traces that run, with what they have; probes still on their way do not count."""
        for flow in self._flows:
            flow.tracer.cut_short()

    def close(self) -> None:
        """Give all sockets back; the next trace opens them anew."""
        for flow in self._flows:
            flow.socket.close()
        self._flows.clear()

    def _plan(self, plan: Plan, number: int) -> tuple[Plan, Lesson]:
        lesson = self._lessons.get(number) or self._lessons.get(0) or plan.lesson
        return plan if number == 0 else replace(plan, rounds=1), lesson

    def _open_up_to(self, count: int) -> ProbeError | None:
        try:
            while len(self._flows) < count:
                self._add_flow()
        except ProbeError as error:
            return error
        return None

    def _add_flow(self) -> None:
        number = len(self._flows)
        request = replace(self._request, local_port=local_port(self._name, number))
        self._flows.append(_Flow(number, request, self._wiring))


def _summed(parts: list[LocalErrors], refused: ProbeError | None) -> LocalErrors:
    if len(parts) == 1 and refused is None:
        return parts[0]
    counts: Counter[ErrorReason] = Counter()
    message = None
    for part in parts:
        counts.update(part.counts)
        message = part.message or message
    if refused is not None:
        counts[refused.reason] += 1
        message = str(refused)
    return LocalErrors(counts, message)
