"""Who may have a trace at once, and how often: the one thing here that does something."""

from __future__ import annotations

import time

from aiohttp import hdrs, web

from exporter.server.origin import is_cross_site

PAUSE = 5.0
"""Seconds between two traces of a target that were asked for: its routers are others' machines."""


def refusal(request: web.Request) -> str | None:
    """Why this request may come from another site's page; None where it cannot.

    A page of another site can make a browser send a form, but not JSON without asking first, which
    is never granted (Fetch Standard, section 3.3).
    """
    if request.content_type != "application/json" or hdrs.CONTENT_TYPE not in request.headers:
        return "say Content-Type: application/json"
    return "this comes from another site" if is_cross_site(request) else None


class Pause:
    """Remembers when each target was last traced on demand."""

    def __init__(self) -> None:
        self._latest: dict[str, float] = {}

    def left(self, name: str) -> float:
        """Seconds until this target may be traced again on demand; 0 counts as asked for now."""
        now = time.monotonic()
        self._latest = {key: at for key, at in self._latest.items() if now - at < PAUSE}
        if name in self._latest:
            return PAUSE - (now - self._latest[name])
        self._latest[name] = now
        return 0.0
