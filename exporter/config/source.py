"""Reads a configuration file as text, and says in our words why one cannot be read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from exporter.config.node import Problem
from exporter.config.shown import shown
from exporter.errors import FtrError

MAX_BYTES: Final = 32 * 1024 * 1024
_FORBIDDEN: Final = re.compile(
    "[^\x09\x0a\x0d\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


class Unreadable(FtrError):
    """The file holds no text that could be parsed."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(line, (), message)


def read_text(path: Path) -> str:
    """Return what the file holds, without a byte order mark. Raises `Unreadable`."""
    return decode(_read_bytes(path))


def _read_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise Unreadable(0, "there is no such file") from None
    except IsADirectoryError:
        raise Unreadable(0, "this is a directory, not a file") from None
    except PermissionError:
        raise Unreadable(0, "this user may not read the file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Unreadable(0, f"the file cannot be read: {shown(reason)}") from error
    if len(data) > MAX_BYTES:
        raise Unreadable(0, f"the file is larger than {MAX_BYTES // 2**20} MiB")
    return data


def decode(data: bytes) -> str:
    """Return `data` as text that YAML permits. Raises `Unreadable` with the line."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise Unreadable(line, "the file is UTF-16; save it as UTF-8") from None
        found = f"byte {error.start + 1} (0x{data[error.start]:02x})"
        raise Unreadable(line, f"{found} is not UTF-8; save the file as UTF-8") from None
    match = _FORBIDDEN.search(text)
    if match:
        line = text.count("\n", 0, match.start()) + 1
        code = f"U+{ord(match[0]):04X}"
        raise Unreadable(line, f"the control character {code} is not allowed in YAML")
    return text
