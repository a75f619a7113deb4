"""Files that are broken, foreign, locked or not there: memory does, and says so."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from exporter.history.database import APPLICATION_ID, PathKey, connect
from exporter.history.recorder import History
from exporter.model import Family
from tests.clock import until
from tests.keeping import CONTENT, KEY, content, fill, fill_and_read, with_history


@pytest.mark.parametrize("damage", ["no database", "torn"])
def test_corrupt_file(tmp_path: Path, damage: str) -> None:
    """The file is moved aside, not deleted, and a new one begun; the next start finds that."""
    path = tmp_path / "history.db"
    with_history(path, fill)
    whole = path.read_bytes()
    broken = b"\xff" * 5000 if damage == "no database" else _torn(whole)
    said: list[str] = []
    for number in (1, 2):
        path.write_bytes(broken)

        async def test(history: History) -> tuple[object, ...]:
            assert await history.state(KEY) is None
            assert history.errors == 1
            return await fill_and_read(history)

        assert with_history(path, test, said=said) == CONTENT
        assert with_history(path, content) == CONTENT
        assert path.with_name(f"history.db.corrupt-{number}").read_bytes() == broken
    assert "corrupt-1" in said[0]
    assert "corrupt-2" in said[1]


def _torn(whole: bytes) -> bytes:
    """A file whose pages after the first are noise."""
    return whole[:4096] + os.urandom(len(whole) - 4096)


def test_becomes_corrupt_while_open(tmp_path: Path) -> None:
    """Someone writes into the file: it is moved aside, and work goes on in a new one."""
    path = tmp_path / "history.db"

    async def test(history: History) -> tuple[object, ...]:
        await fill_and_read(history)
        checkpoint(path)
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(os.urandom(path.stat().st_size - 4096))
        history.add_change(KEY, 1.0, {})
        await history.changes("example", Family.IPV4)
        return await fill_and_read(history)

    found = with_history(path, test)
    assert found[0] == "state"
    assert found[3] is None
    assert path.with_name("history.db.corrupt-1").exists()
    assert with_history(path, content)[0] == "state"


def checkpoint(path: Path) -> None:
    """Bring the log into the file."""
    file = sqlite3.connect(path)
    file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    file.close()


def refuses(path: Path, why: str) -> None:
    """The file at this path cannot be used: memory does, and somebody is told why."""
    said: list[str] = []

    async def test(history: History) -> tuple[object, ...]:
        found = await fill_and_read(history)
        assert history.errors >= 1
        return found

    found = with_history(path, test, said=said)
    assert found[:3] == CONTENT[:3]
    assert why in str(found[3])
    assert why in said[0]
    assert "memory" in said[0]


def test_a_directory_in_its_place(tmp_path: Path) -> None:
    """A directory stands where the file should be."""
    path = tmp_path / "history.db"
    path.mkdir()
    refuses(path, "unable to open database file")


def test_a_file_in_place_of_its_directory(tmp_path: Path) -> None:
    """The directory cannot be made."""
    (tmp_path / "file").touch()
    refuses(tmp_path / "file" / "history.db", "file")


def test_file_of_another_program(tmp_path: Path) -> None:
    """It is left as it is."""
    path = tmp_path / "history.db"
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE precious (thing)")
    file.close()
    before = path.read_bytes()
    refuses(path, "another program")
    assert path.read_bytes() == before


def test_file_of_a_later_version(tmp_path: Path) -> None:
    """A downgrade must not destroy what the newer version wrote."""
    path = tmp_path / "history.db"
    with_history(path, fill)
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA user_version = 99")
    file.close()
    refuses(path, "schema version 99")


def test_empty_file_is_a_new_one(tmp_path: Path) -> None:
    """`touch history.db` before the first start does no harm."""
    path = tmp_path / "history.db"
    path.touch()
    assert with_history(path, fill_and_read) == CONTENT
    file = connect(path)
    assert file.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    file.close()


def test_locked_by_another_process(tmp_path: Path) -> None:
    """Somebody holds the write lock: memory takes over with all that was known, and gives back."""
    path = tmp_path / "history.db"
    with_history(path, fill)
    said: list[str] = []

    async def test(history: History) -> None:
        assert await history.state(KEY) == "state"
        locker = sqlite3.connect(path, isolation_level=None)
        locker.execute("BEGIN IMMEDIATE")
        history.save(KEY, "newer")
        history.add_change(KEY, 2.0, {"words": "second"})
        started = time.monotonic()
        assert await history.state(KEY) == "newer"
        assert time.monotonic() - started < 5.0
        assert "locked" in str(history.degraded)
        assert len(await history.changes("example", Family.IPV4)) == 2
        history.add_change(KEY, 3.0, {"words": "third"})
        await history.changes("example", Family.IPV4)
        locker.execute("ROLLBACK")
        locker.close()
        await until(lambda: history.degraded is None)
        assert history.errors == 1

    with_history(path, test, said=said, retry=0.1)
    assert "works again" in said[-1]

    async def after(history: History) -> None:
        assert await history.state(KEY) == "newer"
        changes = await history.changes("example", Family.IPV4)
        assert [each["words"] for each in changes][:2] == ["third", "second"]
        assert len(changes) == 3

    with_history(path, after)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("body", '{"words": "cut'),
        ("body", "[1]"),
        ("body", "9" * 5000),
        ("body", "[" * 100_000),
        ("body", None),
        ("body", b"\xff\xfe"),
        ("at", 1e300),
        ("at", 9e999),
        ("at", "yesterday"),
    ],
)
def test_damage_that_the_file_does_not_know_of(
    tmp_path: Path, column: str, value: str | bytes | float | None
) -> None:
    """A row holds what was never written, in a file whose pages are sound: that row is left out, as
    no other is, and the thread behind it lives."""
    path = tmp_path / "history.db"
    with_history(path, fill)
    # SQLite takes any bytes for text.
    new = "CAST(? AS TEXT)" if isinstance(value, bytes) else "?"
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA writable_schema = ON")
        file.execute("UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '')")
        file.execute("PRAGMA writable_schema = RESET")
        for table in ("change", "incident"):
            columns = "target, family, address, at, bytes, body"
            file.execute(f"INSERT INTO {table} SELECT 9, {columns} FROM {table}")
            file.execute(f"UPDATE {table} SET {column} = {new} WHERE id = 9", (value,))

    async def test(history: History) -> tuple[object, ...]:
        async with asyncio.timeout(4):
            return await content(history)

    assert with_history(path, test) == CONTENT


def test_a_name_that_no_file_can_hold(tmp_path: Path) -> None:
    """Half a surrogate pair as a name costs that entry, not the store."""

    async def test(history: History) -> tuple[object, ...]:
        history.save(PathKey("\ud800", Family.IPV4, "192.0.2.1"), "state")
        await history.state(KEY)
        assert history.errors == 1
        return await fill_and_read(history)

    assert with_history(tmp_path / "history.db", test) == CONTENT


def test_disk_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk answers nothing any more: closing takes its two seconds, and the loop goes on."""
    monkeypatch.setattr("exporter.history.recorder._CLOSE_SECONDS", 0.2)
    monkeypatch.setattr("exporter.history.recorder._ANSWER_SECONDS", 0.1)
    hang = threading.Event()

    async def run() -> None:
        history = History(tmp_path / "history.db", report=lambda _message: None)
        await history.state(KEY)
        history._questions.append(lambda _storage: hang.wait())
        assert await history.state(KEY) is None
        started = time.monotonic()
        await history.close()
        assert time.monotonic() - started < 2.0
        assert history.errors == 2
        hang.set()
        history._thread.join()

    asyncio.run(run())
