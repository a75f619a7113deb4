"""Writes what documents take from the code: `python -m tools.documents docs/operations.md`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from exporter.config import webschema
from exporter.config.reference import section
from tools import flags


def rewritten(document: str) -> str:
    """Return `document` with every part between two marks generated anew.

    Raises `KeyError` for a part that nobody makes.
    """
    return re.sub(
        r"<!-- generated: (\w+) -->\n.*?<!-- end -->\n",
        lambda match: f"<!-- generated: {match[1]} -->\n\n{_PARTS[match[1]]()}\n<!-- end -->\n",
        document,
        flags=re.DOTALL,
    )


def web_configuration() -> str:
    """Every key of a web configuration."""
    return "\n".join(
        (
            section("The web configuration file", "", webschema.WebDocument),
            section("`tls_server_config`", "", webschema.TlsFields),
            section("`http_server_config`", "", webschema.HttpFields),
            section("`rate_limit`", "", webschema.RateFields),
        )
    )


_PARTS = {"flags": flags.markdown, "web": web_configuration}

if __name__ == "__main__":
    for name in sys.argv[1:]:
        file = Path(name)
        file.write_text(rewritten(file.read_text(encoding="utf-8")), encoding="utf-8")
