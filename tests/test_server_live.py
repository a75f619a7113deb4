"""Events over HTTP, traces on demand, history, and what the pages load."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from exporter.server import body, make_app, ondemand, start_server, stream
from exporter.server.events import EventKind, Hub
from exporter.server.static import assets, version
from tests.asking import IDENTITY, WEB, ask, check_headers, run
from tests.clock import until
from tests.serving import REACHED, World, state
from tests.test_recent import EPOCH, trace

JSON = {"Content-Type": "application/json"}


def web_world(**fields: object) -> World:
    """A world with one target, whose three cycles are remembered."""
    shown = state(WEB, REACHED)
    for number in range(3):
        shown.views[0].tally.add(trace(number, (0.01, 0.02)))
    return World([shown], **fields)  # type: ignore[arg-type]


async def lines(got: aiohttp.ClientResponse, field: str) -> AsyncIterator[str]:
    """The values of a field, as they come."""
    async for line in got.content:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name == field:
            yield value


def test_events_come_as_they_happen_and_go_on_after_a_break() -> None:
    """Two events, a lost connection, one more meanwhile: the second connection begins with it."""
    world = web_world()

    async def use(session: aiohttp.ClientSession) -> list[str]:
        heard = []
        async with session.get("/api/v1/events?target=web") as got:
            check_headers(got.headers)
            assert got.headers["Content-Type"].startswith("text/event-stream")
            world.events.emit(EventKind.HOP, "web", {"n": 1})
            world.events.emit(EventKind.STATE, "web", {"not": "asked for"})
            world.events.emit(EventKind.CHANGE, "web", {"n": 2})
            ids = lines(got, "id")
            last = [await anext(ids) for _ in range(3)][-1]
        await until(lambda: not world.events._listeners)
        world.events.emit(EventKind.TRACE, "web", {"n": 3})
        async with session.get("/api/v1/events?target=web", headers={"Last-Event-ID": last}) as got:
            heard.append(await anext(lines(got, "data")))
        async with session.get(f"/api/v1/events?target=web&last_event_id={last}") as got:
            heard.append(await anext(lines(got, "data")))
        return heard

    assert run(world, use) == ['{"n":3}', '{"n":3}']


def test_a_stop_ends_the_streams_at_once() -> None:
    """A client that listens does not hold up the end of the daemon."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        server = await start_server(make_app(web_world()), ["127.0.0.1:0"])
        async with (
            aiohttp.ClientSession(f"http://{server.addresses[0]}") as session,
            session.get("/api/v1/events") as got,
        ):
            await got.content.readline()
            started = loop.time()
            await server.stop(30.0)
            await got.content.read()
        return loop.time() - started

    assert asyncio.run(main()) < 5


def test_too_many_listeners_are_sent_away() -> None:
    """The third of two is told when to come again; once one leaves, there is room."""
    world = web_world(events=Hub(listeners=2))

    async def use(session: aiohttp.ClientSession) -> list[int]:
        async with session.get("/api/v1/events"):
            async with session.get("/api/v1/events"), session.get("/api/v1/events") as third:
                assert third.headers["Retry-After"] == "10"
                assert set(await third.json()) == {"error"}
            await until(lambda: len(world.events._listeners) == 1)
            async with session.get("/api/v1/events") as again:
                return [third.status, again.status]

    assert run(world, use) == [503, 200]


