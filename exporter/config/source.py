"""Reads a configuration file as text, and says in our words why one cannot be read."""

from __future__ import annotations

import errno
import os
import re
import select
import stat
from io import BufferedReader
from pathlib import Path
from typing import Final

from exporter.config.node import Problem
from exporter.config.shown import shown
from exporter.errors import FtrError

MAX_BYTES: Final = 32 * 1024 * 1024
_FORBIDDEN: Final = re.compile(
    "[^\x09\x0a\x0d\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_NO_WAIT: Final = getattr(os, "O_NONBLOCK", 0)
_WRITER_MS: Final = 1000


class Unreadable(FtrError):
    """The file holds no text that could be parsed."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(line, (), message)


def read_text(path: Path, *, regular: bool = False) -> str:
    """Return what the file holds, without a byte order mark. Raises `Unreadable`.

    A pipe is read to its end, unless only a `regular` file will do.
    """
    return decode(_read_bytes(path, regular))


def read_file(path: str | Path, most: int, *, regular: bool = False) -> bytes:
    """Return the first `most` bytes. Raises `OSError` or `ValueError`.

    Does not wait for a pipe into which nobody writes, as open(2) of a FIFO would without end.
    """
    with open(path, "rb", opener=_open_at_once) as file:
        mode = os.fstat(file.fileno()).st_mode
        if regular and not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        begin = b""
        if _NO_WAIT:
            begin = _beginning(file) if stat.S_ISFIFO(mode) else b""
            os.set_blocking(file.fileno(), True)
        return begin + file.read(most - len(begin))


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | _NO_WAIT)


def _beginning(pipe: BufferedReader) -> bytes:
    """Up to one byte, so that the end of a pipe is told from a writer who has said nothing yet."""
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    poll.poll(_WRITER_MS)
    begin = pipe.raw.read(1)
    if begin == b"":
        raise OSError(errno.ENXIO, "it is a pipe into which nobody writes")
    return begin or b""


def _read_bytes(path: Path, regular: bool) -> bytes:
    try:
        data = read_file(path, MAX_BYTES + 1, regular=regular)
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
