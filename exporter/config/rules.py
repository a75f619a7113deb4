"""What a field allows, once: how it is read, what the JSON Schema says, and in plain words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, get_args

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

from exporter.config import durations, hosts, values

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """Metadata of a field that `parse` reads; it raises `ValueError`, with the reason or empty.

    `allowed` completes the sentence "allowed is ..."; `text` says that YAML must see text, and
    `secret` that no message shows it.
    """

    parse: Callable[[object], object]
    allowed: str
    schema: Json
    type_name: str = "text"
    text: bool = True
    secret: bool = False

    def __get_pydantic_core_schema__(
        self, _source: object, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Let `parse` alone decide."""
        return core_schema.no_info_plain_validator_function(self.parse)

    def __get_pydantic_json_schema__(
        self, _core: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> Json:
        """Say what editors shall check."""
        return dict(self.schema)


def duration(low: float, high: float) -> Rule:
    """Rule for a duration from `low` to `high` seconds."""

    def parse(value: object) -> float:
        seconds = durations.parse_duration(value)
        if not low <= seconds <= high:
            raise ValueError("")
        return seconds

    bounds = f"{durations.format_duration(low)} to {durations.format_duration(high)}"
    words = f"a duration from {bounds}, as 500ms, 30s, 1m30s or seconds"
    text = {"type": "string", "pattern": durations.PATTERN}
    number = {"type": "number", "minimum": low, "maximum": high}
    return Rule(parse, words, {"anyOf": [text, number]}, "duration", text=False)


def whole(low: int, high: int) -> Rule:
    """Rule for a whole number from `low` to `high`."""

    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError("")
        return value

    schema = {"type": "integer", "minimum": low, "maximum": high}
    return Rule(parse, f"a whole number from {low} to {high}", schema, "whole number", text=False)


def number(low: float, high: float) -> Rule:
    """Rule for a number from `low` to `high`."""

    def parse(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError("")
        if not low <= value <= high:
            raise ValueError("")
        return float(value)

    schema = {"type": "number", "minimum": low, "maximum": high}
    return Rule(parse, f"a number from {low:g} to {high:.0f}", schema, "number", text=False)


def _text(parse: Callable[[object], object], allowed: str, **schema: Any) -> Rule:
    return Rule(parse, allowed, {"type": "string", "minLength": 1, **schema})


HOST: Final = _text(hosts.parse_host, "a host name or an IP address", maxLength=254)
SOURCE: Final = _text(hosts.parse_address, "an IP address of this machine")
NAME_SERVER: Final = _text(hosts.parse_name_server, "an IP address")
NAME: Final = _text(
    values.parse_name,
    "text of 1 to 255 printable characters",
    maxLength=255,
    **{"not": {"enum": [".", ".."]}},
)
ALLOWED_HOST: Final = _text(
    hosts.parse_allowed, "an IP address, a network, a host name, or a pattern as *.example.net"
)
FILE_PATTERN: Final = _text(
    values.parse_file_pattern,
    "a path that ends in .json, .yml or .yaml, with * in its last part",
    pattern=r"\.(json|ya?ml)$",
)
URL: Final = _text(values.parse_url, "a URL that begins with http:// or https://", format="uri")
PAYLOAD: Final = _text(
    values.parse_payload,
    f"text of 1 to {values.LONGEST_PAYLOAD} bytes in hexadecimal digits, as 0d0a",
    pattern=f"^(?:[0-9a-fA-F]{{2}}){{1,{values.LONGEST_PAYLOAD}}}$",
)
FILE: Final = _text(hosts.text_of, "the path of a file")
_RESERVED: Final = "|".join(sorted(values.RESERVED_LABELS))
LABEL_NAME: Final = _text(
    values.parse_label_name,
    "a name of letters, digits and underscores, no digit in front, that is not reserved",
    pattern=f"^(?!__)(?!(?:{_RESERVED})$){values.LABEL_NAME}$",
)
LABEL_VALUE: Final = Rule(
    values.parse_label_value, "text without control characters", {"type": "string"}
)
BUCKETS: Final = Rule(
    values.parse_buckets,
    "a list of 1 to 100 ascending durations above zero",
    {
        "type": "array",
        "minItems": 1,
        "maxItems": 100,
        "items": {
            "anyOf": [
                {"type": "string", "pattern": durations.PATTERN},
                {"type": "number", "exclusiveMinimum": 0},
            ]
        },
    },
    "list of durations",
    text=False,
)


def rule_of(field: FieldInfo) -> Rule | None:
    """The rule of a field, None where pydantic's own types say enough."""
    return next((item for item in field.metadata if isinstance(item, Rule)), None)


def plain_type(field: FieldInfo) -> Any:
    """The type of a field without the `| None` that only says "may be left out"."""
    chosen = [part for part in get_args(field.annotation) if part is not type(None)]
    optional = type(None) in get_args(field.annotation)
    return chosen[0] if optional and len(chosen) == 1 else field.annotation


def allowed(field: FieldInfo) -> str:
    """What a field allows, to complete the sentence "allowed is ..."."""
    rule = rule_of(field)
    if rule is not None:
        return rule.allowed
    kind = plain_type(field)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "one of " + ", ".join(str(member.value) for member in kind)
    if kind is bool:
        return "true or false"
    return "a list" if _is_list(kind) else "a mapping"


def _is_list(kind: Any) -> bool:
    return getattr(kind, "__origin__", None) in (list, tuple)
