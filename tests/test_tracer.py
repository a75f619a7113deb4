"""One trace after another over a simulated network, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from exporter.errors import ErrorReason, ProbeError, SendBlocked
from exporter.model import Family, Probe, Response, StopReason
from exporter.pacer import Pacer
from exporter.sockets.base import ProbeSocket, SocketRequest
from exporter.strategy import Plan, TraceState
from exporter.tracer import ResponseCounts, Tracer
from tests.simulated import Answer
from tests.virtual import (
    Routing,
    SimulatedNetwork,
    chain,
    no_failure,
    no_route,
    run_virtual,
    silence,
)

DESTINATION = "192.0.2.1"
ONCE = Plan(rounds=1)


class Bench:
    """A tracer with all that it needs, and what came of it."""

    def __init__(self, routing: Routing, rate: float = 10_000.0) -> None:
        self.network = SimulatedNetwork(routing)
        self.counts = ResponseCounts()
        self.heard: list[tuple[float, Response]] = []
        self.pacer = Pacer(rate)
        self.tracer = Tracer(self.pacer, self.counts, self._hear)
        self.socket: ProbeSocket = self.network.open(
            SocketRequest(DESTINATION, Family.IPV4), self.tracer
        )

    def _hear(self, response: Response) -> None:
        self.heard.append((asyncio.get_running_loop().time(), response))

    async def trace(self, plan: Plan = ONCE) -> TraceState:
        """One trace over the one socket."""
        return await self.tracer.trace(self.socket, plan)

    @property
    def errors(self) -> dict[ErrorReason, int]:
        """What failed locally in the latest trace."""
        return dict(self.tracer.errors.counts)


def books(state: TraceState) -> list[tuple[int, int, int]]:
    """(TTL, sent, lost) of each hop."""
    return [(hop.ttl, hop.sent, hop.lost) for hop in state.hops()]


def test_trace_ends_with_the_last_answer() -> None:
    """Four hops, the farthest after 40 ms: that is how long the trace takes."""

    async def test() -> None:
        bench = Bench(chain(0.01, 0.02, 0.03, 0.04))
        state = await bench.trace()
        assert books(state) == [(1, 1, 0), (2, 1, 0), (3, 1, 0), (4, 1, 0)]
        assert state.stop_reason() == (StopReason.DESTINATION, None)
        assert asyncio.get_running_loop().time() == pytest.approx(0.04, abs=1e-3)
        assert bench.errors == {}

    run_virtual(test())


def test_every_hop_is_handed_on_the_moment_it_answers() -> None:
    """While the trace still runs, in the order of arrival, which is not that of TTLs."""

    async def test() -> None:
        bench = Bench(chain(0.03, 0.01, 0.02))
        trace = asyncio.create_task(bench.trace())
        await asyncio.sleep(0.025)
        assert [response.probe.ttl for _, response in bench.heard] == [2, 3]
        assert not trace.done()
        await trace
        at = {response.probe.ttl: when for when, response in bench.heard}
        assert [at[ttl] for ttl in (1, 2, 3)] == pytest.approx([0.03, 0.01, 0.02], abs=1e-3)

    run_virtual(test())


def test_traces_of_one_socket_have_numbers_of_their_own() -> None:
    """So that no answer can be taken for one of another trace."""

    async def test() -> None:
        bench = Bench(chain(0.01, 0.01))
        for _ in range(3):
            await bench.trace(Plan(rounds=2))
        assert {sending.probe.trace for sending in bench.network.sends} == {1, 2, 3}

    run_virtual(test())


def test_budget_slows_traces_down_and_loses_nothing() -> None:
    """Ten traces share 100 probes a second: each gets all its answers, no probe is given up early,

    though the queue is longer than the patience with a hop.
    """

    async def test() -> None:
        bench = Bench(chain(*[0.01] * 6), rate=100.0)
        tracers = [Tracer(bench.pacer, bench.counts, lambda _: None) for _ in range(10)]
        request = SocketRequest(DESTINATION, Family.IPV4)
        states = await asyncio.gather(
            *(each.trace(bench.network.open(request, each), ONCE) for each in tracers)
        )
        assert [books(state) for state in states] == [[(ttl, 1, 0) for ttl in range(1, 7)]] * 10
        sends = bench.network.sends
        assert sends[-1].at == pytest.approx((len(sends) - 10) / 100, abs=0.02)
        assert bench.counts.unmatched == 0

    run_virtual(test())


def test_blocked_send_is_tried_again_until_it_goes_out() -> None:
    """The kernel's buffer is full twenty times: 100 ms later the trace is as if nothing was."""

    async def test() -> None:
        bench = Bench(chain(0.01, 0.01, 0.01))
        blocked = iter(range(20))

        def failing(destination: str, probe: Probe) -> ProbeError | None:
            return SendBlocked("full") if next(blocked, None) is not None else None

        bench.network.failing = failing
        state = await bench.trace()
        assert books(state) == [(1, 1, 0), (2, 1, 0), (3, 1, 0)]
        assert bench.errors == {}
        assert bench.network.sends[0].at == pytest.approx(0.1, abs=1e-3)

    run_virtual(test())


