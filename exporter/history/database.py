"""The SQLite file of path histories: its schema, its bounds, and what to do where it is broken.

Everything here blocks; `recorder` calls it from a thread of its own. Tables: `state` (what watchers
remember), `change` (confirmed changes), `incident` (traces around changes and outages). Writes go
through the write-ahead log, so that readers of the file never wait and a crash loses a moment at
most, never the file (https://www.sqlite.org/wal.html).
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from exporter.errors import FtrError
from exporter.model import Family

SCHEMA_VERSION = 1
APPLICATION_ID = 0x46545248
"""Tells this file from other SQLite files (`PRAGMA application_id`): "FTRH"."""
LOCK_SECONDS = 1.0

_MIGRATIONS = (
    """
    CREATE TABLE state (
        target TEXT NOT NULL, family TEXT NOT NULL, address TEXT NOT NULL,
        at REAL NOT NULL, bytes INTEGER NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (target, family, address)
    ) WITHOUT ROWID;
    CREATE TABLE change (
        id INTEGER PRIMARY KEY, target TEXT NOT NULL, family TEXT NOT NULL, address TEXT NOT NULL,
        at REAL NOT NULL, bytes INTEGER NOT NULL, body TEXT NOT NULL
    );
    CREATE INDEX change_of ON change (target, family, id);
    CREATE TABLE incident (
        id INTEGER PRIMARY KEY, target TEXT NOT NULL, family TEXT NOT NULL, address TEXT NOT NULL,
        at REAL NOT NULL, bytes INTEGER NOT NULL, body TEXT NOT NULL
    );
    CREATE INDEX incident_of ON incident (target, family, id);
    """,
)
"""What leads from each schema version to the next."""


class PathKey(NamedTuple):
    """One path: a target's name, the family, and the address that is traced."""

    target: str
    family: Family
    address: str


class Entry(NamedTuple):
    """A row to write: `table` is `state`, `change` or `incident`, `at` in wall-clock seconds."""

    table: str
    key: PathKey
    at: float
    body: str


class Bounds(NamedTuple):
    """How much is kept. Rows of each table for each target and family, and in all; bytes.

    Where it is `packed`, bodies are compressed, and counted so.
    """

    state: int = 8
    change: int = 100
    incident: int = 20
    rows: int = 200_000
    incident_bytes: int = 64 << 20
    body_bytes: int = 1 << 20
    packed: bool = False


ON_DISK = Bounds()
"""How much is kept in a file."""
IN_MEMORY = Bounds(2, change=50, incident=10, rows=20_000, incident_bytes=8 << 20, packed=True)
"""How much is kept where no file holds it."""

_INSERT = {
    "state": "INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?, ?, ?)",
    "change": "INSERT INTO change VALUES (NULL, ?, ?, ?, ?, ?, ?)",
    "incident": "INSERT INTO incident VALUES (NULL, ?, ?, ?, ?, ?, ?)",
}
_TRIM = {
    table: f"DELETE FROM {table} WHERE target = ? AND family = ? AND {name} IN (SELECT {name}"
    f" FROM {table} WHERE target = ? AND family = ? ORDER BY {order} DESC LIMIT -1 OFFSET ?)"
    for table, name, order in (
        ("state", "address", "at"),
        ("change", "id", "id"),
        ("incident", "id", "id"),
    )
}


class ForeignFile(FtrError):
    """A healthy SQLite file that is not ours to write: of another program, or a later version."""


class CorruptFile(FtrError):
    """A file that was one of ours and is damaged."""


