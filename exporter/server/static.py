"""What the pages load: scripts and style, under a path that changes with their content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from aiohttp import hdrs, web

from exporter.server.body import send

_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_FOR_EVER: dict[str, str] = {hdrs.CACHE_CONTROL: "public, max-age=31536000, immutable"}


@cache
def assets() -> dict[str, bytes]:
    """All files by name."""
    return {each.name: each.read_bytes() for each in sorted(_files(), key=lambda each: each.name)}


@cache
def version() -> str:
    """A name for the content of all of them: they import each other, so they change together."""
    digest = hashlib.sha256()
    for name, content in assets().items():
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:12]


def asset_path(name: str) -> str:
    """Where a page finds it, from the root of this server, without a leading slash."""
    return f"static/{version()}/{name}"


async def static(request: web.Request) -> web.StreamResponse:
    """`/static/{version}/{name}`; another version is not here, so that caches never mix them."""
    content = assets().get(request.match_info["name"])
    if content is None or request.match_info["version"] != version():
        raise web.HTTPNotFound
    kind = _TYPES[request.match_info["name"].rpartition(".")[2]]
    return await send(request, [content], kind, _FOR_EVER)


def _files() -> Iterator[Traversable]:
    for each in files("exporter.server").joinpath("static").iterdir():
        if each.name.rpartition(".")[2] in _TYPES:
            yield each
