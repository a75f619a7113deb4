"""`/-/reload`: reads the configuration again, as in Prometheus."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from exporter.errors import FtrError
from exporter.server.origin import is_cross_site

Reload = Callable[[], Awaitable[str]]
"""Reloads and says in words what changed. Raises `FtrError` where nothing did."""

_PLAIN = "text/plain; charset=utf-8"


def reload_routes(reload: Reload | None) -> list[web.RouteDef]:
    """POST and PUT; None stands for "not enabled"."""

    async def handler(request: web.Request) -> web.Response:
        if reload is None:
            return _text(403, "reloading by HTTP is not enabled; start with --web.enable-lifecycle")
        if is_cross_site(request):
            return _text(403, "another site's page cannot reload the configuration")
        try:
            changes = await reload()
        except FtrError as error:
            return _text(500, f"failed to reload config:\n{error}")
        return _text(200, f"reloaded: {changes}")

    return [web.post("/-/reload", handler), web.put("/-/reload", handler)]


def _text(status: int, text: str) -> web.Response:
    return web.Response(text=f"{text}\n", status=status, headers={hdrs.CONTENT_TYPE: _PLAIN})
