"""The routes: which path answers what."""

from __future__ import annotations

import re

from aiohttp import hdrs, web

from exporter.errors import FtrError
from exporter.server.apiroutes import Api
from exporter.server.body import send
from exporter.server.frame import CONTENT_TYPE as HTML
from exporter.server.frame import POLICY
from exporter.server.lifecycle import Reload, reload_routes
from exporter.server.negotiate import OPENMETRICS, TEXT, prefers_openmetrics
from exporter.server.page import home_pieces, missing_page, target_page
from exporter.server.probe import ProbeEndpoint, probe_route
from exporter.server.replies import NAME, Handler, chosen, header, missing, refusals, text
from exporter.server.secure import secure
from exporter.server.source import Source
from exporter.server.static import assets, static

_TELEMETRY_PATH = re.compile(r"/[\w.~/-]*", re.ASCII)
_PAGE = {"Content-Security-Policy": POLICY}


class TelemetryPathError(FtrError):
    """A telemetry path that no URL path can be."""


def make_app(
    source: Source,
    *,
    telemetry_path: str = "/metrics",
    reload: Reload | None = None,
    probe: ProbeEndpoint | None = None,
) -> web.Application:
    """All endpoints over what `source` knows. Raises `TelemetryPathError`.

    `reload` reads the configuration again, `probe` traces now; None forbids that to clients.

    The telemetry path wins over every other, so `/` gives metrics instead of the page.
    """
    if not _TELEMETRY_PATH.fullmatch(telemetry_path):
        raise TelemetryPathError(
            f"telemetry path {telemetry_path!r}: must start with / and hold only letters, digits "
            "and the characters . _ ~ - /"
        )
    # Read at the start: an upgrade beneath a running daemon must not mix two versions.
    assets()
    app = web.Application(middlewares=[refusals])
    app.on_response_prepare.append(_secure_headers)

    async def let_listeners_go(_app: web.Application) -> None:
        source.events.close()

    app.on_shutdown.append(let_listeners_go)
    endpoints = _Endpoints(source, telemetry_path)
    pages: dict[str, Handler] = {
        "/-/healthy": endpoints.healthy,
        "/-/ready": endpoints.ready,
        "/static/{version}/{name}": static,
        "/": endpoints.home,
        f"/targets/{NAME}": endpoints.page,
    }
    routes = [web.get(path, handler) for path, handler in pages.items()]
    routes += [*Api(source).routes(), *reload_routes(reload), probe_route(probe)]
    others = [each for each in routes if each.path != telemetry_path]
    app.add_routes([web.get(telemetry_path, endpoints.metrics), *others])
    return app


class _Endpoints:
    """The metrics, health and the pages."""

    def __init__(self, source: Source, telemetry_path: str) -> None:
        self._source = source
        self._telemetry_path = telemetry_path

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        """The exposition; `target` and `name[]` choose a part."""
        openmetrics = prefers_openmetrics(header(request, hdrs.ACCEPT))
        chunks = self._source.metrics_chunks(
            chosen(request, "target"), chosen(request, "name[]"), openmetrics
        )
        return await send(request, chunks, OPENMETRICS if openmetrics else TEXT)

    async def healthy(self, request: web.Request) -> web.StreamResponse:
        """The process runs, and its event loop turns."""
        return text("Healthy")

    async def ready(self, request: web.Request) -> web.StreamResponse:
        """503 until the configuration is loaded and the schedule runs."""
        return text("Ready") if self._source.is_ready() else text("Not ready", status=503)

    async def home(self, request: web.Request) -> web.StreamResponse:
        """All targets at a glance."""
        pieces = home_pieces(self._source.targets(), telemetry_path=self._telemetry_path)
        return await send(request, pieces, HTML, _PAGE)

    async def page(self, request: web.Request) -> web.StreamResponse:
        """One target: its path, and how it was of late."""
        name = request.match_info["name"]
        root = "../" * (request.rel_url.raw_path.count("/") - 1)
        state = self._source.target(name)
        if state is None:
            body = missing_page(missing(name), root=root, telemetry_path=self._telemetry_path)
            return web.Response(status=404, body=body, headers={**_PAGE, hdrs.CONTENT_TYPE: HTML})
        body = target_page(state, root=root, telemetry_path=self._telemetry_path)
        return await send(request, [body], HTML, _PAGE)


async def _secure_headers(request: web.Request, response: web.StreamResponse) -> None:
    secure(response)