def connect(path: Path | None) -> sqlite3.Connection:
    """Open a file, or memory without one, and bring it to this schema; proves that it can write.

    Raises `sqlite3.Error`, `CorruptFile`, and `ForeignFile`.
    """
    connection = sqlite3.connect(
        path or ":memory:", timeout=LOCK_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def in_memory(file: sqlite3.Connection) -> sqlite3.Connection:
    """What can still be read of a file, in memory; empty where nothing can."""
    memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    try:
        file.backup(memory, progress=_never_wait)
        _prepare(memory)
    except (sqlite3.Error, CorruptFile, ForeignFile):
        memory.close()
        return connect(None)
    return memory


def salvaged(path: Path) -> sqlite3.Connection:
    """The same of a file that cannot be opened for writing; what its log holds is left out."""
    try:
        file = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    except (sqlite3.Error, ValueError):
        return connect(None)
    with closing(file):
        return in_memory(file)


def _never_wait(status: int, _remaining: int, _total: int) -> None:
    """`backup` would try for ever."""
    if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        raise sqlite3.OperationalError("the file is locked")


def _prepare(connection: sqlite3.Connection) -> None:
    # One text that was damaged on the disk must not look like a file that fails.
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    version = _number(connection, "user_version")
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and _number(connection, "application_id") != APPLICATION_ID:
        raise ForeignFile("the file belongs to another program")
    if version > SCHEMA_VERSION:
        raise ForeignFile(f"the file has schema version {version}, newer than {SCHEMA_VERSION}")
    if tables and connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise CorruptFile("the file is damaged")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    with transaction(connection):
        for step in _MIGRATIONS[version:]:
            for statement in filter(str.strip, step.split(";")):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; takes the write lock at once."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def is_corrupt(error: Exception) -> bool:
    """Whether the file itself is broken, and not only out of reach."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return isinstance(error, CorruptFile) or code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def move_aside(path: Path) -> Path:
    """Keep a corrupt file, with its log, under another name. Raises `OSError`."""
    number = 1
    while (aside := path.with_name(f"{path.name}.corrupt-{number}")).exists():
        number += 1
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside


def write(connection: sqlite3.Connection, entries: Sequence[Entry], bounds: Bounds) -> None:
    """Write all in one transaction, within the bounds of each target. Raises `sqlite3.Error`."""
    touched: dict[tuple[str, str, str], None] = {}
    with transaction(connection):
        for table, key, at, body in entries:
            target, family, address = key.target, key.family.value, key.address
            kept = zlib.compress(body.encode(), 1) if bounds.packed else body
            values = (target, family, address, at, len(kept), kept)
            connection.execute(_INSERT[table], values)
            touched[table, target, family] = None
        for table, target, family in touched:
            rows = getattr(bounds, table)
            connection.execute(_TRIM[table], (target, family, target, family, rows))


def trim(connection: sqlite3.Connection, bounds: Bounds) -> None:
    """Keep within the bounds of all together: the oldest go. Raises `sqlite3.Error`."""
    with transaction(connection):
        for table, order in (("state", "at"), ("change", "id"), ("incident", "id")):
            surplus = _count(connection, f"SELECT count(*) FROM {table}") - bounds.rows
            if surplus > 0:
                _delete_oldest(connection, table, order, surplus)
        while _count(connection, "SELECT total(bytes) FROM incident") > bounds.incident_bytes:
            number = _count(connection, "SELECT count(*) FROM incident")
            _delete_oldest(connection, "incident", "id", number // 10 + 1)


def _count(connection: sqlite3.Connection, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])


def _delete_oldest(connection: sqlite3.Connection, table: str, order: str, number: int) -> None:
    threshold = f"SELECT {order} FROM {table} ORDER BY {order} LIMIT 1 OFFSET ?"
    connection.execute(f"DELETE FROM {table} WHERE {order} <= ({threshold})", (number - 1,))


def read_state(connection: sqlite3.Connection, key: PathKey) -> str | None:
    """The latest state saved under a key. Raises `sqlite3.Error`."""
    query = "SELECT body FROM state WHERE target = ? AND family = ? AND address = ?"
    row = connection.execute(query, (key.target, key.family.value, key.address)).fetchone()
    return None if row is None else _unpacked(row[0])


def read_rows(
    connection: sqlite3.Connection, table: str, target: str, family: Family, limit: int
) -> list[tuple[str, float, str]]:
    """(address, at, body) of the latest changes or incidents of a target, the newest first."""
    query = (
        f"SELECT address, at, body FROM {table}"
        " WHERE target = ? AND family = ? ORDER BY id DESC LIMIT ?"
    )
    found = connection.execute(query, (target, family.value, limit)).fetchall()
    return [(address, at, _unpacked(body)) for address, at, body in found]


def _unpacked(body: object) -> str:
    """The text of a body; an empty form for bytes that are none of ours."""
    if not isinstance(body, bytes):
        return str(body)
    try:
        return zlib.decompress(body).decode()
    except (zlib.error, UnicodeError):
        return "{}"
