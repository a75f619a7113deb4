"""The routes: which path answers what."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator

from aiohttp import hdrs, web

from exporter.errors import FtrError
from exporter.server.api import encode, incident_pieces, list_pieces, target_json
from exporter.server.body import send
from exporter.server.frame import CONTENT_TYPE as HTML
from exporter.server.frame import POLICY
from exporter.server.negotiate import OPENMETRICS, TEXT, prefers_openmetrics
from exporter.server.page import home_pieces, missing_page, target_page
from exporter.server.secure import secure
from exporter.server.source import Source, TargetState

_JSON = "application/json; charset=utf-8"
_PLAIN = "text/plain; charset=utf-8"
_TELEMETRY_PATH = re.compile(r"/[\w.~/-]*", re.ASCII)
_NAME = "{name:(?s:.+)}"
_INCIDENTS = 20
_PAGE = {"Content-Security-Policy": POLICY}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class TelemetryPathError(FtrError):
    """A telemetry path that no URL path can be."""


def make_app(source: Source, *, telemetry_path: str = "/metrics") -> web.Application:
    """All endpoints over what `source` knows. Raises `TelemetryPathError`.

    The telemetry path wins over every other, so `/` gives metrics instead of the page.
    """
    if not _TELEMETRY_PATH.fullmatch(telemetry_path):
        raise TelemetryPathError(
            f"telemetry path {telemetry_path!r}: must start with / and hold only letters, digits "
            "and the characters . _ ~ - /"
        )
    app = web.Application(middlewares=[_errors_as_json])
    app.on_response_prepare.append(_secure_headers)
    endpoints = _Endpoints(source, telemetry_path)
    routes: dict[str, Handler] = {telemetry_path: endpoints.metrics}
    others: dict[str, Handler] = {
        "/-/healthy": endpoints.healthy,
        "/-/ready": endpoints.ready,
        "/api/v1/targets": endpoints.target_list,
        f"/api/v1/targets/{_NAME}": endpoints.target,
        "/api/v1/incidents": endpoints.incidents,
        "/": endpoints.home,
        f"/targets/{_NAME}": endpoints.page,
    }
    for path, handler in others.items():
        routes.setdefault(path, handler)
    app.add_routes([web.get(path, handler) for path, handler in routes.items()])
    return app


class _Endpoints:
    """One method for each route. Queries may repeat a key; unknown keys are ignored."""

    def __init__(self, source: Source, telemetry_path: str) -> None:
        self._source = source
        self._telemetry_path = telemetry_path

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        """The exposition; `target` and `name[]` choose a part."""
        openmetrics = prefers_openmetrics(_header(request, hdrs.ACCEPT))
        chunks = self._source.metrics_chunks(
            _chosen(request, "target"), _chosen(request, "name[]"), openmetrics
        )
        return await send(request, chunks, OPENMETRICS if openmetrics else TEXT)

    async def healthy(self, request: web.Request) -> web.StreamResponse:
        """The process runs, and its event loop turns."""
        return _text("Healthy")

    async def ready(self, request: web.Request) -> web.StreamResponse:
        """503 until the configuration is loaded and the schedule runs."""
        return _text("Ready") if self._source.is_ready() else _text("Not ready", status=503)

    async def target_list(self, request: web.Request) -> web.StreamResponse:
        """All targets in short, or those that `name` chooses."""
        return await send(request, list_pieces(self._states(request)), _JSON)

    async def target(self, request: web.Request) -> web.StreamResponse:
        """One target in full."""
        name = request.match_info["name"]
        state = self._source.target(name)
        if state is None:
            return _json_error(404, _missing(name))
        return await send(request, [encode(target_json(state)), b"\n"], _JSON)

    async def incidents(self, request: web.Request) -> web.StreamResponse:
        """The traces that were kept of the incidents of one target."""
        name = request.query.get("target", "")
        if self._source.target(name) is None:
            return _json_error(404, _missing(name))
        limit = request.query.get("limit", str(_INCIDENTS))
        if not re.fullmatch("[0-9]{1,3}", limit, re.ASCII):
            return _json_error(400, f"limit is {limit!r}; allowed is a whole number from 0 to 999")
        found = await self._source.incidents(name, int(limit))
        return await send(request, incident_pieces(name, found), _JSON)

    async def home(self, request: web.Request) -> web.StreamResponse:
        """All targets at a glance."""
        pieces = home_pieces(self._source.targets(), telemetry_path=self._telemetry_path)
        return await send(request, pieces, HTML, _PAGE)

    async def page(self, request: web.Request) -> web.StreamResponse:
        """The latest trace of one target."""
        name = request.match_info["name"]
        root = "../" * (request.rel_url.raw_path.count("/") - 1)
        state = self._source.target(name)
        if state is None:
            body = missing_page(_missing(name), root=root, telemetry_path=self._telemetry_path)
            return web.Response(status=404, body=body, headers={**_PAGE, hdrs.CONTENT_TYPE: HTML})
        body = target_page(state, root=root, telemetry_path=self._telemetry_path)
        return await send(request, [body], HTML, _PAGE)

    def _states(self, request: web.Request) -> Iterator[TargetState]:
        names = _chosen(request, "name")
        if names is None:
            return iter(self._source.targets())
        found = (self._source.target(name) for name in names)
        return (state for state in found if state is not None)


def _chosen(request: web.Request, key: str) -> dict[str, None] | None:
    """The distinct values of a query key in their order; None where it is not given."""
    values = request.query.getall(key, [])
    return dict.fromkeys(values) if values else None


def _header(request: web.Request, name: str) -> str:
    """All values of a header that may be repeated (RFC 9110 section 5.3)."""
    return ",".join(request.headers.getall(name, ()))


def _missing(name: str) -> str:
    return f"there is no target named {name!r}"


def _text(text: str, *, status: int = 200) -> web.Response:
    return web.Response(text=f"{text}\n", status=status, headers={hdrs.CONTENT_TYPE: _PLAIN})


def _json_error(status: int, message: str) -> web.Response:
    body = encode({"error": message}) + b"\n"
    return web.Response(status=status, body=body, headers={hdrs.CONTENT_TYPE: _JSON})


@web.middleware
async def _errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Under `/api/`, what the router refuses is refused in JSON too."""
    try:
        return await handler(request)
    except web.HTTPError as error:
        if not request.path.startswith("/api/"):
            raise
        response = _json_error(error.status, error.reason)
        if isinstance(error, web.HTTPMethodNotAllowed):
            response.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
        return response


async def _secure_headers(request: web.Request, response: web.StreamResponse) -> None:
    secure(response)
