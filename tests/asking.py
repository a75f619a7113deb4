"""Ask the real server once, and keep the whole answer."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
from yarl import URL

from exporter.server.body import SLICE
from exporter.settings import Target
from tests.serving import World, serving

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


def check_headers(headers: Mapping[str, str]) -> None:
    """Fail unless all security headers are there, and no version."""
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Server"] == "ftr-exporter"
