"""Start the real server on addresses, or see it refuse."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence

import aiohttp
import pytest

from exporter.server import ListenError, Running, make_app, start_server
from tests.serving import World

Use = Callable[[Running], Awaitable[None]]

REQUEST = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"


async def healthy(address: str) -> bool:
    """Ask over the address that the server said it has."""
    kind, _, path = address.partition(":")
    unix = kind == "unix"
    connector = aiohttp.UnixConnector(path) if unix else aiohttp.TCPConnector()
    url = "http://daemon/-/healthy" if unix else f"http://{address}/-/healthy"
    session = aiohttp.ClientSession(connector=connector)
    async with session, session.get(url) as got:
        return await got.text() == "Healthy\n"


def serve(addresses: Sequence[str], use: Use) -> None:
    """Start, use, stop."""

    async def main() -> None:
        server = await start_server(make_app(World()), addresses)
        try:
            await use(server)
        finally:
            await server.stop(1.0)

    asyncio.run(main())


def refused(addresses: Sequence[str]) -> str:
    """The message with which the server refuses to start."""

    async def main() -> str:
        with pytest.raises(ListenError) as caught:
            await start_server(make_app(World()), addresses)
        return str(caught.value)

    return asyncio.run(main())


def free_port() -> int:
    """A port that nobody has now; the tests have their loopback for themselves."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        assert isinstance(port, int)
        return port
