"""The headers that every answer carries, that of a malformed request too."""

from __future__ import annotations

from aiohttp import hdrs, web

CLOSED_POLICY = "default-src 'none'; frame-ancestors 'none'"
"""Content-Security-Policy of everything that is no page."""

_HEADERS = {
    "Content-Security-Policy": CLOSED_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    hdrs.CACHE_CONTROL: "no-store",
}


def secure(response: web.StreamResponse) -> None:
    """Add what the answer does not set itself; `Server`, set by aiohttp, shall name no version."""
    response.headers[hdrs.SERVER] = "ftr-exporter"
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
