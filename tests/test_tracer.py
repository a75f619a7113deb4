"""One trace after another over a simulated network, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from exporter.errors import ErrorReason, ProbeError
from exporter.model import Family, Kind, Probe, StopReason
from exporter.sockets.base import SocketRequest
from exporter.trace.plan import Plan
from exporter.trace.tracer import Tracer
from tests.simulated import Answer
from tests.tracing import DESTINATION, ONCE, Bench, books
from tests.virtual import chain, run_virtual, silence


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


def test_a_trace_in_a_hurry_waits_less_between_rounds() -> None:
    """Three rounds a second apart; after the first answer two tenths are enough."""

    async def test() -> None:
        bench = Bench(chain(0.01, 0.01))
        trace = asyncio.create_task(bench.trace(Plan(rounds=3, spacing=1.0)))
        await asyncio.sleep(0.02)
        bench.tracer.hurry(Plan(spacing=0.2))
        await trace
        assert asyncio.get_running_loop().time() == pytest.approx(0.41, abs=0.01)
        bench.tracer.hurry(Plan(spacing=0.1))

    run_virtual(test())


def test_a_trace_in_a_hurry_has_no_more_rounds_than_before() -> None:
    """Fewer rounds end it after the one that runs; more than it had make no difference."""

    async def test() -> None:
        for planned, hurried, sent in ((3, 1, 1), (1, 3, 1)):
            bench = Bench(chain(0.01, 0.01))
            trace = asyncio.create_task(bench.trace(Plan(rounds=planned, spacing=0.05)))
            await asyncio.sleep(0.005)
            bench.tracer.hurry(Plan(rounds=hurried, spacing=0.05))
            assert [each[1] for each in books(await trace)] == [sent, sent]

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


def test_answer_from_beyond_the_end_is_not_late() -> None:
    """The destination at hop 2 ended the trace before it answered what was sent further: no probe
    of the path is lost, so that none is counted as answered too late."""

    async def test() -> None:
        bench = Bench(
            lambda destination, probe: (
                Answer(0.01, "198.51.100.1")
                if probe.ttl == 1
                else Answer(0.01 * probe.ttl, destination, Kind.ECHO_REPLY)
            )
        )
        assert books(await bench.trace()) == [(1, 1, 0), (2, 1, 0)]
        answered = bench.network.sent
        assert answered > 2
        await asyncio.sleep(5)
        assert (bench.counts.late, bench.counts.unmatched) == (0, 0)

    run_virtual(test())


def test_answer_to_an_earlier_trace_is_late_in_the_running_one() -> None:
    """Hop 1 of the new trace is not fooled by the answer to hop 1 of the old one."""

    async def test() -> None:
        bench = Bench(silence)
        bench.network.routing = lambda destination, probe: (
            Answer(2.5, "198.51.100.99") if probe == Probe(1, 0, 1) else None
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
