"""URLs that list targets: what is asked, what is taken, and everything that a server can do."""

from __future__ import annotations

import asyncio
import base64
import time
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from exporter.discovery import http
from exporter.discovery.http import FetchError, fetch
from exporter.settings import UrlSource
from tests.authorities import NEEDS_OPENSSL, Authority
from tests.listserver import ListServer, answer, listing

HALF = b'[{"targets": ["a"'


def get(server: ListServer, **fields: object) -> str:
    """Serve, fetch once; nothing is open afterwards."""

    async def test() -> str:
        async with server.serve():
            try:
                return await fetch(UrlSource(server.url, **fields))  # type: ignore[arg-type]
            finally:
                assert asyncio.all_tasks() - {asyncio.current_task()} <= _of_server()

    text = asyncio.run(test())
    assert server.connections <= 1
    return text


def _of_server() -> set[asyncio.Task[object]]:
    return {task for task in asyncio.all_tasks() if "RequestHandler" in repr(task.get_coro())}


def refusal(server: ListServer, **fields: object) -> str:
    """Why it gave nothing."""
    with pytest.raises(FetchError) as error:
        get(server, **fields)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_what_a_request_says(tmp_path: Path) -> None:
    """The headers of Prometheus' http_sd; the query of the URL is left as it is; no secrets."""
    server = ListServer(answer(listing("a")))
    assert get(server, refresh_interval=90.0) == listing("a").decode()
    (request,) = server.requests
    assert (request.method, request.path_qs) == ("GET", "/targets?x=1")
    assert request.headers["Accept"] == "application/json"
    assert request.headers["X-Prometheus-Refresh-Interval-Seconds"] == "90"
    assert request.headers["User-Agent"].startswith("ftr-exporter/")
    assert "Authorization" not in request.headers


def test_password_and_token_are_read_anew_from_their_files(tmp_path: Path) -> None:
    """A newline at the end is the editor's; the secret changes without a reload."""
    secret = tmp_path / "secret"
    for word in ("one", "zwölf"):
        secret.write_text(f"{word}\n")
        server = ListServer()
        get(server, username="me", password_file=str(secret))
        get(server, credentials_file=str(secret))
        basic, bearer = (request.headers["Authorization"] for request in server.requests)
        assert base64.b64decode(basic.removeprefix("Basic ")).decode() == f"me:{word}"
        assert bearer.encode("utf-8", "surrogateescape").decode() == f"Bearer {word}"


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"a\r\nX-Evil: 1\r\n"])
def test_secrets_that_cannot_be_used(tmp_path: Path, content: bytes | None) -> None:
    """The file is missing, no text, or would smuggle a header: nothing is asked."""
    secret = tmp_path / "secret"
    if content is not None:
        secret.write_bytes(content)
    server = ListServer()
    assert str(secret) in refusal(server, credentials_file=str(secret))
    assert server.requests == []


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", 'application/json;charset="UTF-8"'],
)
def test_content_types_that_are_json(content_type: str) -> None:
    """As Prometheus takes them."""
    assert get(ListServer(answer(b"[]", content_type=content_type))) == "[]"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (answer(status=503), "status 503"),
        (answer(status=204), "status 204"),
        (answer(content_type="text/html"), "text/html; application/json is needed"),
        (answer(content_type="application/json; charset=latin-1"), "application/json is needed"),
        (answer(content_type=None), "application/json is needed"),
        (answer(b"\xff"), "is not UTF-8"),
        (answer(b"[\x00]"), "control character"),
    ],
)
def test_answers_that_are_refused(
    given: Callable[..., Awaitable[web.Response]], reason: str
) -> None:
    """The server answered something else than a list: the reason says what."""
    assert reason in refusal(ListServer(given))


def test_an_answer_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """It never ends; reading it ends at the bound."""
    monkeypatch.setattr(http, "MAX_BYTES", 2**20)
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while True:
            await response.write(b" " * 65_536)
            sent += 65_536

    assert "larger than 1 MiB" in refusal(ListServer(endless))
    assert sent < 2**25


