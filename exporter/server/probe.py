"""`/probe`: takes a request apart, and answers it as blackbox_exporter's users know it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from aiohttp import hdrs, web

from exporter.config.hosts import parse_host
from exporter.config.shown import shown
from exporter.metrics.exposition import exposition_of
from exporter.probe.outcome import Outcome, explain
from exporter.probe.prober import ProbeRefused, Refusal
from exporter.server.body import send
from exporter.server.connection import Connection
from exporter.server.negotiate import OPENMETRICS, TEXT, prefers_openmetrics
from exporter.server.origin import is_cross_site

Probe = Callable[[str, str, float], Coroutine[Any, Any, Outcome]]
"""(host, module, seconds) to what came of it. Raises `ProbeRefused`."""
T = TypeVar("T")

TIMEOUT_HEADER = "X-Prometheus-Scrape-Timeout-Seconds"
SECONDS = 10.0
"""Prometheus' own default, for those that do not say how long they wait."""
_MOST_SECONDS = 120.0
_MARGIN_SECONDS = 0.5
_MARGIN_SHARE = 0.1
_PLAIN = "text/plain; charset=utf-8"
_STATUS = {Refusal.DENIED: 403, Refusal.INVALID: 400, Refusal.BUSY: 503}


@dataclass(frozen=True, slots=True)
class ProbeEndpoint:
    """What the route needs: who traces, and how many series one answer may have."""

    probe: Probe
    series: Callable[[], int]


class BadRequest(ValueError):
    """The request makes no sense; says why."""


def probe_route(endpoint: ProbeEndpoint | None) -> web.RouteDef:
    """GET alone; None stands for "not enabled"."""

    async def handler(request: web.Request) -> web.StreamResponse:
        if endpoint is None:
            return _text(403, "probing by HTTP is not enabled; start with --web.enable-probe")
        if is_cross_site(request):
            return _text(403, "another site's page cannot start a trace")
        try:
            host, module = _host(request), _one(request, "module") or "default"
            seconds = time_to_answer(request.headers.get(TIMEOUT_HEADER))
            debug = _debug(request)
            outcome = await _unless_lost(request, endpoint.probe(host, module, seconds))
        except BadRequest as error:
            return _text(400, str(error))
        except ProbeRefused as error:
            return _text(_STATUS[error.refusal], str(error))
        openmetrics = prefers_openmetrics(",".join(request.headers.getall(hdrs.ACCEPT, ())))
        pieces = exposition_of(outcome.views, endpoint.series(), openmetrics and not debug)
        if debug:
            text = explain(outcome) + "\nmetrics\n"
            return await send(request, [text.encode("utf-8", "replace"), *pieces], _PLAIN)
        return await send(request, pieces, OPENMETRICS if openmetrics else TEXT)

    return web.get("/probe", handler, allow_head=False)


def time_to_answer(header: str | None) -> float:
    """Seconds for the whole answer: what the scraper waits, less a margin. Raises `BadRequest`."""
    if header is None:
        seconds = SECONDS
    else:
        try:
            seconds = float(header)
        except ValueError:
            seconds = math.nan
        if not 0 < seconds < math.inf:
            raise BadRequest(f"{TIMEOUT_HEADER} is {shown(header)!r}; allowed are seconds above 0")
    return min(_MOST_SECONDS, seconds - min(_MARGIN_SECONDS, seconds * _MARGIN_SHARE))


def _host(request: web.Request) -> str:
    given = _one(request, "target")
    if not given:
        raise BadRequest("the parameter target is missing, as in /probe?target=www.example.net")
    try:
        return parse_host(given)
    except ValueError as error:
        raise BadRequest(f'target is "{shown(given)}": {shown(str(error), 300)}') from None


def _debug(request: web.Request) -> bool:
    given = _one(request, "debug") or "false"
    if given not in ("true", "false"):
        raise BadRequest(f'debug is "{shown(given)}"; allowed are true and false')
    return given == "true"


def _one(request: web.Request, key: str) -> str | None:
    values = request.query.getall(key, [])
    if len(values) > 1:
        raise BadRequest(f"the parameter {key} stands there {len(values)} times")
    return values[0] if values else None


async def _unless_lost(request: web.Request, work: Coroutine[Any, Any, T]) -> T:
    """Do it, unless the client goes away meanwhile. Raises `ConnectionResetError` then."""
    connection = request.protocol
    assert isinstance(connection, Connection)
    task = asyncio.create_task(work)
    lost = asyncio.Event()
    connection.when_lost = lost.set
    gone = asyncio.create_task(lost.wait())
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ConnectionResetError("the client has gone away")
        return task.result()
    finally:
        connection.when_lost = None
        task.cancel()
        gone.cancel()
        await asyncio.wait((task, gone))


def _text(status: int, text: str) -> web.Response:
    return web.Response(text=f"{text}\n", status=status, headers={hdrs.CONTENT_TYPE: _PLAIN})
