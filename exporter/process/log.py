"""Sets up the log: one event a line, as logfmt, JSON or for a console, whoever wrote it.

Our own events and those of the standard library's `logging` (aiohttp, asyncio) leave through the
same renderer. structlog is imported when it is first needed.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TextIO

from exporter.errors import FtrError
from exporter.process.logformat import (
    Fields,
    console,
    exception_fields,
    fields_of,
    json_line,
    logfmt,
)

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
FORMATS: Final = ("logfmt", "json", "console")
_LEVEL_WORDS: Final = {"warning": "warn", "critical": "error", "fatal": "error"}


class _Output:
    """Where lines go. A reader that has gone away costs lines, never the daemon."""

    def __init__(self, stream: TextIO, render: Callable[[Fields], str]) -> None:
        self._stream = stream
        self._render = render
        self._lock = Lock()

    def event(self, when: datetime, level: str, event: object, rest: Fields) -> None:
        """Write one event; `exc_info` in `rest` may be what `logging` and structlog permit."""
        raised = rest.pop("exc_info", None)
        if raised:
            rest.update(exception_fields(_exc_info(raised)))
        ts = when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        fields = fields_of(ts, _LEVEL_WORDS.get(level, level), event, rest)
        self._write(self._render(fields) + "\n")

    def _write(self, line: str) -> None:
        with self._lock, suppress(OSError, ValueError):
            try:
                self._stream.write(line)
            except UnicodeEncodeError:
                self._stream.write(line.encode("ascii", "backslashreplace").decode("ascii"))
            self._stream.flush()


def _exc_info(raised: Any) -> Any:
    if isinstance(raised, BaseException):
        return type(raised), raised, raised.__traceback__
    return raised if isinstance(raised, tuple) else sys.exc_info()


class _Bridge(logging.Handler):
    """Hands the records of the standard library on to the same output."""

    def __init__(self, output: _Output) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; one whose arguments do not fit its text is written as it stands."""
        try:
            event = record.getMessage()
        except (TypeError, ValueError):
            event = str(record.msg)
        when = datetime.fromtimestamp(record.created, UTC)
        rest: Fields = {"logger": record.name, "exc_info": record.exc_info}
        self._output.event(when, record.levelname.lower(), event, rest)


class _Named:
    """The end of a structlog chain: knows the name that `get_logger` was given."""

    def __init__(self, *names: str) -> None:
        self.name = names[0] if names else None


def configure(level: str, fmt: str, stream: TextIO) -> None:
    """Send events of at least `level` to `stream` in the format `fmt`, from now on.

    `level` is one of `LEVELS`, `fmt` one of `FORMATS`; `FtrError` for anything else. Loggers that
    were made earlier follow, except those already bound.
    """
    import structlog

    if level not in LEVELS:
        raise FtrError(f"log level {level!r}; allowed is one of {', '.join(LEVELS)}")
    if fmt not in FORMATS:
        raise FtrError(f"log format {fmt!r}; allowed is one of {', '.join(FORMATS)}")
    renderers: dict[str, Callable[[Fields], str]] = {
        "logfmt": logfmt,
        "json": json_line,
        "console": partial(console, colours=stream.isatty()),
    }
    output = _Output(stream, renderers[fmt])

    def write(logger: _Named, method: str, event: Any) -> str:
        rest = dict(event)
        message = rest.pop("event", "")
        if logger.name is not None:
            rest = {"logger": logger.name, **rest}
        output.event(datetime.now(UTC), method, message, rest)
        raise structlog.DropEvent

    structlog.configure(
        processors=[write],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=_Named,
        cache_logger_on_first_use=False,
    )
    _route_standard_library(LEVELS[level], output)


def _route_standard_library(level: int, output: _Output) -> None:
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, _Bridge):
            root.removeHandler(handler)
    root.addHandler(_Bridge(output))
    root.setLevel(level)
    quiet = level if level <= logging.DEBUG else max(level, logging.WARNING)
    logging.getLogger("aiohttp.access").setLevel(quiet)


def get_logger(name: str) -> FilteringBoundLogger:
    """Return a logger whose events carry `logger=name`."""
    import structlog

    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger
