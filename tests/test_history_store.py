"""A file that fails at every possible moment, and memory that stands in for it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from exporter.history import database, store
from exporter.history.database import (
    Bounds,
    CorruptFile,
    Entry,
    PathKey,
    in_memory,
    read_rows,
    read_state,
)
from exporter.history.store import Storage
from exporter.model import Family
from tests.clock import Clock

KEY = PathKey("example", Family.IPV4, "192.0.2.1")


class Bench:
    """A storage on a clock, and what it reported."""

    def __init__(self, path: Path | None) -> None:
        self.said: list[str] = []
        self.clock = Clock()
        self.storage = Storage(path, Bounds(), self.said.append, self.clock, retry=30.0)

    def save(self, body: str) -> None:
        """A state and a change."""
        self.storage.write([Entry("state", KEY, 1.0, body), Entry("change", KEY, 1.0, body)])

    def state(self) -> str | None:
        """The state as saved."""
        return self.storage.read(lambda file: read_state(file, KEY))

    def changes(self) -> int:
        """How many changes are kept."""
        return len(
            self.storage.read(lambda file: read_rows(file, "change", "example", KEY.family, 99))
            or ()
        )


def failing(times: int, error: sqlite3.Error) -> Callable[..., None]:
    """Stands in for a function of `database`: fails so often, then works as ever."""
    left = [times]
    real = database.write

    def write(file: sqlite3.Connection, entries: Sequence[Entry], bounds: Bounds) -> None:
        if left[0]:
            left[0] -= 1
            raise error
        real(file, entries, bounds)

    return write


def test_back_to_the_file_when_due(tmp_path: Path) -> None:
    """A directory stood in the way; half a minute after it is gone, all is in the file."""
    path = tmp_path / "history.db"
    path.mkdir()
    bench = Bench(path)
    bench.save("one")
    bench.save("two")
    bench.clock.now += 31.0
    bench.storage.recover()
    assert bench.storage.degraded, "it still stands there"
    path.rmdir()
    bench.storage.recover()
    assert bench.storage.degraded, "the next try is not due"
    bench.clock.now += 31.0
    bench.storage.recover()
    assert not bench.storage.degraded
    assert "works again" in bench.said[-1]
    bench.storage.close()
    after = Bench(path)
    assert after.state() == "two"
    assert after.changes() == 2
    after.storage.close()


def test_a_file_that_fails_when_it_seems_to_work_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It opens, but does not take what was written meanwhile: memory goes on."""
    path = tmp_path / "history.db"
    path.mkdir()
    bench = Bench(path)
    bench.save("one")
    path.rmdir()
    bench.clock.now += 31.0
    with monkeypatch.context() as patch:
        patch.setattr(store, "write", failing(1, sqlite3.OperationalError("disk I/O error")))
        bench.storage.recover()
    assert bench.storage.degraded
    assert bench.state() == "one"
    bench.storage.close()


def test_memory_itself_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even that is survived, with an empty memory; the failure counts."""
    for path in (None, tmp_path):
        bench = Bench(path)
        before = bench.storage.errors
        bench.save("lost")
        with monkeypatch.context() as patch:
            patch.setattr(store, "write", failing(1, sqlite3.OperationalError("no memory")))
            bench.save("kept")
        assert bench.storage.errors == before + 1
        assert bench.state() == "kept"
        bench.storage.close()


def test_reading_fails(tmp_path: Path) -> None:
    """The disk gives nothing back: no answer, no exception, and memory from then on."""
    bench = Bench(tmp_path / "history.db")
    bench.save("one")

    def broken(_file: sqlite3.Connection) -> str:
        raise sqlite3.OperationalError("disk I/O error")

    assert bench.storage.read(broken) is None
    assert bench.storage.degraded
    assert bench.storage.errors == 2
    bench.storage.close()


def test_trimming_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written stays written, once, when the clearing up behind it fails."""
    bench = Bench(tmp_path / "history.db")

    def broken(*_args: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(store, "trim", broken)
        patch.setattr(store, "_TRIM_BATCHES", 1)
        bench.save("one")
    assert bench.storage.degraded
    assert bench.changes() == 1
    bench.storage.close()


def test_corrupt_and_cannot_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The directory allows no new name: memory."""
    path = tmp_path / "history.db"
    path.write_bytes(b"\xff" * 5000)

    def forbidden(_path: Path) -> Path:
        raise PermissionError("not allowed")

    monkeypatch.setattr(store, "move_aside", forbidden)
    bench = Bench(path)
    assert bench.storage.degraded
    assert "not a database" in bench.storage.degraded
    bench.save("one")
    assert bench.state() == "one"
    assert path.read_bytes() == b"\xff" * 5000
    bench.storage.close()


def test_corrupt_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is made new is broken at once: two tries, then memory."""
    path = tmp_path / "history.db"

    def broken(*_args: object) -> None:
        raise CorruptFile("the file is damaged")

    monkeypatch.setattr(store, "trim", broken)
    bench = Bench(path)
    assert bench.storage.degraded is None or "damaged" in bench.storage.degraded
    bench.save("one")
    assert bench.state() == "one"
    bench.storage.close()


def test_only_names_aside_that_are_free(tmp_path: Path) -> None:
    """A third corrupt file does not overwrite the two before it."""
    path = tmp_path / "history.db"
    for number in (1, 2, 3):
        path.write_bytes(b"%d" % number * 5000)
        Bench(path).storage.close()
    names = [path.with_name(f"history.db.corrupt-{number}") for number in (1, 2, 3)]
    assert [name.read_bytes()[:1] for name in names] == [b"1", b"2", b"3"]


def test_a_copy_of_what_is_locked_is_not_waited_for(tmp_path: Path) -> None:
    """Another process holds the whole file: an empty memory, and at once."""
    path = tmp_path / "history.db"
    file = sqlite3.connect(path, isolation_level=None)
    file.execute("CREATE TABLE anything (x)")
    reader = sqlite3.connect(path, isolation_level=None, timeout=0.0)
    file.execute("PRAGMA locking_mode = EXCLUSIVE")
    file.execute("BEGIN EXCLUSIVE")
    memory = in_memory(reader)
    assert memory.execute("SELECT count(*) FROM state").fetchone() == (0,)
    for connection in (memory, reader, file):
        connection.close()
