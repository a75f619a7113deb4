"""Generates the tables of docs/configuration.md: `python -m exporter.config.reference FILE`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from exporter.config import schema, targetschema, urlschema
from exporter.config.durations import format_duration
from exporter.config.rules import allowed, plain_type, rule_of

BEGIN: Final = "<!-- generated: the tables below come from the models in exporter/config -->\n"
END: Final = "<!-- end of the generated part -->\n"
_SECTIONS: Final[tuple[tuple[str, str, type[BaseModel]], ...]] = (
    ("The file", "", schema.Document),
    ("Module fields", "", targetschema.ModuleFields),
    ("`targets[]`", "Beside these, every module field.", targetschema.TargetFields),
    ("`target_urls[]`", "", urlschema.UrlFields),
    ("`target_urls[].basic_auth`", "", urlschema.BasicAuthFields),
    ("`target_urls[].authorization`", "", urlschema.AuthorizationFields),
    ("`target_urls[].tls`", "", urlschema.TlsFields),
    ("`resolver`", "", schema.ResolverFields),
    ("`enrichment`", "", schema.EnrichmentFields),
    ("`enrichment.asn`", "", schema.AsnFields),
    ("`probe`", "", schema.ProbeFields),
    ("`limits`", "", schema.LimitFields),
)


def tables() -> str:
    """Return every key with its type, default, what it allows, and its meaning, as Markdown."""
    return "\n".join(section(*each) for each in _SECTIONS)


def section(title: str, note: str, model: type[BaseModel]) -> str:
    """One model as a heading and a table."""
    fields = model.model_fields
    if model is targetschema.TargetFields:
        inherited = targetschema.ModuleFields.model_fields
        fields = {k: f for k, f in fields.items() if k not in inherited}
    intro = f"{model.__doc__}{' ' + note if note else ''}"
    head = "| key | type | default | allowed | meaning |\n|---|---|---|---|---|\n"
    rows = "".join(_row(name, field) for name, field in fields.items())
    return f"### {title}\n\n{intro}\n\n{head}{rows}"


def _row(name: str, field: FieldInfo) -> str:
    cells = (f"`{name}`", _type(field), _default(field), _allowed(field), str(field.description))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _type(field: FieldInfo) -> str:
    rule = rule_of(field)
    if rule is not None:
        return rule.type_name
    kind = plain_type(field)
    if kind is bool:
        return "boolean"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "word"
    return "list" if getattr(kind, "__origin__", None) is list else "mapping"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    rule = rule_of(field)
    in_seconds = rule is not None and "duration" in rule.type_name
    return ", ".join(f"`{text}`" for text in _written(field.default, in_seconds)) or "none"


def _written(value: Any, in_seconds: bool) -> Iterator[str]:
    if isinstance(value, tuple):
        for item in value:
            yield from _written(item, in_seconds)
    elif isinstance(value, bool):
        yield str(value).lower()
    elif isinstance(value, float):
        yield format_duration(value) if in_seconds else f"{value:g}"
    elif value is not None:
        yield str(value)


def _allowed(field: FieldInfo) -> str:
    inner = get_args(plain_type(field))
    if rule_of(field) is not None or not inner:
        return allowed(field)
    parts = [allowed(FieldInfo.from_annotation(part)) for part in inner]
    if len(parts) == 1:
        return f"a list, each {parts[0]}"
    return f"a mapping, each name {parts[0]}, each value {parts[1]}"


def rewritten(document: str) -> str:
    """Return `document` with the part between the marks generated anew."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(rewritten(file.read_text(encoding="utf-8")), encoding="utf-8")
