"""The web configuration as it is now: read again when one of its files changes."""

from __future__ import annotations

import logging
import os
import ssl
import time
from collections.abc import Callable
from typing import Any, Final

from exporter.config.faults import config_error
from exporter.config.node import Problem
from exporter.config.web import WebConfig, load_web_config
from exporter.errors import ConfigError, Fault

RETRY: Final = 1.0
"""Seconds between two looks at a file that is bad: what it lacks may be in files yet unknown."""

_logger = logging.getLogger("exporter.server")
_Stamp = tuple[int, int, int, int] | None


class WebFile:
    """A file whose newest good contents are in use. Raises `ConfigError` if the first are bad.

    Looking at the files costs some microseconds each, so it is done for every request and every
    connection: whatever changes counts from the next one on.
    """

    def __init__(self, path: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._seen: tuple[_Stamp, ...] = ()
        self._faults: tuple[Fault, ...] = ()
        self._retry_at = 0.0
        self._config, self._seen = self._load(())
        self.tls: ssl.SSLContext | None = None
        if self._config.tls is not None:
            self.tls = _LiveContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.newest = self._context

    def current(self) -> WebConfig:
        """The configuration of the files as they are, or as they were when they were good."""
        stamps = self._stamps(self._config.files)
        if stamps != self._seen or (self._faults and self._clock() >= self._retry_at):
            self._seen = stamps
            self._read_again()
        return self._config

    def is_good(self) -> bool:
        """Whether what is in use is what the files say."""
        return not self._faults

    def _read_again(self) -> None:
        try:
            config, seen = self._load(self._config.files)
            if (config.tls is None) is not (self._config.tls is None):
                words = "TLS is switched on or off by a restart only"
                raise config_error(self._path, [Problem(0, ("tls_server_config",), words)])
        except ConfigError as error:
            self._retry_at = self._clock() + RETRY
            if error.faults != self._faults:
                self._faults = error.faults
                for fault in error.faults:
                    _logger.error("web configuration: the one before stays in use: %s", fault)
        else:
            self._config, self._seen, self._faults = config, seen, ()
            _logger.info("web configuration: read again: %s", self._path)

    def _load(self, files: tuple[str, ...]) -> tuple[WebConfig, tuple[_Stamp, ...]]:
        """Load, and tell how the files looked right before that; `files` is a first guess."""
        while True:
            stamps = self._stamps(files)
            config = load_web_config(self._path)
            if config.files == files:
                return config, stamps
            files = config.files

    def _stamps(self, files: tuple[str, ...]) -> tuple[_Stamp, ...]:
        return tuple(_stamp(path) for path in (self._path, *files))

    def _context(self) -> ssl.SSLContext:
        tls = self.current().tls
        assert tls is not None
        return tls


class _LiveContext(ssl.SSLContext):
    """Stands for the context in use, so that each connection gets the newest."""

    newest: Callable[[], ssl.SSLContext]

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        """Begin a connection; asyncio calls this, and nothing else, once for each."""
        return self.newest().wrap_bio(*args, **options)


def _stamp(path: str) -> _Stamp:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev
