"""The endpoints, over real connections."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import random
import select
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp
import pytest
from yarl import URL

from exporter.model import Family
from exporter.server import body, make_app, start_server
from exporter.server.app import TelemetryPathError
from exporter.server.body import SLICE
from exporter.settings import Target
from tests.serving import REACHED, STARTED, World, serving, state, trace

T = TypeVar("T")

IDENTITY = {"Accept-Encoding": "identity"}
WEB = Target("web", "www.example.net", labels=(("site", "home"),))
TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def run(
    world: World,
    use: Callable[[aiohttp.ClientSession], Awaitable[T]],
    *,
    telemetry_path: str = "/metrics",
) -> T:
    """Start the server, use it, stop it."""

    async def main() -> T:
        async with serving(world, telemetry_path=telemetry_path) as session:
            return await use(session)

    return asyncio.run(main())


def ask(
    world: World,
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    telemetry_path: str = "/metrics",
) -> Answer:
    """Ask once. `path` is sent as it is."""

    async def once(session: aiohttp.ClientSession) -> Answer:
        url = URL(path, encoded=True)
        async with session.request(method, url, headers={**IDENTITY, **(headers or {})}) as got:
            return Answer(got.status, got.headers.copy(), await got.read())

    return run(world, once, telemetry_path=telemetry_path)


def big_chunks() -> list[bytes]:
    """Some 3 MB in pieces of all sizes, one of them larger than a slice, that hardly compress."""
    dice = random.Random(1)
    sizes = [0, 1, 100, *(dice.randrange(5000) for _ in range(600)), SLICE * 5 + 7, 3]
    return [dice.randbytes(size) for size in sizes]


# -- metrics ------------------------------------------------------------------------------------


def test_a_plain_scrape_gets_text() -> None:
    """The chunks, joined, with a length; nothing asked for means everything."""
    world = World()
    got = ask(world, "/metrics")
    assert (got.status, got.body) == (200, b"".join(world.chunks))
    assert got.headers["Content-Type"] == TEXT
    assert got.headers["Content-Length"] == str(len(got.body))
    assert got.headers["Vary"] == "Accept, Accept-Encoding"
    assert "Content-Encoding" not in got.headers
    assert world.asked == [(None, None, False)]


def test_openmetrics_is_negotiated() -> None:
    """Asked for by name, it is asked of the source, too."""
    world = World()
    got = ask(world, "/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"})
    assert got.headers["Content-Type"] == OPENMETRICS
    assert world.asked == [(None, None, True)]


def test_targets_and_names_can_be_chosen() -> None:
    """Both may be given several times; escapes are undone; what is unknown is ignored."""
    world = World()
    query = "target=a%2Fb&target=%C3%A4&name[]=ftr_path_hops&name%5B%5D=x&target=a%2Fb&other=1"
    ask(world, f"/metrics?{query}")
    assert world.asked == [(["a/b", "ä"], ["ftr_path_hops", "x"], False)]


def test_a_small_body_is_compressed() -> None:
    """With gzip accepted, the length is that of the compressed body."""
    world = World(chunks=[b"ftr_path_hops 7\n"] * 100)
    got = ask(world, "/metrics", headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(got.body) == b"".join(world.chunks)
    assert got.headers["Content-Encoding"] == "gzip"
    assert int(got.headers["Content-Length"]) == len(got.body) < 200


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_a_large_body_is_streamed_unharmed(encoding: str) -> None:
    """3 MB in pieces of all sizes arrive byte for byte."""
    world = World(chunks=big_chunks())
    got = ask(world, "/metrics", headers={"Accept-Encoding": encoding})
    whole = gzip.decompress(got.body) if encoding == "gzip" else got.body
    assert whole == b"".join(world.chunks)
    assert got.headers["Transfer-Encoding"] == "chunked"


def test_an_empty_exposition_is_an_answer() -> None:
    """No target matched: 200 and nothing."""
    got = ask(World(chunks=[]), "/metrics?target=gone")
    assert (got.status, got.body) == (200, b"")


@pytest.mark.parametrize("chunks", [[b"x 1\n"], big_chunks()], ids=["small", "large"])
@pytest.mark.parametrize("path", ["/metrics", "/", "/api/v1/targets", "/-/healthy"])
def test_head_is_get_without_a_body(path: str, chunks: list[bytes]) -> None:
    """The same status and type, and not one byte."""
    world = World([state(WEB, REACHED)], chunks=chunks)
    head = ask(world, path, method="HEAD")
    get = ask(world, path)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Type"] == get.headers["Content-Type"]
    assert head.headers.get("Content-Length") == get.headers.get("Content-Length")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", ["/metrics", "/", "/api/v1/targets", "/-/healthy", "/targets/web"])
def test_nothing_can_be_changed(path: str, method: str) -> None:
    """Only GET and HEAD are allowed, and the answer says so."""
    got = ask(World(), path, method=method)
    assert got.status == 405
    assert got.headers["Allow"] == "GET,HEAD"


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


@pytest.mark.parametrize("path", ["/m", "/-/my.metrics~1", "/"])
def test_the_telemetry_path_can_be_chosen(path: str) -> None:
    """Metrics are there and nowhere else; at `/` they take the place of the page."""
    world = World()
    assert ask(world, path, telemetry_path=path).body == b"".join(world.chunks)
    assert ask(world, "/metrics", telemetry_path=path).status == 404


@pytest.mark.parametrize("path", ["", "metrics", "/{name}", "/a b", "/ä", "/a?b", "/a#b", "/%41"])
def test_a_telemetry_path_that_cannot_be_is_refused(path: str) -> None:
    """Before anything listens, with the path in the message."""
    with pytest.raises(TelemetryPathError, match="telemetry path"):
        make_app(World(), telemetry_path=path)


# -- health -------------------------------------------------------------------------------------


def test_health_and_readiness() -> None:
    """Healthy always; ready only when the source says so."""
    assert ask(World(ready=False), "/-/healthy").body == b"Healthy\n"
    assert ask(World(ready=True), "/-/ready").status == 200
    waiting = ask(World(ready=False), "/-/ready")
    assert (waiting.status, waiting.body) == (503, b"Not ready\n")


# -- API ----------------------------------------------------------------------------------------


def test_the_list_shows_each_target_in_short() -> None:
    """One target over two families: the first reached with one loss in three, the other silent."""
    six = trace(family=Family.IPV6, address="2001:db8::1", errors=(("unreachable_network", 2),))
    world = World([state(WEB, REACHED, six, next_cycle_at=STARTED + 60)])
    got = ask(world, "/api/v1/targets")
    assert got.headers["Content-Type"] == "application/json; charset=utf-8"
    assert got.json() == {
        "targets": [
            {
                "name": "web",
                "host": "www.example.net",
                "labels": {"site": "home"},
                "interval_seconds": 60.0,
                "next_cycle_at": "2026-01-31T12:01:00.000Z",
                "families": [
                    {
                        "family": "ipv4",
                        "protocol": "icmp",
                        "address": "192.0.2.1",
                        "backend": "linux-icmp",
                        "reached": True,
                        "stop_reason": "destination",
                        "rtt_seconds": 0.021,
                        "loss_ratio": 0.333333,
                        "hops": 3,
                        "last_trace_at": "2026-01-31T12:00:00.000Z",
                        "as_path": [64500, 64501],
                        "errors": [],
                    },
                    {
                        "family": "ipv6",
                        "protocol": "icmp",
                        "address": "2001:db8::1",
                        "backend": "linux-icmp",
                        "reached": True,
                        "stop_reason": "destination",
                        "rtt_seconds": 0.021,
                        "loss_ratio": None,
                        "hops": 0,
                        "last_trace_at": "2026-01-31T12:00:00.000Z",
                        "as_path": [],
                        "errors": ["this host has no route to the destination (2 times)"],
                    },
                ],
            }
        ]
    }


def test_a_target_before_its_first_trace_is_all_nulls() -> None:
    """Known is only what the configuration says."""
    new = Target("new", "192.0.2.9")
    world = World([state(new), state(Target("newer", "192.0.2.8"), None)])
    first, second = ask(world, "/api/v1/targets").json()["targets"]
    assert (first["families"], first["next_cycle_at"]) == ([], None)
    (family,) = second["families"]
    assert family.pop("errors") == family.pop("as_path") == []
    assert (family.pop("family"), family.pop("protocol")) == ("ipv4", "icmp")
    assert set(family.values()) == {None}
    (detail,) = ask(world, "/api/v1/targets/newer").json()["families"]
    assert (detail["path"], detail["trace"]) == ([], None)


def test_the_list_can_be_narrowed() -> None:
    """By name, repeatedly; unknown names are not there."""
    world = World([state(Target(name, "192.0.2.1")) for name in ("a", "b", "c")])
    got = ask(world, "/api/v1/targets?name=c&name=a&name=nobody")
    assert [each["name"] for each in got.json()["targets"]] == ["c", "a"]
    assert ask(World(), "/api/v1/targets").json()["targets"] == []


def test_ten_thousand_targets_are_one_valid_document() -> None:
    """Streamed in slices, and still one JSON object."""
    states = [state(Target(f"t{number}", "192.0.2.1"), REACHED) for number in range(2000)]
    got = ask(World(states * 5), "/api/v1/targets", headers={"Accept-Encoding": "gzip"})
    names = [each["name"] for each in json.loads(gzip.decompress(got.body))["targets"]]
    assert names == [each.target.name for each in states] * 5


def test_a_name_that_utf_8_cannot_hold_is_escaped() -> None:
    """YAML may smuggle a lone surrogate into a name: JSON can still say it."""
    world = World([state(Target("\ud800ä", "192.0.2.1"))])
    got = ask(world, "/api/v1/targets")
    assert rb"\ud800" in got.body
    assert got.json()["targets"][0]["name"] == "\ud800ä"


def test_one_target_comes_with_its_trace_and_path() -> None:
    """The form of the trace is the one of the interface; the path names the silent hop null."""
    got = ask(World([state(WEB, REACHED)]), "/api/v1/targets/web")
    (family,) = got.json()["families"]
    assert family["path"] == ["198.51.100.1", None, "192.0.2.1"]
    assert family["trace"]["target"] == "web"
    assert [hop["ttl"] for hop in family["trace"]["hops"]] == [1, 2, 3]
    assert family["trace"]["as_path"] == family["as_path"] == [64500, 64501]


@pytest.mark.parametrize(
    "name",
    ["a/b", "ä ö", "100%", "%2F", "a?b#c", "<b>&\"'", "x\\y", "a+b", "日本", "a//b", "☃/%41"],
)
def test_any_name_can_be_asked_for(name: str) -> None:
    """Escaped as one segment of the path, every name leads to its target, in JSON and in HTML."""
    world = World([state(Target("decoy", "192.0.2.1")), state(Target(name, "192.0.2.1"), REACHED)])
    escaped = quote(name, safe="")
    assert ask(world, f"/api/v1/targets/{escaped}").json()["name"] == name
    assert ask(world, f"/targets/{escaped}").status == 200


def test_slashes_in_a_name_need_no_escape() -> None:
    """As people type them."""
    world = World([state(Target("site/a", "192.0.2.1"), REACHED)])
    assert ask(world, "/api/v1/targets/site/a").json()["name"] == "site/a"


def test_an_unknown_target_is_not_found() -> None:
    """The message names it, with nothing in it that could harm a terminal."""
    got = ask(World(), "/api/v1/targets/gone%0A%1b")
    assert got.status == 404
    assert got.headers["Content-Type"] == "application/json; charset=utf-8"
    assert got.json() == {"error": r"there is no target named 'gone\n\x1b'"}


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/api/v1/nothing", "GET", 404),
        ("/api/v1/targets/", "GET", 404),
        ("/api/v1/targets", "POST", 405),
    ],
)
def test_the_api_refuses_in_json(path: str, method: str, status: int) -> None:
    """What the router turns away is JSON, too."""
    got = ask(World(), path, method=method)
    assert got.status == status
    assert set(got.json()) == {"error"}


# -- headers and faults -------------------------------------------------------------------------


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
    _check_headers(got.headers)


def test_a_bug_is_an_answer_too(caplog: pytest.LogCaptureFixture) -> None:
    """The source fails: 500 with the same headers, no detail for the client, all for the log."""

    class Broken(World):
        def is_ready(self) -> bool:
            raise RuntimeError("a secret detail")

    got = ask(Broken(), "/-/ready")
    assert (got.status, got.body) == (500, b"500: internal error\n")
    _check_headers(got.headers)
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
    _check_headers(dict(line.split(": ", 1) for line in head.decode().splitlines()[1:]))
    assert [each for each in caplog.records if each.levelno > logging.INFO] == []


def _check_headers(headers: Mapping[str, str]) -> None:
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Server"] == "ftr-exporter"
