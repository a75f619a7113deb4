"""Keeps path histories in a file as long as that works, and in memory while it does not.

Everything here blocks; `recorder` calls it from a thread of its own.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from exporter.history.database import (
    Bounds,
    CorruptFile,
    Entry,
    ForeignFile,
    PathKey,
    connect,
    in_memory,
    is_corrupt,
    move_aside,
    salvaged,
    trim,
    write,
)

Result = TypeVar("Result")

_BROKEN = (sqlite3.Error, OSError, CorruptFile, ForeignFile)
_JOURNAL = 10_000
_TRIM_BATCHES = 256
_TRIM_SHARE = 4
"""All is trimmed at least each time a fourth of the bytes permitted for incidents came in."""
_ATTEMPTS = 2


class Storage:
    """A file, or memory without one. No call ever raises what a broken file may cause.

    `degraded` says in words why the file is not in use, None where it is or where there is none.
    `errors` counts failures; `report` is told of each change of this state. While degraded, the
    file is tried again every `retry` seconds; what was written meanwhile then goes there too.
    """

    def __init__(
        self,
        path: Path | None,
        bounds: Bounds,
        report: Callable[[str], None],
        clock: Callable[[], float],
        retry: float,
    ) -> None:
        self._path = path
        self._bounds = bounds
        self._report = report
        self._clock = clock
        self._retry = retry
        self._states: dict[PathKey, Entry] = {}
        self._events: deque[Entry] = deque(maxlen=_JOURNAL)
        self._batches = 0
        self._came = 0
        self._tried_at = clock()
        self.errors = 0
        self.degraded: str | None = None
        self._connection = self._open()

    def write(self, entries: Sequence[Entry]) -> None:
        """Write all of these, somewhere."""
        if self.degraded is not None:
            self._remember(entries)
        for _ in range(_ATTEMPTS):
            try:
                write(self._connection, entries, self._bounds)
                break
            except UnicodeError:  # a key that no file can hold
                self.errors += 1
                return
            except sqlite3.Error as error:
                self._fall_back(error)
                if self.degraded is not None:
                    self._remember(entries)
        self._batches += 1
        self._came += sum(len(entry.body) for entry in entries if entry.table == "incident")
        if (
            self._batches >= _TRIM_BATCHES
            or self._came * _TRIM_SHARE >= self._bounds.incident_bytes
        ):
            self._trim()

    def _trim(self) -> None:
        self._batches = self._came = 0
        try:
            trim(self._connection, self._bounds)
        except sqlite3.Error as error:
            self._fall_back(error)

    def read(self, question: Callable[[sqlite3.Connection], Result]) -> Result | None:
        """The answer to a question; None where there is none to be had."""
        for _ in range(_ATTEMPTS):
            try:
                return question(self._connection)
            except sqlite3.Error as error:
                self._fall_back(error)
        return None

    def recover(self) -> None:
        """Go back to the file where that is due and it works again."""
        if self.degraded is None or self._clock() < self._tried_at + self._retry:
            return
        assert self._path is not None
        self._tried_at = self._clock()
        try:
            connection = connect(self._path)
        except _BROKEN:
            return
        try:
            write(connection, [*self._states.values(), *self._events], self._bounds)
        except sqlite3.Error:
            connection.close()
            return
        self._close_connection()
        self._connection = connection
        self.degraded = None
        self._states.clear()
        self._events.clear()
        self._report(f"{self._path}: works again")

    def close(self) -> None:
        """Give the file back."""
        self._close_connection()

    def _open(self) -> sqlite3.Connection:
        if self._path is None:
            return connect(None)
        for _ in range(_ATTEMPTS):
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                connection = connect(self._path)
                trim(connection, self._bounds)
                return connection
            except _BROKEN as error:
                if not self._set_aside(error):
                    self._degrade(error)
                    break
        return salvaged(self._path)

    def _fall_back(self, error: sqlite3.Error) -> None:
        """The connection failed: open a new file where the old one is corrupt, else use memory."""
        broken = self._connection
        if self._path is None or self.degraded is not None:
            self.errors += 1
            self._connection = connect(None)
        elif self._set_aside(error):
            self._connection = self._open()
        else:
            self._degrade(error)
            self._connection = in_memory(broken)
        with suppress(sqlite3.Error):
            broken.close()

    def _set_aside(self, error: Exception) -> bool:
        """Whether the file was corrupt and is out of the way now."""
        if self._path is None or not is_corrupt(error):
            return False
        try:
            aside = move_aside(self._path)
        except OSError:
            return False
        self.errors += 1
        self._report(f"{self._path}: {error}; kept as {aside.name}, and a new one begun")
        return True

    def _degrade(self, error: Exception) -> None:
        self.errors += 1
        self._tried_at = self._clock()
        self.degraded = f"{self._path}: {error}"
        self._report(f"{self.degraded}; history is kept in memory")

    def _remember(self, entries: Sequence[Entry]) -> None:
        """For the time when the file works again."""
        for entry in entries:
            if entry.table == "state":
                self._states[entry.key] = entry
            else:
                self._events.append(entry)

    def _close_connection(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.close()
