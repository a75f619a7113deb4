"""The frame around every page: head, navigation and the policy that allows just what it loads."""

from __future__ import annotations

from html import escape

from exporter.server.static import asset_path

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of the pages: nothing inline, nothing from anywhere else."""

CONTENT_TYPE = "text/html; charset=utf-8"

END = "</main>\n</body>\n</html>\n"


def encode(text: str) -> bytes:
    """UTF-8; a lone surrogate, which a name in YAML may hold, becomes a question mark."""
    return text.encode("utf-8", "replace")


def top(title: str, *, root: str, telemetry_path: str, target: str | None = None) -> str:
    """All up to the content. `root` leads from the page to `/`, so that a proxy may move it.

    `target` is the name that the page's script is to show, None on the page of all targets.
    """
    metrics = escape(root + telemetry_path.lstrip("/"))
    data = "" if target is None else f' data-target="{escape(target)}"'
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="{root}{asset_path("icon.svg")}">
<link rel="stylesheet" href="{root}{asset_path("style.css")}">
<title>{escape(title)} - ftr-exporter</title>
</head>
<body data-root="{root}"{data}>
<a class="skip" href="#main">Skip to the content</a>
<header>
<nav aria-label="Pages"><a class="home" href="{root}">ftr-exporter</a>\
<a href="{metrics}">Metrics</a><a href="{root}api/v1/openapi.json">API</a></nav>
<p id="live" role="status"></p>
</header>
<main id="main" tabindex="-1">
<h1>{escape(title)}</h1>
"""


def app(script: str, *, root: str) -> str:
    """Where a script builds the page; what follows serves those who run none."""
    source = f"{root}{asset_path(script)}"
    return f'<div id="app"></div>\n<script type="module" async src="{source}"></script>\n'
