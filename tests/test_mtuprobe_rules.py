"""How the path MTU is probed, in virtual time: waits, budgets, limited answers, sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from exporter.model import Family, Kind, Probe, Protocol
from exporter.sockets.base import SocketRequest
from exporter.trace.mtu import PathMtu
from tests.mtubench import DESTINATION, LINK, ROUTER, Bench, passing
from tests.simulated import Answer
from tests.virtual import Routing, no_failure, run_virtual, silence


def test_long_way_is_waited_for() -> None:
    """Four RTTs before silence counts, half the timeout where the RTT is unknown, never longer."""

    async def test() -> None:
        for rtt, wait in ((0.01, 0.2), (0.1, 0.4), (None, 1.0), (5.0, 2.0)):
            bench = Bench(silence, interval=600.0)
            _, took = await bench.measure(rtt)
            first, second = (sending.at for sending in bench.network.sends[:2])
            assert second - first == pytest.approx(wait, abs=0.001)
            assert len(bench.sizes()) == 6
            assert took < 6 * 2.0 + 0.01

    run_virtual(test())


def test_cycle_ends_in_time_and_the_next_goes_on() -> None:
    """A black hole far away and a short interval: a quarter of it and one wait, then a pause."""

    async def test() -> None:
        bench = Bench(passing(1400, 0.3), interval=10.0)
        found = None
        for _ in range(30):
            found, took = await bench.measure(0.3)
            assert took <= 2.5 + 1.2 + 0.01
            if found is not None:
                break
        assert found == PathMtu(1400, black_hole=True)

    run_virtual(test())


def limited(mtu: int, lab_time: Callable[[], float], burst: float) -> Routing:
    """A destination that sends one port unreachable a second, as Linux does."""
    state = {"tokens": burst, "at": 0.0}

    def answer(destination: str, probe: Probe) -> Answer | None:
        if (probe.size or 0) > mtu:
            return None
        now = lab_time()
        state["tokens"] = min(burst, state["tokens"] + now - state["at"])
        state["at"] = now
        if state["tokens"] < 1:
            return None
        state["tokens"] -= 1
        return Answer(0.01, destination, Kind.UNREACHABLE, 3)

    return answer


@pytest.mark.parametrize("burst", [1.0, 6.0])
@pytest.mark.parametrize("rtt", [0.01, 0.05, 0.12, 0.2])
def test_limited_answers_are_no_black_hole(burst: float, rtt: float) -> None:
    """One answer a second, all used up by others at first: 1500 pass all the same."""

    async def test() -> None:
        loop = asyncio.get_running_loop()
        request = SocketRequest(DESTINATION, Family.IPV4, Protocol.UDP)
        bench = Bench(limited(1500, loop.time, burst), request, interval=30.0)
        for _ in range(200):
            for number in range(6):
                bench.network.routing(DESTINATION, Probe(1, number, 3, size=84))
            found, _ = await bench.measure(rtt)
            assert found in (None, LINK)
            await asyncio.sleep(0.37)
        assert found == LINK

    run_virtual(test())


def test_black_hole_before_a_destination_that_limits_its_answers() -> None:
    """It takes some cycles more, and comes to the same."""

    async def test() -> None:
        loop = asyncio.get_running_loop()
        request = SocketRequest(DESTINATION, Family.IPV4, Protocol.UDP)
        bench = Bench(limited(1420, loop.time, 6.0), request)
        for _ in range(5):
            found, took = await bench.measure()
            assert took < 17.0
            await asyncio.sleep(45.0)
        assert found == PathMtu(1420, black_hole=True)

    run_virtual(test())


def test_answer_that_comes_late_counts_and_teaches_patience() -> None:
    """Packets take 0.5 s where 0.2 s were waited: the answer counts, the next wait is 1 s."""

    async def test() -> None:
        def routing(destination: str, probe: Probe) -> Answer | None:
            slow = 0.5 if (probe.size or 0) > 1000 else 0.4
            return Answer(slow, destination, Kind.ECHO_REPLY)

        bench = Bench(routing)
        assert (await bench.measure())[0] == LINK
        assert len(bench.sizes()) > 1
        found, took = await bench.measure()
        assert found == LINK
        assert took == pytest.approx(0.5, abs=0.01)
        assert bench.sizes() == [1500]

    run_virtual(test())


def test_old_router_says_too_big_without_an_mtu() -> None:
    """Code 4 with nothing else: the next plateau is tried, until one passes."""

    async def test() -> None:
        def routing(destination: str, probe: Probe) -> Answer:
            if (probe.size or 0) > 1480:
                return Answer(0.01, ROUTER, Kind.UNREACHABLE, 4)
            return Answer(0.01, destination, Kind.ECHO_REPLY)

        bench = Bench(routing)
        assert (await bench.measure())[0] == PathMtu(1480, limited_by=ROUTER)
        assert bench.sizes() == [1500, 1492, 1480, 1481]

    run_virtual(test())


def test_probes_keep_to_the_budget_of_all() -> None:
    """Two probes a second for everything: the wait for a turn is not taken for silence."""

    async def test() -> None:
        bench = Bench(passing(1500), rate=2.0)
        for _ in range(4):
            assert (await bench.measure())[0] == LINK
        times = [sending.at for sending in bench.network.sends]
        assert bench.sizes() == [1500] * 4
        assert times[-1] - times[0] >= 1.4

    run_virtual(test())


def test_another_length_of_the_path_is_a_reason_to_look_for_growth() -> None:
    """The MTU rose with a change of route: found in the cycle that sees the new length."""

    async def test() -> None:
        bench = Bench(passing(1400))
        assert (await bench.measure(ttl=3))[0] == PathMtu(1400, black_hole=True)
        bench.network.routing = passing(1500)
        assert (await bench.measure(ttl=3))[0] == PathMtu(1400, black_hole=True)
        assert (await bench.measure(ttl=4))[0] == LINK

    run_virtual(test())


def test_strangers_are_counted() -> None:
    """What arrives and answers nothing goes to the common count."""

    async def test() -> None:
        bench = Bench(silence)
        task = asyncio.ensure_future(bench.prober.measure(3, 0.1))
        await asyncio.sleep(0.1)
        bench.network.sockets[0].listener.unmatched()
        await task
        assert bench.counts.unmatched == 1

    run_virtual(test())


@pytest.mark.parametrize(
    ("protocol", "used", "port"),
    [
        (Protocol.ICMP, Protocol.ICMP, 443),
        (Protocol.UDP, Protocol.AUTO, None),
        (Protocol.QUIC, Protocol.AUTO, None),
        (Protocol.TCP, Protocol.AUTO, None),
        (Protocol.AUTO, Protocol.AUTO, None),
    ],
)
def test_sockets_are_alike_in_every_cycle(
    protocol: Protocol, used: Protocol, port: int | None
) -> None:
    """Whole packets only, and one local port, which a prober of the same name gets again."""

    async def test() -> None:
        request = SocketRequest(
            DESTINATION, Family.IPV4, protocol, 443, dscp=8, packet_size=100, local_port=7
        )
        opened = []
        for _ in range(2):
            bench = Bench(passing(1500), request)
            await bench.measure()
            await bench.measure()
            opened += bench.network.opened
        first = opened[0]
        assert opened == [first] * 4
        assert (first.protocol, first.port) == (used, port)
        assert (first.dont_fragment, first.packet_size, first.dscp) == (True, None, 8)
        assert first.local_port not in (0, 7)

    run_virtual(test())


def test_nothing_fails_where_nothing_fails() -> None:
    """A link without a limit of its own: the largest size passes, and nothing limits it."""

    async def test() -> None:
        bench = Bench(passing(9216))
        bench.network.failing = no_failure
        assert (await bench.measure())[0] == PathMtu(9216)

    run_virtual(test())
