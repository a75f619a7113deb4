"""Tells requests that a browser sends for a page of somebody else from all others."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import hdrs, web

_SITE = "Sec-Fetch-Site"


def is_cross_site(request: web.Request) -> bool:
    """Whether another site's page made a browser send this.

    Browsers say so by Fetch Metadata, over plain HTTP by `Origin` or at least `Referer` alone.
    Clients that are no browsers send none of these, and what a user types has none either.
    """
    site = request.headers.get(_SITE)
    if site is not None:
        return site not in ("same-origin", "none")
    for name in (hdrs.ORIGIN, hdrs.REFERER):
        origin = request.headers.get(name)
        if origin is not None:
            return _place(origin) != request.host.lower()
    return False


def _place(url: str) -> str | None:
    """Host and port of a URL; None where it has none, as `null`."""
    try:
        return urlsplit(url).netloc.lower() or None
    except ValueError:
        return None
