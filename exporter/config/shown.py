"""Makes any text fit to be shown in one line of a message."""

from __future__ import annotations

from typing import Final

_LONGEST: Final = 80


def shown(text: str, longest: int = _LONGEST) -> str:
    """Return `text` with control characters escaped, cut off after `longest` characters."""
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else _escaped(character) for character in text
    )


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
