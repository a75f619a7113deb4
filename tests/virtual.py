"""Virtual time and a network in it: hours of probing pass in seconds, always in the same order.

def test_something() -> None:
    async def test() -> None:
        network = SimulatedNetwork(chain(0.01, 0.02))
        ...                        # open sockets by `network.open`
        await asyncio.sleep(3600)  # takes no time
    run_virtual(test())
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, TypeVar

import pytest

from exporter.errors import ErrorReason, ProbeError
from exporter.model import Kind, Probe, Protocol, Response
from exporter.sockets.base import Listener, ProbeSocket, SocketRequest
from tests.simulated import Answer

Result = TypeVar("Result")

EPOCH = 1_700_000_000.0
"""Wall-clock time, in seconds, at which virtual time starts."""
TURN_SECONDS = 1e-6
"""What one turn of the loop takes: time never stands still, as on no real machine."""
_REAL_PATIENCE_SECONDS = 10.0
_IN_ORDER_SECONDS = 1e-8
"""Between answers of the same delay to probes sent at the same time."""


class _JumpingSelector(selectors.DefaultSelector):
    """Waits for nothing: where no descriptor is ready, time jumps to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Ready descriptors; time goes on by `timeout` where there are none."""
        ready = super().select(_REAL_PATIENCE_SECONDS if timeout is None else 0)
        if timeout is None and not ready:
            raise RuntimeError("nothing is left that could ever happen")
        self.now += TURN_SECONDS if ready else max(timeout or 0.0, TURN_SECONDS)
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock starts at 0 and moves only as timers need it."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds since the start."""
        return self._jumping.now

    def stall(self, seconds: float) -> None:
        """Let time pass in which the loop does nothing: the machine was busy, or asleep."""
        self._jumping.now += seconds


def run_virtual(test: Coroutine[Any, Any, Result]) -> Result:
    """Run an asynchronous test in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(test)


def stall(seconds: float) -> None:
    """Stall the running virtual loop."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    loop.stall(seconds)


class VirtualClock:
    """Stands in for the module `time`: both clocks follow the running loop."""

    def __init__(self, epoch: float = EPOCH) -> None:
        self.epoch = epoch

    def time(self) -> float:
        """Seconds since the epoch."""
        return self.epoch + self.monotonic()

    def monotonic(self) -> float:
        """Seconds since the start."""
        return asyncio.get_running_loop().time()


DAEMON_CLOCKS = (
    "exporter.daemon.app",
    "exporter.monitoring.measure",
    "exporter.monitoring.scheduler",
)
"""Modules that ask for the time while a daemon runs."""


def use_virtual_clock(patch: pytest.MonkeyPatch, *modules: str) -> VirtualClock:
    """Let these modules read virtual time where they ask `time`."""
    clock = VirtualClock()
    for module in modules:
        patch.setattr(f"{module}.time", clock)
    return clock


Routing = Callable[[str, Probe], Answer | None]
"""(destination, probe) to what comes back; None for silence."""
Failing = Callable[[str, Probe], ProbeError | None]


def chain(*delays: float | None, network: str = "198.51.100") -> Routing:
    """Routers with these RTTs in seconds, None for a silent one; the last is the destination."""

    def answer(destination: str, probe: Probe) -> Answer | None:
        delay = delays[min(probe.ttl, len(delays)) - 1]
        if delay is None:
            return None
        if probe.ttl >= len(delays):
            return Answer(delay, destination, Kind.ECHO_REPLY)
        return Answer(delay, f"{network}.{probe.ttl}")

    return answer


def silence(destination: str, probe: Probe) -> Answer | None:
    """Nothing ever comes back."""
    return None


def no_failure(destination: str, probe: Probe) -> ProbeError | None:
    """This host can send."""
    return None


class Sending(NamedTuple):
    """A probe that left, at a time in virtual seconds."""

    at: float
    destination: str
    probe: Probe


class SimulatedNetwork:
    """What is between this host and all destinations; everything may be changed at any time.

    `refusal` is raised instead of opening a socket, `failing` gives the error of a send, and
    `dropping` that of a probe which this host takes and drops a little later. `sends` records what
    left, `tried` counts every call of `send`, `sockets` are those open now.
    """

    def __init__(self, routing: Routing, *, recording: bool = True) -> None:
        self.routing = routing
        self.refusal: ProbeError | None = None
        self.failing: Failing = no_failure
        self.dropping: Failing = no_failure
        self.sockets: list[SimulatedSocket] = []
        self.sends: list[Sending] = []
        self.opened: list[SocketRequest] = []
        self.tried = 0
        self.sent = 0
        self._recording = recording

    def open(self, request: SocketRequest, listener: Listener) -> ProbeSocket:
        """See `exporter.trace.flowset.Open`."""
        if self.refusal is not None:
            raise self.refusal
        socket = SimulatedSocket(self, request, listener)
        self.sockets.append(socket)
        if self._recording:
            self.opened.append(request)
        return socket

    def left(self, destination: str, probe: Probe, now: float) -> None:
        """A probe is on its way."""
        self.sent += 1
        if self._recording:
            self.sends.append(Sending(now, destination, probe))


class SimulatedSocket:
    """A `ProbeSocket` of a simulated network."""

    backend = "simulated"

    def __init__(
        self, network: SimulatedNetwork, request: SocketRequest, listener: Listener
    ) -> None:
        self.protocol = Protocol.ICMP if request.protocol is Protocol.AUTO else request.protocol
        self.destination = request.destination
        self.listener = listener
        self._network = network
        self._loop = asyncio.get_running_loop()
        self._closed = False

    def send(self, probe: Probe) -> None:
        """See `ProbeSocket`."""
        assert not self._closed, "a probe for a closed socket"
        network, now = self._network, self._loop.time()
        network.tried += 1
        if (error := network.failing(self.destination, probe)) is not None:
            raise error
        network.left(self.destination, probe, now)
        if (dropped := network.dropping(self.destination, probe)) is not None:
            self._loop.call_later(0.001, self._drop, probe, dropped)
        elif (answer := network.routing(self.destination, probe)) is not None:
            in_order = network.sent % 1000 * _IN_ORDER_SECONDS
            self._loop.call_later(answer.delay + in_order, self._arrive, probe, answer)

    def give_up(self, trace: int) -> None:
        """See `ProbeSocket`; what is dropped is told at once."""

    def close(self) -> None:
        """See `ProbeSocket`."""
        if not self._closed:
            self._closed = True
            self._network.sockets.remove(self)

    def _drop(self, probe: Probe, error: ProbeError) -> None:
        if not self._closed:
            self.listener.failed(probe, error)

    def _arrive(self, probe: Probe, answer: Answer) -> None:
        if self._closed:
            return
        ended = answer.address == self.destination and answer.kind is not Kind.TIME_EXCEEDED
        now = self._loop.time()
        self.listener.responded(
            Response(
                *(probe, answer.address, answer.kind, answer.delay, now, answer.code),
                reached=ended,
            )
        )


def no_route(destination: str, probe: Probe) -> ProbeError | None:
    """This host has no route to anywhere."""
    return ProbeError(ErrorReason.UNREACHABLE_NETWORK, f"no route to {destination}")
