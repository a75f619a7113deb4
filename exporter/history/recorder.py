"""Path histories, kept across restarts: what watchers know, changes, and traces around incidents.

All work on the disk is done by one thread, in batches; no call here ever waits for it, but those
that are awaited. A store that cannot be used costs history, never a measurement.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from exporter.history.database import ON_DISK, Bounds, Entry, PathKey, read_rows, read_state
from exporter.history.store import Storage
from exporter.model import Family
from exporter.reading.jsonform import rfc3339

_BATCH_SECONDS = 0.2
_RETRY_SECONDS = 30.0
_CLOSE_SECONDS = 2.0
_ANSWER_SECONDS = 5.0
_WAITING = 10_000
"""Changes and incidents that may wait for the disk; beyond, the oldest are dropped."""

_Question = Callable[[Storage], Any]


class History:
    """The history of all paths, in a file, or in memory without a path.

    `report` is told in words when the file fails and when it works again, from the thread that
    works on it.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        bounds: Bounds = ON_DISK,
        report: Callable[[str], None] = lambda _message: None,
        retry: float = _RETRY_SECONDS,
    ) -> None:
        self._path = path
        self._bounds = bounds
        self._report = report
        self._retry = retry
        self._changed = threading.Condition()
        self._states: dict[PathKey, Entry] = {}
        self._events: deque[Entry] = deque()
        self._questions: deque[_Question] = deque()
        self._closing = False
        self._storage: Storage | None = None
        self._dropped = 0
        self._thread = threading.Thread(target=self._work, name="history", daemon=True)
        self._thread.start()

    @property
    def degraded(self) -> str | None:
        """Why the file is not in use, in words; None where it is, or where none is wanted."""
        return None if self._storage is None else self._storage.degraded

    @property
    def errors(self) -> int:
        """Failures of the file, and entries lost, since the start."""
        return self._dropped + (0 if self._storage is None else self._storage.errors)

    def save(self, key: PathKey, state: str) -> None:
        """Keep what a watcher remembers; only the latest state of a key counts."""
        self._put(Entry("state", key, time.time(), state))

    def add_change(self, key: PathKey, at: float, change: Mapping[str, object]) -> None:
        """Keep a confirmed change, as `change_json` makes it; `at` in wall-clock seconds."""
        self._put(Entry("change", key, at, json.dumps(change, separators=(",", ":"))))

    def add_incident(
        self, key: PathKey, at: float, reason: str, trace: Mapping[str, object]
    ) -> None:
        """Keep a trace, in its JSON form, of the time around a change or an outage."""
        body = json.dumps({"reason": reason, "trace": trace}, separators=(",", ":"))
        self._put(Entry("incident", key, at, body))

    async def state(self, key: PathKey) -> str | None:
        """What was saved last under a key; None where nothing was."""
        found: str | None = await self._ask(
            lambda storage: storage.read(lambda file: read_state(file, key))
        )
        return found

    async def changes(
        self, target: str, family: Family, limit: int = 100
    ) -> list[dict[str, object]]:
        """The latest changes of a target's paths, the newest first."""
        return await self._rows("change", target, family, limit)

    async def incidents(
        self, target: str, family: Family, limit: int = 20
    ) -> list[dict[str, object]]:
        """The latest incident traces of a target, the newest first: `at`, `reason`, `trace`."""
        return await self._rows("incident", target, family, limit)

    async def close(self) -> None:
        """Write what waits, and give the file back; within 2 seconds, whatever the disk does."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        loop = asyncio.get_running_loop()
        ended = loop.create_future()
        threading.Thread(target=self._await_end, args=(loop, ended), daemon=True).start()
        try:
            await asyncio.wait_for(ended, _CLOSE_SECONDS)
        except TimeoutError:
            self._dropped += 1

    # -- in the event loop --------------------------------------------------------------------

    def _put(self, entry: Entry) -> None:
        with self._changed:
            if self._closing or len(entry.body) > self._bounds.body_bytes:
                self._dropped += 1
                return
            if entry.table == "state":
                self._states[entry.key] = entry
            else:
                self._events.append(entry)
                if len(self._events) > _WAITING:
                    self._events.popleft()
                    self._dropped += 1
            self._changed.notify()

    async def _rows(
        self, table: str, target: str, family: Family, limit: int
    ) -> list[dict[str, object]]:
        def question(storage: Storage) -> list[dict[str, object]]:
            found = storage.read(lambda file: read_rows(file, table, target, family, limit))
            return list(_forms(found or ()))

        return await self._ask(question) or []

    async def _ask(self, question: _Question) -> Any:
        """What a question to the storage gives, after all that was put before.

        None where it is closed, or where the disk hangs.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()

        def reply(storage: Storage) -> None:
            result = question(storage)
            with suppress(RuntimeError):  # the loop may have ended meanwhile
                loop.call_soon_threadsafe(_settle, answer, result)

        with self._changed:
            if self._closing:
                return None
            self._questions.append(reply)
            self._changed.notify()
        try:
            return await asyncio.wait_for(answer, _ANSWER_SECONDS)
        except TimeoutError:
            self._dropped += 1
            return None

    # -- in the thread ------------------------------------------------------------------------

    def _work(self) -> None:
        storage = Storage(self._path, self._bounds, self._report, time.monotonic, self._retry)
        self._storage = storage
        while True:
            with self._changed:
                self._wait()
                entries = [*self._states.values(), *self._events]
                self._states, self._events = {}, deque()
                questions, self._questions = self._questions, deque()
                closing = self._closing
            storage.recover()
            if entries:
                storage.write(entries)
            for question in questions:
                question(storage)
            if closing:
                storage.close()
                return

    def _wait(self) -> None:
        """Until there is something to do; a little longer where it is only writing."""
        self._changed.wait_for(self._has_work, self._retry if self.degraded else None)
        if not (self._questions or self._closing):
            self._changed.wait_for(lambda: self._questions or self._closing, _BATCH_SECONDS)

    def _has_work(self) -> bool:
        return bool(self._states or self._events or self._questions or self._closing)

    def _await_end(self, loop: asyncio.AbstractEventLoop, ended: asyncio.Future[None]) -> None:
        self._thread.join(_CLOSE_SECONDS)
        if not self._thread.is_alive():
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_settle, ended, None)


def _settle(future: asyncio.Future[Any], result: object) -> None:
    if not future.done():
        future.set_result(result)


def _forms(rows: Iterable[tuple[str, float, str]]) -> Iterator[dict[str, object]]:
    """The rows in JSON form. SQLite proves no content: what was damaged on the disk is left out."""
    for address, at, body in rows:
        with suppress(ArithmeticError, RecursionError, TypeError, ValueError):
            yield {"at": rfc3339(at), "address": address, **json.loads(body)}
