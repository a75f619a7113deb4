"""`/-/reload`: reads the configuration again, as in Prometheus."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from exporter.errors import FtrError
from exporter.server.origin import is_cross_site
from exporter.server.replies import text

Reload = Callable[[], Awaitable[str]]
"""Reloads and says in words what changed. Raises `FtrError` where nothing did."""


def reload_routes(reload: Reload | None) -> list[web.RouteDef]:
    """POST and PUT; None stands for "not enabled"."""

    async def handler(request: web.Request) -> web.Response:
        if reload is None:
            return text(
                "reloading by HTTP is not enabled; start with --web.enable-lifecycle", status=403
            )
        if is_cross_site(request):
            return text("another site's page cannot reload the configuration", status=403)
        try:
            changes = await reload()
        except FtrError as error:
            return text(f"failed to reload config:\n{error}", status=500)
        return text(f"reloaded: {changes}", status=200)

    return [web.post("/-/reload", handler), web.put("/-/reload", handler)]