def test_send_that_stays_blocked_is_an_error_and_no_loss() -> None:
    """After half a second of full buffers the trace ends with reason `send`."""

    async def test() -> None:
        bench = Bench(chain(0.01))
        bench.network.failing = lambda destination, probe: SendBlocked("full")
        state = await bench.trace()
        assert bench.errors == {ErrorReason.SEND: 3}
        assert bench.tracer.errors.message == "full"
        assert state.stop_reason() == (StopReason.ERROR, None)
        assert books(state) == []
        assert asyncio.get_running_loop().time() == pytest.approx(0.5, abs=0.02)

    run_virtual(test())


def test_one_failed_send_is_counted_and_not_lost() -> None:
    """This host refuses the first probe to hop 2: the hop has one probe fewer, and none lost."""

    async def test() -> None:
        bench = Bench(chain(0.01, 0.01, 0.01))

        def failing(destination: str, probe: Probe) -> ProbeError | None:
            return no_route(destination, probe) if probe[1:] == (0, 2) else None

        bench.network.failing = failing
        state = await bench.trace(Plan(rounds=3))
        assert books(state) == [(1, 3, 0), (2, 2, 0), (3, 3, 0)]
        assert bench.errors == {ErrorReason.UNREACHABLE_NETWORK: 1}
        assert bench.tracer.errors.message == f"no route to {DESTINATION}"
        bench.network.failing = no_failure
        await bench.trace()
        assert bench.errors == {}
        assert bench.tracer.errors.message is None

    run_virtual(test())


def test_probe_that_the_kernel_took_and_dropped_is_not_lost() -> None:
    """The failure comes a millisecond after the send: counted as an error, not as sent."""

    async def test() -> None:
        bench = Bench(chain(0.01, 0.01, 0.01))

        def dropping(destination: str, probe: Probe) -> ProbeError | None:
            return no_route(destination, probe) if probe[1:] == (1, 3) else None

        bench.network.dropping = dropping
        state = await bench.trace(Plan(rounds=3))
        assert books(state) == [(1, 3, 0), (2, 3, 0), (3, 2, 0)]
        assert bench.errors == {ErrorReason.UNREACHABLE_NETWORK: 1}

    run_virtual(test())


@pytest.mark.parametrize("late", [False, True])
def test_host_without_a_route_gives_up_at_once(late: bool) -> None:
    """Three failures, told at once or a moment later, end the trace: no waiting for answers."""

    async def test() -> None:
        bench = Bench(chain(0.01))
        if late:
            bench.network.dropping = no_route
        else:
            bench.network.failing = no_route
        state = await bench.trace(Plan())
        assert state.stop_reason() == (StopReason.ERROR, None)
        assert books(state) == []
        assert bench.errors[ErrorReason.UNREACHABLE_NETWORK] >= 3
        assert asyncio.get_running_loop().time() < 0.1

    run_virtual(test())


