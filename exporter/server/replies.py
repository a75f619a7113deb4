"""Small answers, and what handlers read from a request."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import datetime

from aiohttp import hdrs, web

from exporter.process.collector import COLLECTOR
from exporter.server.api import encode

JSON = "application/json; charset=utf-8"
PLAIN = "text/plain; charset=utf-8"
NAME = "{name:(?s:.+)}"
"""A target's name in a route: whatever is left, slashes too."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)


def chosen(request: web.Request, key: str) -> dict[str, None] | None:
    """The distinct values of a query key in their order; None where it is not given."""
    values = request.query.getall(key, [])
    return dict.fromkeys(values) if values else None


def header(request: web.Request, name: str) -> str:
    """All values of a header that may be repeated (RFC 9110 section 5.3)."""
    return ",".join(request.headers.getall(name, ()))


def seconds(text: str) -> float | None:
    """A time as RFC 3339 has it, in seconds since the epoch; None where it is none."""
    if not _RFC3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return None


def missing(name: str) -> str:
    """That there is no such target, with nothing in it that could harm a terminal."""
    return f"there is no target named {name!r}"


def text(words: str, *, status: int = 200) -> web.Response:
    """A line of plain text."""
    return web.Response(text=f"{words}\n", status=status, headers={hdrs.CONTENT_TYPE: PLAIN})


def json_form(form: object, *, status: int = 200) -> web.Response:
    """A small answer in JSON."""
    body = encode(form) + b"\n"
    return web.Response(status=status, body=body, headers={hdrs.CONTENT_TYPE: JSON})


def json_error(status: int, message: str) -> web.Response:
    """What was wrong, in JSON."""
    return json_form({"error": message}, status=status)


@web.middleware
async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What the router refuses; under `/api/` it is refused in JSON."""
    try:
        return await handler(request)
    except web.HTTPError as error:
        # The request keeps the error, and the error all that it came through with the request; the
        # router's own ring is small.
        error.__traceback__ = None
        COLLECTOR.rings += 1
        if request.path.startswith("/api/"):
            response = json_error(error.status, error.reason)
        else:
            response = web.Response(status=error.status, text=error.text)
        if isinstance(error, web.HTTPMethodNotAllowed):
            response.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
        return response
