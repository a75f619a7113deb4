"""Reads the text of a plain YAML scalar: null, boolean, number, text, or something odd.

YAML 1.1 turns `60:30` into 3630, `0443` into 291 and `2026-01-31` into a date. Nobody who writes
that into a configuration wants it, so such scalars become `Odd` and are refused wherever they
stand, with the advice to quote them.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_NULLS: Final = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLS: Final = {
    spelling: value
    for word, value in (
        ("yes", True),
        ("no", False),
        ("true", True),
        ("false", False),
        ("on", True),
        ("off", False),
    )
    for spelling in (word, word.capitalize(), word.upper())
}
_INT: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*|0x[0-9a-fA-F]+)")
_FLOAT: Final = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?")
_SPECIAL: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_ODD: Final = (
    (re.compile(r"[-+]?0[0-7_]+"), "an octal number"),
    (re.compile(r"[-+]?0b[01_]+"), "a binary number"),
    (re.compile(r"[-+]?0x[0-9a-fA-F_]+"), "a number"),
    (re.compile(r"[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?"), "a number"),
    (re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"), "a number to base 60"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t][0-9 \t:.Zz+-]*)?"), "a date"),
)
_NUMERIC_START: Final = frozenset("0123456789+-.")
_LONGEST_NUMBER: Final = 32


class Odd(NamedTuple):
    """A scalar that YAML reads as something no field wants; `reading` says as what."""

    text: str
    reading: str


Scalar = str | int | float | bool | Odd | None


def resolve(text: str) -> Scalar:
    """Return the value of the plain, untagged scalar `text` (YAML 1.1, and JSON's `1e3`)."""
    if text in _NULLS:
        return None
    if text[0] in _NUMERIC_START:
        return _numeric(text)
    return _BOOLS.get(text, text)


def _numeric(text: str) -> Scalar:
    if len(text) <= _LONGEST_NUMBER:
        if _INT.fullmatch(text):
            return int(text, 16 if "x" in text else 10)
        if _FLOAT.fullmatch(text):
            return float(text)
        if _SPECIAL.fullmatch(text):
            return float(text.replace(".", ""))
    for pattern, reading in _ODD:
        if pattern.fullmatch(text):
            return Odd(text, reading)
    return text