def test_answer_after_the_end_is_late() -> None:
    """It came when no trace ran: counted, and not handed on."""

    async def test() -> None:
        bench = Bench(chain(0.01, 3.0, 0.01, 0.01))
        state = await bench.trace()
        assert books(state) == [(1, 1, 0), (2, 1, 1), (3, 1, 0), (4, 1, 0)]
        heard = len(bench.heard)
        assert bench.counts.late == 0
        await asyncio.sleep(5)
        assert (bench.counts.late, len(bench.heard)) == (1, heard)

    run_virtual(test())


def test_answer_to_an_earlier_trace_is_late_in_the_running_one() -> None:
    """Hop 1 of the new trace is not fooled by the answer to hop 1 of the old one."""

    async def test() -> None:
        bench = Bench(silence)
        bench.network.routing = lambda destination, probe: (
            Answer(2.5, "198.51.100.99") if probe == (1, 0, 1) else None
        )
        await bench.trace(Plan(rounds=1, timeout=1.0))
        assert asyncio.get_running_loop().time() < 2.5
        bench.network.routing = chain(0.01, 2.0, 0.02)
        state = await bench.trace(Plan(rounds=3, timeout=1.0, spacing=1.0))
        assert bench.counts.late >= 1
        assert "198.51.100.99" not in {a for hop in state.hops() for a in hop.addresses}

    run_virtual(test())


def test_strangers_are_counted() -> None:
    """What answers no probe changes nothing but the count, in a trace or between two."""

    async def test() -> None:
        bench = Bench(chain(0.01, 0.01))
        trace = asyncio.create_task(bench.trace())
        await asyncio.sleep(0.001)
        bench.tracer.unmatched()
        assert books(await trace) == [(1, 1, 0), (2, 1, 0)]
        bench.tracer.unmatched()
        assert bench.counts.unmatched == 2

    run_virtual(test())


def test_failure_of_an_earlier_trace_does_not_count_in_the_running_one() -> None:
    """Its probe carries another number; between two traces it changes nothing either."""

    async def test() -> None:
        bench = Bench(chain(0.01, 0.01))
        error = ProbeError(ErrorReason.UNREACHABLE_NETWORK, "too late")
        await bench.trace()
        bench.tracer.failed(Probe(1, 0, 1), error)
        trace = asyncio.create_task(bench.trace())
        await asyncio.sleep(0.001)
        bench.tracer.failed(Probe(1, 0, 1), error)
        assert books(await trace) == [(1, 1, 0), (2, 1, 0)]
        assert bench.errors == {}

    run_virtual(test())


@pytest.mark.parametrize("rate", [10_000.0, 5.0])
def test_cancelled_trace_leaves_nothing_behind(rate: float) -> None:
    """Cancelled while it waits for answers, or for its turn to send: nothing is sent afterwards,

    what still arrives is late, and the next trace is as any other.
    """

    async def test() -> None:
        bench = Bench(chain(0.2, 0.2, 0.2), rate)
        trace = asyncio.create_task(bench.trace(Plan()))
        await asyncio.sleep(0.1)
        trace.cancel()
        with pytest.raises(asyncio.CancelledError):
            await trace
        sent = bench.network.sent
        assert not bench.pacer.waits(bench.tracer)
        await asyncio.sleep(100)
        assert bench.network.sent == sent
        assert bench.counts.late == sent
        assert asyncio.all_tasks() == {asyncio.current_task()}
        state = await bench.trace()
        assert state.stop_reason() == (StopReason.DESTINATION, None)

    run_virtual(test())


def test_probes_still_queued_when_the_destination_answers_stay_home() -> None:
    """With ten probes a second the answer comes before the window is out: no useless probe."""

    async def test() -> None:
        bench = Bench(chain(0.01, 0.01), rate=10.0)
        state = await bench.trace()
        assert state.stop_reason() == (StopReason.DESTINATION, None)
        assert books(state) == [(1, 1, 0), (2, 1, 0)]

    run_virtual(test())
