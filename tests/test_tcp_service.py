"""Real servers under TCP probes: they never learn of them, and nothing stays half open."""

from __future__ import annotations

import asyncio
import socket as sockets
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port

from exporter.model import Family, Kind, Probe, Protocol
from exporter.sockets.linux_flights import PATIENCE_SECONDS
from tests.conftest import LabFactory
from tests.connecting import each_family
from tests.lab.lab import Lab
from tests.probing import Recorder, preferred, run
from tests.wiretap import wiretap

LISTENING = "0A"
TABLES = {Family.IPV4: Path("/proc/self/net/tcp"), Family.IPV6: Path("/proc/self/net/tcp6")}
LOOPBACK = {Family.IPV4: "127.0.0.1", Family.IPV6: "::1"}
places = pytest.mark.parametrize("place", ["loopback", "own address"])


def host(lab: Lab, family: Family, place: str) -> str:
    """An address of this namespace."""
    own = lab.world.host.ipv4 if family is Family.IPV4 else lab.world.host.ipv6
    return LOOPBACK[family] if place == "loopback" else str(own)


def connections(port: int, family: Family) -> list[str]:
    """States of all sockets that have this port at either end, but for listening ones."""
    rows = [line.split() for line in TABLES[family].read_text().splitlines()[1:]]
    ending = f":{port:04X}"
    return [
        row[3]
        for row in rows
        if row[3] != LISTENING and (row[1].endswith(ending) or row[2].endswith(ending))
    ]


@each_family
@places
def test_server_accepts_nothing(lab_factory: LabFactory, family: Family, place: str) -> None:
    """Twenty probes find the port open; the server accepts the one real client behind them."""
    address = host(lab_factory("small"), family, place)
    accepted = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(writer.get_extra_info("peername"))
        writer.close()

    async def test() -> None:
        recorder, backend = Recorder(), preferred(Protocol.TCP, family)
        async with await asyncio.start_server(serve, address, 0) as server:
            port = server.sockets[0].getsockname()[1]
            socket = backend.open(backend.request(address, port=port), recorder)
            with wiretap("lo") as tap:
                for number in range(20):
                    socket.send(Probe(1, number, 64))
                await recorder.until_responses(20)
                assert connections(port, family) == []
                flags = {each.flags for each in tap.segments()}
                assert flags == {"SYN", "SYN-ACK", "RST"}
            reader, writer = await asyncio.open_connection(address, port)
            assert await reader.read() == b""
            writer.close()
            socket.close()
        assert {response.kind for response in recorder.responses} == {Kind.CONNECTED}
        assert all(response.reached and response.rtt < 0.05 for response in recorder.responses)
        assert len(accepted) == 1

    run(test())


@each_family
def test_web_server_serves_on(lab_factory: LabFactory, family: Family) -> None:
    """aiohttp answers requests between probes, and counts no connection but those."""
    lab_factory("small")
    address = LOOPBACK[family]
    served = 0

    async def hello(request: web.Request) -> web.Response:
        nonlocal served
        served += 1
        return web.Response(text="hello")

    async def ask(port: int) -> bytes:
        reader, writer = await asyncio.open_connection(address, port)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return answer

    async def test() -> None:
        recorder, backend = Recorder(), preferred(Protocol.TCP, family)
        app = web.Application()
        app.router.add_get("/", hello)
        runner = web.AppRunner(app)
        await runner.setup()
        port = unused_port()
        await web.TCPSite(runner, address, port).start()
        socket = backend.open(backend.request(address, port=port), recorder)
        for number in range(5):
            socket.send(Probe(1, number, 64))
            assert (await ask(port)).endswith(b"hello")
            await recorder.until_responses(number + 1)
        assert runner.server is not None
        assert runner.server.requests_count == served == 5
        socket.close()
        await runner.cleanup()

    run(test())


@each_family
@places
def test_closed_port_of_this_host(lab_factory: LabFactory, family: Family, place: str) -> None:
    """Nobody listens: refused at once, and nothing is left."""
    address = host(lab_factory("small"), family, place)

    async def test() -> None:
        recorder, backend = Recorder(), preferred(Protocol.TCP, family)
        port = unused_port()
        socket = backend.open(backend.request(address, port=port), recorder)
        socket.send(Probe(1, 0, 64))
        (response,) = await recorder.until_responses(1)
        socket.close()
        assert (response.kind, response.address) == (Kind.REFUSED, address)
        assert connections(port, family) == []

    run(test())


@each_family
def test_server_with_a_full_backlog_is_silent(lab_factory: LabFactory, family: Family) -> None:
    """It drops the SYN: unanswered, sent once, and nothing stays open."""
    lab_factory("small")
    inet = sockets.AF_INET if family is Family.IPV4 else sockets.AF_INET6

    async def test() -> None:
        recorder, backend = Recorder(), preferred(Protocol.TCP, family)
        with sockets.socket(inet) as server, sockets.socket(inet) as client:
            server.bind((LOOPBACK[family], 0))
            server.listen(0)
            place = server.getsockname()[:2]
            client.connect(place)
            socket = backend.open(backend.request(place[0], port=place[1]), recorder)
            with wiretap("lo") as tap:
                socket.send(Probe(1, 0, 64))
                await asyncio.sleep(PATIENCE_SECONDS + 0.3)
                syns = [each for each in tap.segments() if each.flags == "SYN"]
            socket.close()
        assert (recorder.responses, recorder.failures) == ([], [])
        assert len({each.packet.data for each in syns}) == 1

    run(test())
