"""Slow, vanishing and malformed clients, and our own bugs."""

from __future__ import annotations

import asyncio
import logging
import select
import socket

import aiohttp
import pytest

from exporter.server import body, make_app, start_server
from exporter.settings import Target
from tests.asking import (
    IDENTITY,
    WEB,
    ask,
    big_chunks,
    check_headers,
    run,
)
from tests.serving import REACHED, World, state


def test_a_slow_scrape_holds_up_nobody() -> None:
    """One client leaves a large answer unread; another is served meanwhile; then all arrives."""
    world = World(chunks=big_chunks() * 8)

    async def both(session: aiohttp.ClientSession) -> bytes:
        async with session.get("/metrics", headers=IDENTITY) as slow:
            async with session.get("/-/healthy", headers=IDENTITY) as quick:
                assert await quick.text() == "Healthy\n"
            return await slow.read()

    assert run(world, both) == b"".join(world.chunks)


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_a_client_that_takes_nothing_is_dropped(
    encoding: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It asks for 48 MB and never reads: the connection is reset, and nothing is logged loudly."""
    monkeypatch.setattr(body, "WRITE_TIMEOUT", 0.05)
    world = World(chunks=big_chunks() * 16)
    caplog.set_level(logging.DEBUG)

    def ask_and_wait(address: str) -> int:
        host, port = address.split(":")
        with socket.create_connection((host, int(port)), 10) as sock:
            request = f"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept-Encoding: {encoding}\r\n\r\n"
            sock.sendall(request.encode())
            poll = select.poll()
            poll.register(sock, select.POLLHUP)
            ((_, event),) = poll.poll(20_000)
            return event

    async def main() -> None:
        server = await start_server(make_app(world), ["127.0.0.1:0"])
        event = await asyncio.to_thread(ask_and_wait, server.addresses[0])
        assert event & select.POLLERR
        await server.stop(1.0)

    asyncio.run(main())
    assert [each for each in caplog.records if each.levelno > logging.INFO] == []


def test_a_client_that_leaves_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """It hangs up in the middle of a large answer; the server goes on, and logs no error."""
    world = World(chunks=big_chunks() * 8)

    async def main() -> None:
        server = await start_server(make_app(world), ["127.0.0.1:0"])
        host, port = server.addresses[0].split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readexactly(1000)
        writer.transport.abort()
        session = aiohttp.ClientSession(f"http://{host}:{port}")
        async with session, session.get("/-/ready") as got:
            assert got.status == 200
        await server.stop(1.0)

    asyncio.run(main())
    assert [each for each in caplog.records if each.levelno > logging.INFO] == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/metrics", 200),
        ("/-/healthy", 200),
        ("/api/v1/targets", 200),
        ("/", 200),
        ("/targets/web", 200),
        ("/targets/gone", 404),
        ("/api/v1/targets/gone", 404),
        ("/gone", 404),
    ],
)
def test_every_answer_carries_the_security_headers(path: str, status: int) -> None:
    """And none of them tells versions."""
    got = ask(World([state(WEB, REACHED)]), path)
    assert got.status == status
    check_headers(got.headers)


def test_a_bug_is_an_answer_too(caplog: pytest.LogCaptureFixture) -> None:
    """The source fails: 500 with the same headers, no detail for the client, all for the log."""

    class Broken(World):
        def is_ready(self) -> bool:
            raise RuntimeError("a secret detail")

    got = ask(Broken(), "/-/ready")
    assert (got.status, got.body) == (500, b"500: internal error\n")
    check_headers(got.headers)
    assert "a secret detail" in caplog.text


def test_a_bug_in_the_middle_ends_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    """The list breaks off after megabytes: the client must not take it for whole."""
    states = [state(Target(f"t{number}", "192.0.2.1"), REACHED) for number in range(2000)]
    broken = World([*states, None])  # type: ignore[list-item] # this is the bug
    with pytest.raises(aiohttp.ClientPayloadError):
        ask(broken, "/api/v1/targets")
    assert "'NoneType' object has no attribute" in caplog.text


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50) + b"\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20000 + b"\r\n\r\n",
        b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ],
    ids=["tls", "version", "header", "long-header", "long-path", "many-headers", "smuggling"],
)
def test_malformed_requests_get_400_and_no_log_line(
    request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """A stranger cannot fill the log, and learns no version."""

    async def main() -> bytes:
        server = await start_server(make_app(World()), ["127.0.0.1:0"])
        host, port = server.addresses[0].split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request_bytes)
        answer = await reader.read()
        writer.close()
        await server.stop(1.0)
        return answer

    head, _, text = asyncio.run(main()).partition(b"\r\n\r\n")
    assert head.split(b" ", 2)[1] == b"400"
    assert text == b"400: malformed request\n"
    check_headers(dict(line.split(": ", 1) for line in head.decode().splitlines()[1:]))
    assert [each for each in caplog.records if each.levelno > logging.INFO] == []