def test_an_answer_that_grows_when_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred kilobytes of gzip that would be a hundred megabytes."""
    monkeypatch.setattr(http, "MAX_BYTES", 2**20)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join([packer.compress(b" " * 2**20) for _ in range(100)]) + packer.flush()

    async def packed(request: web.Request) -> web.StreamResponse:
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        return web.Response(body=bomb, headers=headers)

    assert "larger than 1 MiB" in refusal(ListServer(packed))


async def _hang(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    raise AssertionError("nobody waits so long")


async def _drip(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.05)


async def _break_off(request: web.Request) -> web.StreamResponse:
    headers = {"Content-Type": "application/json", "Content-Length": "100"}
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    await response.write(HALF)
    assert request.transport is not None
    request.transport.abort()
    return response


@pytest.mark.parametrize("slow", [_hang, _drip])
def test_an_answer_that_takes_too_long(
    monkeypatch: pytest.MonkeyPatch, slow: Callable[..., Awaitable[web.StreamResponse]]
) -> None:
    """The server says nothing, or one byte at a time: given up at the bound."""
    monkeypatch.setattr(http, "MAX_SECONDS", 0.5)
    started = time.monotonic()
    assert "no whole answer within 0.5 s" in refusal(ListServer(slow))
    assert time.monotonic() - started < 5


def test_a_connection_that_breaks() -> None:
    """Half a list is no list."""
    assert refusal(ListServer(_break_off))


def test_nobody_listens() -> None:
    """The server is down."""
    with pytest.raises(FetchError, match=r"[Cc]onnect"):
        asyncio.run(fetch(UrlSource("http://127.0.0.1:1/")))


@pytest.mark.parametrize(
    "location", ["http://[", "http://a b/", "ftp://a/", "//", "http://\udcff/", "http://a:99999/"]
)
def test_redirects_to_nowhere(location: str) -> None:
    """The server sends us to what is no URL: an error like any other."""

    async def handler(request: web.Request) -> web.StreamResponse:
        where = location.encode("utf-8", "surrogateescape").decode("latin-1")
        return web.Response(status=302, headers={"Location": where})

    assert refusal(ListServer(handler))


def test_a_redirect_elsewhere_does_not_carry_the_secret(tmp_path: Path) -> None:
    """The list has moved to another host: it is followed, without the token."""
    secret = tmp_path / "secret"
    secret.write_text("s3cret")

    async def test() -> None:
        other = ListServer(answer(listing("b")))
        async with other.serve():

            async def moved(request: web.Request) -> web.StreamResponse:
                return web.Response(status=302, headers={"Location": other.url})

            server = ListServer(moved)
            async with server.serve():
                source = UrlSource(server.url, credentials_file=str(secret))
                assert await fetch(source) == listing("b").decode()
        assert server.requests[0].headers["Authorization"] == "Bearer s3cret"
        assert "Authorization" not in other.requests[0].headers

    asyncio.run(test())


def test_redirects_in_a_circle_end() -> None:
    """The server sends us to itself, again and again."""

    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "/again"})

    server = ListServer(handler)
    assert refusal(server)
    assert len(server.requests) <= 11


@NEEDS_OPENSSL
def test_tls(tmp_path: Path) -> None:
    """A CA of our own: right with `ca_file`, refused without and by the wrong one; and the server

    wants to know who asks: refused without a certificate, welcome with one.
    """
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    client, key = ours.issue("client")
    alone = tmp_path / "both.pem"
    alone.write_text(client.read_text() + key.read_text())

    async def test() -> None:
        ca = str(ours.ca_file)
        server = ListServer(answer(listing("a")))
        async with server.serve(ours.server_context()):
            assert await fetch(UrlSource(server.url, ca_file=ca)) == listing("a").decode()
            for wrong in (None, str(theirs.ca_file)):
                with pytest.raises(FetchError, match="certificate verify failed"):
                    await fetch(UrlSource(server.url, ca_file=wrong))
            for missing in (tmp_path / "none.pem", tmp_path):
                with pytest.raises(FetchError, match="ca_file"):
                    await fetch(UrlSource(server.url, ca_file=str(missing)))
        async with server.serve(ours.server_context(clients=ours.ca_file)):
            for file, key_file in ((client, str(key)), (alone, None)):
                source = UrlSource(server.url, ca_file=ca, cert_file=str(file), key_file=key_file)
                assert await fetch(source)
            with pytest.raises(FetchError):
                await fetch(UrlSource(server.url, ca_file=ca))
            with pytest.raises(FetchError, match="cert_file"):
                await fetch(UrlSource(server.url, ca_file=ca, cert_file=str(client)))
        async with server.serve():
            with pytest.raises(FetchError):
                await fetch(UrlSource(server.url.replace("http:", "https:"), ca_file=ca))

    asyncio.run(test())


@NEEDS_OPENSSL
def test_a_certificate_for_another_host_is_refused(tmp_path: Path) -> None:
    """The CA is right, the name is not."""
    ours = Authority(tmp_path)
    context = ours.server_context()
    context.load_cert_chain(*ours.issue("other", "DNS:other.example"))

    async def test() -> None:
        server = ListServer()
        async with server.serve(context):
            with pytest.raises(FetchError, match="certificate"):
                await fetch(UrlSource(server.url, ca_file=str(ours.ca_file)))
        assert server.requests == []

    asyncio.run(test())
