"""Serving until told to stop, and not a moment longer for idle clients."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from exporter.server import Running, listen, make_app, start_server
from tests.listening import REQUEST, serve
from tests.serving import World


def test_stopping_lets_an_answer_end(tmp_path: Path) -> None:
    """A large answer is under way while the server stops: it arrives whole, then it is over."""
    chunks = [os.urandom(100_000)] * 100
    path = f"{tmp_path}/s"

    async def main() -> None:
        server = await start_server(make_app(World(chunks=chunks)), [f"unix:{path}"])
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        stopping = asyncio.create_task(server.stop(10.0))
        assert await reader.read() == b"".join(chunks)
        await stopping
        writer.close()
        with pytest.raises(FileNotFoundError):
            await asyncio.open_unix_connection(path)

    asyncio.run(main())


def test_stopping_does_not_wait_for_ever(tmp_path: Path) -> None:
    """A client leaves its answer unread: after the grace its connection is closed."""
    chunks = [os.urandom(100_000)] * 100
    path = f"{tmp_path}/s"

    async def main() -> None:
        server = await start_server(make_app(World(chunks=chunks)), [f"unix:{path}"])
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        async with asyncio.timeout(10):
            await server.stop(0.05)
        assert len(await reader.read()) < sum(map(len, chunks))
        writer.close()

    asyncio.run(main())


def test_idle_connections_end_at_once() -> None:
    """One never said anything, one waits for its next request: neither delays the stop."""

    async def main() -> None:
        server = await start_server(make_app(World()), ["127.0.0.1:0"])
        host, port = server.addresses[0].split(":")
        silent, silent_writer = await asyncio.open_connection(host, int(port))
        idle, idle_writer = await asyncio.open_connection(host, int(port))
        idle_writer.write(REQUEST)
        await idle.readuntil(b"Healthy\n")
        async with asyncio.timeout(10):
            await server.stop(60.0)
        assert await silent.read() == await idle.read() == b""
        silent_writer.close()
        idle_writer.close()

    asyncio.run(main())


def test_who_connected_right_before_the_end_is_answered(tmp_path: Path) -> None:
    """A client was accepted, the server began to stop, and only then came its request."""
    path = f"{tmp_path}/s"

    async def main() -> None:
        server = await start_server(make_app(World()), [f"unix:{path}"])
        early, early_writer = await asyncio.open_unix_connection(path)
        early_writer.write(REQUEST)
        await early.readuntil(b"Healthy\n")
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(REQUEST[:20])
        stopping = asyncio.create_task(server.stop(10.0))
        await asyncio.sleep(0)
        writer.write(REQUEST[20:])
        assert (await reader.read()).endswith(b"Healthy\n")
        await stopping
        writer.close()
        early_writer.close()

    asyncio.run(main())


@pytest.mark.parametrize("start", [b"", REQUEST[:20]], ids=["silent", "half"])
def test_a_client_that_never_asks_is_dropped(start: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """It connects and sends nothing, or half a request: its connection is not kept for ever."""
    monkeypatch.setattr(listen, "KEEPALIVE", 0.05)

    async def use(server: Running) -> None:
        host, port = server.addresses[0].split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(start)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()

    serve(["127.0.0.1:0"], use)


def test_a_broken_application_leaves_nothing_bound(tmp_path: Path) -> None:
    """Its start fails after the sockets were bound: they are closed, the socket file is gone."""
    app = make_app(World())

    async def fail(_: object) -> None:
        raise RuntimeError("no start")

    app.on_startup.append(fail)

    async def main() -> None:
        with pytest.raises(RuntimeError, match="no start"):
            await start_server(app, [f"unix:{tmp_path}/s"])

    asyncio.run(main())
    assert list(tmp_path.iterdir()) == []
