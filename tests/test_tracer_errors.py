"""What this host fails to send is an error with a reason, and never loss; in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from exporter.errors import ErrorReason, ProbeError, SendBlocked
from exporter.model import Probe, StopReason
from exporter.trace.plan import Plan
from tests.tracing import DESTINATION, Bench, books
from tests.virtual import chain, no_failure, no_route, run_virtual


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
            return no_route(destination, probe) if (probe.round, probe.ttl) == (0, 2) else None

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
            return no_route(destination, probe) if (probe.round, probe.ttl) == (1, 3) else None

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


def test_probes_on_their_way_when_a_trace_is_given_up_are_not_lost() -> None:
    """The kernel drops the first three of eight probes; nobody waits for the answers to the rest.

    What an earlier round lost stays lost.
    """

    async def test() -> None:
        bench = Bench(chain(0.01, None, 0.01, 0.5, 0.5))

        def dropping(destination: str, probe: Probe) -> ProbeError | None:
            return no_route(destination, probe) if probe.round == 1 and probe.ttl < 4 else None

        bench.network.dropping = dropping
        state = await bench.trace(Plan(rounds=3))
        assert bench.errors == {ErrorReason.UNREACHABLE_NETWORK: 3}
        assert books(state) == [(1, 1, 0), (2, 1, 1), (3, 1, 0), (4, 1, 0), (5, 1, 0)]
        assert state.destination() == (1, (0.5,))

    run_virtual(test())
