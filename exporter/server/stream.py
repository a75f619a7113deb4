"""Server-sent events: what happens, as it happens (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import asyncio

from aiohttp import hdrs, web

from exporter.server import body
from exporter.server.connection import Connection
from exporter.server.events import EventKind, Hub

KEEP_ALIVE = 15.0
"""Seconds of silence after which a sign of life is sent: proxies give up after a minute or so."""

_HEADERS = {hdrs.CONTENT_TYPE: "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}
DEFAULT_KINDS = (EventKind.HOP, EventKind.TRACE, EventKind.CHANGE, EventKind.MTU)


async def stream(
    request: web.Request, hub: Hub, kinds: tuple[EventKind, ...], target: str | None
) -> web.StreamResponse:
    """Send events until either side has enough. Raises `TooManyListeners`."""
    last_id = request.headers.get("Last-Event-ID") or request.query.get("last_event_id")
    listener = hub.listen(kinds, target, last_id)
    connection = request.protocol
    assert isinstance(connection, Connection)
    connection.when_lost = listener.close
    response = web.StreamResponse(headers=_HEADERS)
    try:
        await response.prepare(request)
        while (data := await listener.next(KEEP_ALIVE)) is not None:
            async with asyncio.timeout(body.WRITE_TIMEOUT):
                await response.write(data)
    except TimeoutError:
        body.hang_up(request)
        raise ConnectionResetError("the client took no events in time") from None
    finally:
        connection.when_lost = None
        listener.close()
    return response
