"""What closed connections leave behind for the collector, by the real server over real sockets."""

from __future__ import annotations

import asyncio
import gc
import socket

import pytest

from exporter.process.collector import COLLECTOR
from exporter.server import make_app, start_server
from exporter.sockets import readiness
from tests.serving import World

CONNECTIONS = 20
PATIENCE = 5.0


def exchange(address: tuple[str, int], request: bytes) -> None:
    """Send a request, read until the server hangs up or has answered, and go."""
    with socket.create_connection(address, PATIENCE) as client:
        client.sendall(request)
        client.recv(1 << 16)


def left_behind(request: bytes) -> tuple[int, int]:
    """Objects that only the collector frees, and the rings that were counted."""

    async def main() -> tuple[int, int]:
        server = await start_server(make_app(World()), ("127.0.0.1:0",))
        host, _, port = server.addresses[0].rpartition("//")[2].rpartition(":")
        address = host, int(port)

        def clients(count: int) -> None:
            for _ in range(count):
                exchange(address, request)

        async def settle() -> None:
            for _ in range(20):
                await asyncio.sleep(0.01)

        await asyncio.to_thread(clients, 1)
        await settle()
        gc.collect()
        gc.disable()
        try:
            counted = COLLECTOR.rings
            await asyncio.to_thread(clients, CONNECTIONS)
            await settle()
            return gc.collect(), COLLECTOR.rings - counted
        finally:
            gc.enable()
            await server.stop(1.0)

    return readiness.run(main())


@pytest.mark.parametrize("path", ["/-/healthy", "/metrics", "/", "/targets/nobody"])
def test_an_answered_connection_leaves_nothing(path: str) -> None:
    """Health checks and scrapes go on for years: all of it was freed by reference counts."""
    found, counted = left_behind(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert found < CONNECTIONS
    assert counted == 0


@pytest.mark.parametrize("request_", [b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", b"\0\r\n\r\n"])
def test_a_refused_one_is_counted(request_: bytes) -> None:
    """What aiohttp leaves of it is no more than some dozen objects, and the collector knows."""
    found, counted = left_behind(request_)
    assert found < 50 * CONNECTIONS
    assert counted == CONNECTIONS
