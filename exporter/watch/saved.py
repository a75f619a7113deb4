"""Pure: takes values out of restored JSON, and refuses what cannot be what was saved."""

from __future__ import annotations

from typing import Any

_LARGEST = 1 << 53
"""Whole numbers above are not the same in every reader of JSON (RFC 8259 section 6)."""
_LONGEST = 256


def items(value: object) -> list[Any]:
    """A list; raises `TypeError`."""
    if not isinstance(value, list):
        raise TypeError(f"not a list: {type(value).__name__}")
    return value


def mapping(value: object) -> dict[str, Any]:
    """An object; raises `TypeError`."""
    if not isinstance(value, dict):
        raise TypeError(f"not an object: {type(value).__name__}")
    return value


def text(value: object) -> str:
    """A text of bounded length; raises `TypeError` or `ValueError`."""
    if not isinstance(value, str):
        raise TypeError(f"not a text: {type(value).__name__}")
    if len(value) > _LONGEST:
        raise ValueError("a text is too long")
    return value


def whole(value: object) -> int:
    """A whole number of bounded size, 0 or more; raises `TypeError` or `ValueError`."""
    if not isinstance(value, int):
        raise TypeError(f"not a whole number: {type(value).__name__}")
    if not 0 <= value < _LARGEST:
        raise ValueError("a number is out of range")
    return int(value)


def number(value: object) -> float:
    """A finite number, 0 or more; raises `TypeError` or `ValueError`."""
    if not isinstance(value, int | float):
        raise TypeError(f"not a number: {type(value).__name__}")
    if not 0 <= value < _LARGEST:
        raise ValueError("a number is out of range")
    return float(value)
