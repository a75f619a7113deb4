"""The description of the API, as it lies beside this module, with the version of this program."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from exporter import __version__


@cache
def description() -> bytes:
    """An OpenAPI 3.1 document in JSON."""
    text = files("exporter.server").joinpath("openapi.json").read_text(encoding="utf-8")
    form = json.loads(text)
    form["info"]["version"] = __version__
    return json.dumps(form, separators=(",", ":")).encode() + b"\n"
