"""Generates the JSON Schema of the configuration: `python -m exporter.config.jsonschema [FILE]`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from exporter.config.schema import Document

SCHEMA_FILE: Final = Path(__file__).with_name("config.schema.json")
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Return the schema that editors complete and check configuration files with."""
    schema = {"$schema": _DIALECT, **Document.model_json_schema()}
    schema["title"] = "ftr-exporter configuration"
    _tidy(schema)
    return schema


def _tidy(part: Any) -> None:
    """Drop titles made of key names and defaults that mean "left out"; close label mappings."""
    if isinstance(part, list):
        for item in part:
            _tidy(item)
    elif isinstance(part, dict):
        if "patternProperties" in part:
            part["additionalProperties"] = False
        for name, field in part.get("properties", {}).items():
            if field.get("title") == name.replace("_", " ").title():
                del field["title"]
            if field.get("default", "") is None:
                del field["default"]
        for item in part.values():
            _tidy(item)


def text() -> str:
    """Return the contents of the schema's file."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else SCHEMA_FILE
    target.write_text(text(), encoding="utf-8")