def test_silent_streams_show_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comments, which no script sees, keep proxies from closing the connection."""
    monkeypatch.setattr(stream, "KEEP_ALIVE", 0.01)

    async def use(session: aiohttp.ClientSession) -> int:
        count = 0
        async with session.get("/api/v1/events") as got:
            async for line in got.content:
                count += line == b": alive\n"
                if count == 3:
                    break
        return count

    assert run(web_world(), use) == 3


def test_a_listener_that_takes_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """It leaves megabytes of events unread: its connection is reset, another hears them all."""
    monkeypatch.setattr(body, "WRITE_TIMEOUT", 0.05)
    world = web_world()

    async def main() -> int:
        server = await start_server(make_app(world), ["127.0.0.1:0"])
        host, port = server.addresses[0].split(":")
        slow, writer = await asyncio.open_connection(host, int(port), limit=1024)
        writer.write(b"GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
        await slow.readline()
        async with aiohttp.ClientSession(f"http://{host}:{port}") as session:
            async with session.get("/api/v1/events") as quick:
                data, count = lines(quick, "data"), 0
                while len(world.events._listeners) == 2:
                    world.events.emit(EventKind.HOP, "web", {"x": "x" * 100_000})
                    count += len(await anext(data)) > 100_000
            async with session.get("/-/healthy") as got:
                assert got.status == 200
        writer.transport.abort()
        await server.stop(1.0)
        return count

    assert asyncio.run(main()) > 10


@pytest.mark.parametrize(
    ("query", "status"),
    [("event=nonsense", 400), ("target=nobody", 404), ("event=hop&event=", 400)],
)
def test_nonsense_is_not_listened_to(query: str, status: int) -> None:
    """Unknown kinds and targets are told, in JSON."""
    got = ask(web_world(), f"/api/v1/events?{query}")
    assert (got.status, set(got.json())) == (status, {"error"})


def test_history_of_a_target() -> None:
    """Three cycles and the hops over them; only later ones where asked; nonsense is told."""
    found = ask(web_world(), "/api/v1/history?target=web").json()
    (family,) = found["families"]
    assert [cycle["at"] for cycle in family["cycles"]] == [
        f"2026-01-31T12:0{minute}:00.000Z" for minute in range(3)
    ]
    assert family["cycles"][0]["rtt_seconds"] == pytest.approx([0.01, 0.02], rel=0.001)
    assert (family["cycles"][0]["sent"], family["cycles"][0]["lost"]) == (3, 1)
    (span,) = family["spans"]
    assert [(hop["ttl"], hop["sent"], hop["lost"]) for hop in span["hops"]] == [
        (1, 9, 3),
        (2, 9, 3),
    ]
    later = ask(web_world(), "/api/v1/history?target=web&after=2026-01-31T12:01:00.000Z").json()
    assert len(later["families"][0]["cycles"]) == 1
    assert ask(web_world(), "/api/v1/history?target=web&after=yesterday").status == 400
    assert ask(web_world(), "/api/v1/history?target=web&after=0000-99-99T99:99:99Z").status == 400
    assert ask(web_world(), "/api/v1/history?target=nobody").status == 404
    assert EPOCH == 1_769_860_800


def test_recent_medians_come_where_asked_for() -> None:
    """The list stays short without."""
    (plain,) = ask(web_world(), "/api/v1/targets").json()["targets"]
    assert "recent_rtt_seconds" not in plain["families"][0]
    (told,) = ask(web_world(), "/api/v1/targets?recent=1").json()["targets"]
    assert told["families"][0]["recent_rtt_seconds"] == pytest.approx([0.01] * 3, rel=0.001)


def test_a_trace_on_demand() -> None:
    """Started once; a moment later the target has to wait, with the seconds told."""
    world = web_world()

    async def use(session: aiohttp.ClientSession) -> None:
        path = "/api/v1/targets/web/trace"
        async with session.post(path, json={}) as got:
            assert (got.status, await got.json()) == (202, {"target": "web", "trace": "started"})
        async with session.post(path, json={}) as got:
            assert got.status == 429
            assert 1 <= int(got.headers["Retry-After"]) <= ondemand.PAUSE

    run(world, use)
    assert world.traced == ["web"]


def test_a_cycle_that_runs_already_is_the_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """No second one beside it."""
    world = web_world(traced=["web"])
    got = ask(world, "/api/v1/targets/web/trace", method="POST", headers=JSON)
    assert (got.status, got.json()["trace"]) == (202, "running")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Content-Type": "text/plain"}, 403),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 403),
        ({**JSON, "Origin": "https://evil.example"}, 403),
        ({**JSON, "Origin": "null"}, 403),
        ({**JSON, "Origin": "http://[bad"}, 403),
        ({**JSON, "Sec-Fetch-Site": "cross-site"}, 403),
        ({**JSON, "Sec-Fetch-Site": "same-site", "Origin": "http://x.test"}, 403),
        ({**JSON, "Host": "x.test", "Origin": "http://x.test"}, 202),
        ({**JSON, "Host": "inner", "Origin": "https://x", "Sec-Fetch-Site": "same-origin"}, 202),
        (JSON, 202),
    ],
)
def test_other_sites_cannot_trace(headers: dict[str, str], status: int) -> None:
    """What a foreign page can make a browser send is refused; nothing is traced then."""
    world = web_world()
    got = ask(world, "/api/v1/targets/web/trace", method="POST", headers=headers)
    assert (got.status, len(world.traced)) == (status, int(status == 202))


def test_nobody_and_other_methods() -> None:
    """An unknown target is not traced; GET does nothing, whatever the path."""
    world = web_world()
    got = ask(world, "/api/v1/targets/nobody/trace", method="POST", headers=JSON)
    assert (got.status, world.traced) == (404, [])
    assert ask(world, "/api/v1/targets/web/trace").status == 404
    assert ask(world, "/api/v1/targets/web", method="POST", headers=JSON).status == 405


def test_what_pages_load_is_kept_for_ever_under_its_version() -> None:
    """Each file with its type; another version, another name or a way out is not found."""
    kinds = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    for name, content in assets().items():
        got = ask(World(), f"/static/{version()}/{name}", headers={"Accept-Encoding": "gzip"})
        assert gzip.decompress(got.body) == content
        assert got.headers["Content-Type"].startswith(kinds[name.rpartition(".")[2]])
        assert got.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert got.headers["X-Content-Type-Options"] == "nosniff"
    for path in ("0/style.css", f"{version()}/none.js", f"{version()}/..%2Fapi.py"):
        assert ask(World(), f"/static/{path}").status == 404


def test_events_need_no_answer_to_head() -> None:
    """A stream has no end that a HEAD could tell of."""
    assert ask(web_world(), "/api/v1/events", method="HEAD", headers=IDENTITY).status == 405


def test_the_description_names_exactly_the_routes() -> None:
    """Every route under /api is described, and nothing that is not there."""
    described = ask(World(), "/api/v1/openapi.json").json()
    app = make_app(World())
    routes = {
        (route.method.lower(), str(route.resource.canonical))
        for route in app.router.routes()
        if route.resource is not None and route.resource.canonical.startswith("/api/")
    }
    paths = described["paths"]
    assert {(method, path) for path in paths for method in paths[path]} == {
        each for each in routes if each[0] != "head"
    }
    assert described["openapi"].startswith("3.1")
    assert json.dumps(described).count("http") == 0
