"""Pure: rows become aligned lines, coloured and cut to a width if so wished, safe to print."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import replace

from exporter.report.table import Row

Segment = tuple[str, str]
"""A text and the parameters of its SGR sequence (ECMA-48 section 8.3.117), empty for none."""

DIM, RED, GREEN, YELLOW, CYAN = "2", "31", "32", "33", "36"

_LEAST_HOST = 32
_LEAST_ORIGIN = 16
_GAP = "  "
_SAME_AS, _OTHER_AS = "  ", "> "
"""What stands before an origin: whether the path enters another AS there."""
_FIXED = 3 + 3 * len(_GAP) + len(_SAME_AS) + 1


def printable(text: str) -> str:
    """The text with a `?` for every control, format, surrogate or unassigned character."""
    return "".join(char if char.isprintable() else "?" for char in text)


def cells(text: str) -> int:
    """Columns of a terminal that a text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_cell, text))


def fit(text: str, width: int) -> str:
    """The text cut or padded to exactly `width` columns; an ellipsis shows the cut."""
    shown = _cut(text, width)
    return shown + " " * (width - cells(shown))


class Layout:
    """Keeps the columns of a table: they only grow, unless a `width` in columns limits a line."""

    def __init__(self, *, colour: bool, width: int | None) -> None:
        self._colour = colour
        self._width = width
        self._host = 0 if width else _LEAST_HOST
        self._origin = 0 if width else _LEAST_ORIGIN

    def lines(self, rows: Iterable[Row]) -> list[str]:
        """One line for each row, aligned with each other and with those before."""
        clean = [_clean(row) for row in rows]
        self._host = max([self._host, *(cells(row.host) for row in clean)])
        self._origin = max([self._origin, *(cells(row.origin) for row in clean)])
        host, origin = self._host, self._origin
        if self._width is not None:
            widest = max((len(row.rtts) + len(row.mark) for row in clean), default=0)
            host, origin = _share(self._width - widest - _FIXED, host, origin)
        return [self.paint(_segments(row, host, origin)) for row in clean]

    def paint(self, segments: Iterable[Segment]) -> str:
        """Join segments into a line that holds no more than the width, trailing blanks removed."""
        room = self._width
        painted = []
        for text, style in _stripped(list(segments)):
            shown = text if room is None else _cut(text, room)
            room = None if room is None else room - cells(shown)
            painted.append(f"\x1b[{style}m{shown}\x1b[0m" if self._styled(shown, style) else shown)
        return "".join(painted)

    def _styled(self, text: str, style: str) -> bool:
        return self._colour and bool(style) and bool(text.strip())


def _clean(row: Row) -> Row:
    return replace(row, host=printable(row.host), origin=printable(row.origin))


def _share(room: int, host: int, origin: int) -> tuple[int, int]:
    """Widths of host and origin that fit into `room`; the origin gives way first, down to a third.

    A room too small for anything readable goes to the host.
    """
    if host + origin <= room:
        return host, origin
    least_origin = min(origin, max(room // 3, 0))
    host = min(host, max(room - least_origin, 0))
    return host, min(origin, max(room - host, 0))


def _segments(row: Row, host: int, origin: int) -> list[Segment]:
    silent = row.host == "*"
    return [
        (f"{row.ttl:>3}{_GAP}", DIM),
        (fit(row.host, host), YELLOW if silent else ""),
        (_GAP + (_OTHER_AS if row.enters else _SAME_AS) + fit(row.origin, origin), CYAN),
        (_GAP if row.rtts else "", ""),
        *_starred(row.rtts),
        (f" {row.mark}" if row.mark else "", RED),
        (f" {row.added}" if row.added else "", DIM),
    ]


def _starred(rtts: str) -> list[Segment]:
    """RTTs with their stars apart, so that losses stand out."""
    return [(part, YELLOW if part == "*" else "") for part in _split_stars(rtts)]


def _split_stars(text: str) -> list[str]:
    parts = text.split("*")
    return [piece for part in parts for piece in (part, "*")][:-1]


def _stripped(segments: list[Segment]) -> list[Segment]:
    while segments and not segments[-1][0].strip():
        segments.pop()
    if segments:
        text, style = segments[-1]
        segments[-1] = (text.rstrip(), style)
    return segments


def _cut(text: str, width: int) -> str:
    if cells(text) <= width:
        return text
    kept, used = "", 1
    for char in text:
        used += _cell(char)
        if used > width:
            break
        kept += char
    return kept + "…" if width > 0 else ""


def _cell(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
