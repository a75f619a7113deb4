"""The frame around every page: head, style, navigation and the policy that allows just that."""

from __future__ import annotations

import base64
import hashlib
from html import escape

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; } }
body { margin: 0 auto; max-width: 80rem; padding: 1rem; }
nav a { margin-right: 1rem; }
h1 { overflow-wrap: anywhere; }
caption { padding: .5rem 0; text-align: left; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th, td { border-bottom: 1px solid #8886; padding: .25rem .75rem .25rem 0; text-align: left;
  vertical-align: top; }
.scroll { overflow-x: auto; }
.number { text-align: right; white-space: nowrap; }
.bad { color: var(--bad); }
"""

_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of the pages: this one style sheet, an empty icon, nothing else."""

CONTENT_TYPE = "text/html; charset=utf-8"

END = "</main>\n</body>\n</html>\n"


def encode(text: str) -> bytes:
    """UTF-8; a lone surrogate, which a name in YAML may hold, becomes a question mark."""
    return text.encode("utf-8", "replace")


def top(title: str, *, root: str, telemetry_path: str) -> str:
    """All up to the content. `root` leads from the page to `/`, so that a proxy may move it."""
    metrics = escape(root + telemetry_path.lstrip("/"))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{escape(title)} - ftr-exporter</title>
<style>{_STYLE}</style>
</head>
<body>
<nav><a href="{root}">ftr-exporter</a><a href="{metrics}">Metrics</a>\
<a href="{root}api/v1/targets">API</a></nav>
<main>
<h1>{escape(title)}</h1>
"""
