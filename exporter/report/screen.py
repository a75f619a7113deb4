"""A block of lines at the bottom of a terminal that is rewritten in place (ECMA-48)."""

from __future__ import annotations

from collections.abc import Callable

_ERASE_LINE = "\x1b[K"
_ERASE_BELOW = "\x1b[J"


class Screen:
    """Shows lines and later versions of them; the cursor always waits below the last one.

    No line may be as wide as the terminal, for it would wrap. Lines that have scrolled off a
    screen of `height` lines stay as they were: `stale` says that such a line has changed since.
    """

    def __init__(self, write: Callable[[str], None], height: int) -> None:
        self._write = write
        self._reach = height - 1
        self._lines: list[str] = []
        self.stale = False

    def show(self, lines: list[str]) -> None:
        """Make the block look like `lines`, writing from the first that differs."""
        old = self._lines
        same = 0
        while same < min(len(old), len(lines)) and old[same] == lines[same]:
            same += 1
        if same == len(old) == len(lines):
            return
        start = max(same, len(old) - self._reach)
        self.stale = self.stale or start > same
        up = len(old) - start
        text = f"\x1b[{up}A" if up else ""
        text += "".join(f"{line}{_ERASE_LINE}\n" for line in lines[start:])
        if len(lines) < len(old):
            text += _ERASE_BELOW
        self._write(text)
        self._lines = old[:start] + lines[start:]
