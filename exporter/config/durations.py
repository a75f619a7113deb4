"""Reads and writes durations as `500ms`, `30s`, `1m30s`, `1h`, `1d`."""

from __future__ import annotations

import math
import re
from typing import Final

_NUMBER: Final = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"
_UNITS: Final = (("d", 86400.0), ("h", 3600.0), ("m", 60.0), ("s", 1.0), ("ms", 0.001))
PATTERN: Final = "^(?=[0-9])" + "".join(f"(?:{_NUMBER}{unit})?" for unit, _ in _UNITS) + "$"
_DURATION: Final = re.compile("".join(f"(?:({_NUMBER}){unit})?" for unit, _ in _UNITS))


def parse_duration(value: object) -> float:
    """Return seconds from `1m30s` or from a number of seconds. Raises `ValueError`."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("")
    seconds = _parse_text(value) if isinstance(value, str) else float(value)
    if not math.isfinite(seconds):
        raise ValueError("a duration is a finite number")
    if seconds < 0:
        raise ValueError("a duration is never negative")
    return seconds


def _parse_text(text: str) -> float:
    match = _DURATION.fullmatch(text)
    if text and match:
        parts = zip(match.groups(), _UNITS, strict=True)
        return math.fsum(float(number) * factor for number, (_, factor) in parts if number)
    if text.startswith("-"):
        raise ValueError("a duration is never negative")
    if re.fullmatch(_NUMBER, text):
        raise ValueError(f"the unit is missing, as in {text}s")
    raise ValueError("")


def format_duration(seconds: float) -> str:
    """Return the shortest of our spellings, as `1m30s`, for a number of seconds >= 0."""
    parts = []
    rest = seconds
    for unit, factor in _UNITS[:3]:
        count, rest = divmod(rest, factor)
        if count:
            parts.append(f"{count:.0f}{unit}")
    if 0 < rest < 1 and not parts:
        return f"{rest * 1000:g}ms"
    if rest or not parts:
        parts.append(f"{rest:g}s")
    return "".join(parts)
