"""What a client prefers, read from its Accept and Accept-Encoding (RFC 9110 section 12.5)."""

from __future__ import annotations

import re
from dataclasses import dataclass

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_QVALUE = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")
_TEXT_RANGES = ("text/plain", "text/*", "*/*")
_MAX_HEADER = 2000


@dataclass(frozen=True, slots=True)
class Preference:
    """One element of a header: `value` in lower case, its parameters, its weight from 0 to 1."""

    value: str
    parameters: dict[str, str]
    weight: float


def preferences(header: str) -> list[Preference]:
    """The elements of an Accept or Accept-Encoding header; malformed ones are left out."""
    found = []
    for element in header[:_MAX_HEADER].split(","):
        value, *pairs = element.split(";")
        parameters = {}
        for pair in pairs:
            name, _, setting = pair.partition("=")
            parameters[name.strip().lower()] = setting.strip().strip('"').lower()
        weight = parameters.pop("q", "1")
        if value.strip() and _QVALUE.fullmatch(weight):
            found.append(Preference(value.strip().lower(), parameters, float(weight)))
    return found


def prefers_openmetrics(accept: str) -> bool:
    """Whether OpenMetrics 1.0.0 is asked for by name, no less than text 0.0.4.

    A wildcard asks for text: it is what every scraper since Prometheus 0.0.4 understands.
    """
    ranges = preferences(accept)
    wanted = max((each.weight for each in ranges if _is_openmetrics(each)), default=0.0)
    return wanted > 0 and wanted >= _text_weight(ranges)


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether gzip may be used and is liked no less than no encoding at all."""
    weights = {each.value: each.weight for each in preferences(accept_encoding)}
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def _is_openmetrics(each: Preference) -> bool:
    version = each.parameters.get("version", "1.0.0")
    return each.value == "application/openmetrics-text" and version == "1.0.0"


def _text_weight(ranges: list[Preference]) -> float:
    """Weight of text 0.0.4: the most specific range that matches it counts."""
    for wanted in _TEXT_RANGES:
        weights = [
            each.weight
            for each in ranges
            if each.value == wanted and each.parameters.get("version", "0.0.4") == "0.0.4"
        ]
        if weights:
            return max(weights)
    return 0.0
