"""The tests' own clock and network: what they promise to the tests that stand on them."""

from __future__ import annotations

import asyncio
import time

import pytest

from exporter.model import Family, Probe
from exporter.sockets.base import SocketRequest
from tests.probing import Recorder
from tests.virtual import SimulatedNetwork, chain, run_virtual, stall


def test_a_day_passes_in_no_time() -> None:
    """Sleepers wake in the order of their times, on the second."""

    async def test() -> None:
        loop, woken = asyncio.get_running_loop(), []

        async def sleeper(seconds: float) -> None:
            await asyncio.sleep(seconds)
            woken.append((seconds, loop.time()))

        await asyncio.gather(sleeper(86400), sleeper(3600), sleeper(0.001))
        assert [seconds for seconds, _ in woken] == [0.001, 3600, 86400]
        assert all(at == pytest.approx(seconds, abs=1e-4) for seconds, at in woken)

    started = time.monotonic()
    run_virtual(test())
    assert time.monotonic() - started < 5


def test_stalled_loop_is_late() -> None:
    """A timer whose time passed during a stall fires afterwards."""

    async def test() -> float:
        loop = asyncio.get_running_loop()
        timer = loop.create_future()
        loop.call_later(1.0, lambda: timer.set_result(loop.time()))
        stall(30.0)
        late: float = await timer
        return late

    assert run_virtual(test()) == pytest.approx(30.0, abs=1e-3)


def test_descriptors_work_in_virtual_time() -> None:
    """What is ready is served before time jumps on."""

    async def test() -> bytes:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readline())
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"hello\n")
            line = await reader.readline()
            writer.close()
            await writer.wait_closed()
        return line

    assert run_virtual(test()) == b"hello\n"


def test_simulated_answers_arrive_after_their_delay_unless_the_socket_is_closed() -> None:
    """The destination answers at the end of the chain; a closed socket hears nothing."""

    async def test() -> None:
        network = SimulatedNetwork(chain(0.1, 0.2))
        heard, unheard = Recorder(), Recorder()
        request = SocketRequest("192.0.2.1", Family.IPV4)
        socket, closed = network.open(request, heard), network.open(request, unheard)
        for ttl in (1, 2):
            socket.send(Probe(1, 0, ttl))
            closed.send(Probe(1, 0, ttl))
        closed.close()
        assert network.sockets == [socket]
        await asyncio.sleep(1)
        assert [(r.rtt, r.address, r.reached) for r in heard.responses] == [
            (0.1, "198.51.100.1", False),
            (0.2, "192.0.2.1", True),
        ]
        assert unheard.responses == []

    run_virtual(test())
