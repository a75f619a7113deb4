"""Probing for the path MTU where something fails: no news of the path, nothing left behind."""

from __future__ import annotations

import asyncio

import pytest

from exporter.errors import ErrorReason, ProbeError, SendBlocked, SocketUnavailable
from exporter.model import Kind, Probe
from tests.mtubench import DESTINATION, LINK, ROUTER, Bench, link_of, passing
from tests.simulated import Answer
from tests.virtual import no_route, run_virtual, silence


@pytest.mark.parametrize(
    "answer",
    [Answer(0.01, ROUTER), Answer(0.01, ROUTER, Kind.UNREACHABLE, 13)],
    ids=["time exceeded", "prohibited"],
)
def test_other_answers_are_no_news_of_the_mtu(answer: Answer) -> None:
    """The way is longer now, or closed: this cycle ends, and what was known stays."""

    async def test() -> None:
        bench = Bench(passing(1500))
        assert (await bench.measure())[0] == LINK
        bench.sizes()
        bench.network.routing = lambda destination, probe: answer
        assert (await bench.measure())[0] == LINK
        assert bench.sizes() == [1500]

    run_virtual(test())


@pytest.mark.parametrize(
    "error", [no_route(DESTINATION, Probe(1, 0, 1)), SendBlocked("full")], ids=["route", "blocked"]
)
def test_local_failures_are_no_news_and_raise_nothing(error: ProbeError) -> None:
    """No route, or buffers that stay full: the former value stays, half a second later at most."""

    async def test() -> None:
        bench = Bench(passing(1500))
        bench.network.failing = lambda destination, probe: error
        found, took = await bench.measure()
        assert found is None
        assert took < 0.6
        bench.network.failing = link_of(1500)
        assert (await bench.measure())[0] == LINK
        bench.network.failing = lambda destination, probe: error
        assert (await bench.measure())[0] == LINK

    run_virtual(test())


def test_buffers_full_for_a_moment_are_waited_out() -> None:
    """The same probe goes out a little later."""

    async def test() -> None:
        bench, refusals = Bench(passing(1500)), iter(range(3))

        def failing(destination: str, probe: Probe) -> ProbeError | None:
            if next(refusals, None) is not None:
                return SendBlocked("full")
            return link_of(1500)(destination, probe)

        bench.network.failing = failing
        found, took = await bench.measure()
        assert found == LINK
        assert took == pytest.approx(0.025, abs=0.003)

    run_virtual(test())


def test_probe_that_this_host_drops_is_not_silent() -> None:
    """Nobody answers on the link: told a little later, no news of the path."""

    async def test() -> None:
        bench = Bench(passing(1500))
        bench.network.dropping = no_route
        assert (await bench.measure())[0] is None
        assert bench.sizes() == [1500]

    run_virtual(test())


def test_socket_that_cannot_be_opened_is_no_news() -> None:
    """The backend refuses: the former value, at once."""

    async def test() -> None:
        bench = Bench(passing(1500))
        bench.network.refusal = SocketUnavailable(ErrorReason.PERMISSION, "no")
        assert await bench.measure() == (None, 0.0)

    run_virtual(test())


def test_cancelled_measurement_leaves_nothing_behind() -> None:
    """The daemon stops amid a wait, or while the probe still queues: the socket is closed."""

    async def test() -> None:
        for rate, delay in ((10_000.0, 0.1), (0.001, 0.1)):
            bench = Bench(silence, rate=rate)
            task = asyncio.ensure_future(bench.prober.measure(3, 0.1))
            await asyncio.sleep(delay)
            assert len(bench.network.sockets) == 1
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert bench.network.sockets == []
            assert not bench.pacer.waits(bench.prober)
            assert bench.prober.send(Probe(1, 0, 1)) == 0.0
            bench.pacer.close()

    run_virtual(test())
