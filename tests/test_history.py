"""What is kept of paths across restarts, and how much of it."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from exporter.history.database import IN_MEMORY, Bounds, PathKey
from exporter.history.recorder import History
from exporter.model import Family
from tests.keeping import CONTENT, KEY, OTHER, content, fill, fill_and_read, with_history


def test_in_memory() -> None:
    """Without a path everything works, until the process ends."""
    assert with_history(None, fill_and_read) == CONTENT


def test_in_memory_in_a_storm() -> None:
    """A thousand incidents within seconds: packed, and the oldest go before they are too many."""

    async def test(history: History) -> None:
        await fill_and_read(history)
        for number in range(40):
            for target in range(25):
                key = PathKey(f"target {number} {target}", Family.IPV4, "192.0.2.1")
                history.add_incident(key, float(number), "loss", {"text": "x" * 1000})
            newest = await history.incidents(f"target {number} 24", Family.IPV4)
            assert newest[0]["trace"] == {"text": "x" * 1000}
        assert not await history.incidents("target 0 0", Family.IPV4)
        assert (await content(history))[:2] == CONTENT[:2]

    assert with_history(None, fill_and_read, bounds=IN_MEMORY) == CONTENT
    with_history(None, test, bounds=IN_MEMORY._replace(incident_bytes=30_000))


def test_survives_a_restart(tmp_path: Path) -> None:
    """What was written last is there again; a directory is made where there is none."""
    path = tmp_path / "made" / "history.db"
    assert with_history(path, fill_and_read) == CONTENT
    assert with_history(path, content) == CONTENT
    assert not path.with_name("history.db-wal").exists(), "closing leaves one file"


def test_waiting_writes_are_not_lost_by_closing(tmp_path: Path) -> None:
    """Nothing was asked after writing, so that all still waited when it was closed."""
    with_history(tmp_path / "history.db", fill)
    assert with_history(tmp_path / "history.db", content) == CONTENT


def test_nothing_is_invented(tmp_path: Path) -> None:
    """An unknown key has no state, another family no changes."""

    async def test(history: History) -> tuple[object, ...]:
        await fill(history)
        return await history.state(OTHER), await history.changes("example", Family.IPV6)

    assert with_history(tmp_path / "history.db", test) == (None, [])


def test_bounds(tmp_path: Path) -> None:
    """Of each target the newest are kept; what is too large is not."""
    bounds = Bounds(state=2, change=3, incident=4, body_bytes=100)

    async def test(history: History) -> None:
        for number in range(10):
            key = PathKey("example", Family.IPV4, f"192.0.2.{number}")
            history.save(key, f"state {number}")
            await history.state(key)
            history.add_change(key, float(number), {"number": number})
            history.add_incident(key, float(number), "loss", {"number": number})
        history.save(KEY, "x" * 101)
        changes = await history.changes("example", Family.IPV4)
        assert [each["number"] for each in changes] == [9, 8, 7]
        incidents = await history.incidents("example", Family.IPV4)
        assert len(incidents) == 4
        assert await history.state(PathKey("example", Family.IPV4, "192.0.2.8")) == "state 8"
        assert await history.state(PathKey("example", Family.IPV4, "192.0.2.7")) is None
        assert await history.state(KEY) is None
        assert history.errors == 1

    with_history(tmp_path / "history.db", test, bounds=bounds)


def test_bounds_of_all_together(tmp_path: Path) -> None:
    """Thousands of targets came and went: at the next start the oldest rows go."""
    path = tmp_path / "history.db"

    async def many(history: History) -> None:
        for number in range(300):
            key = PathKey(f"target {number}", Family.IPV4, "192.0.2.1")
            history.save(key, "state")
            history.add_change(key, float(number), {})
            history.add_incident(key, float(number), "loss", {"text": "x" * 100})

    async def nothing(_history: History) -> None:
        pass

    with_history(path, many)
    with_history(path, nothing, bounds=Bounds(rows=200, incident_bytes=10_000))
    with sqlite3.connect(path) as file:
        counts = [
            file.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("state", "change", "incident")
        ]
        kept = file.execute("SELECT total(bytes), max(at) FROM incident").fetchone()
    file.close()
    assert counts[1] == 200
    assert 0 < counts[0] <= 200
    assert 0 < counts[2] < 100
    assert kept[0] <= 10_000
    assert kept[1] == 299.0


def test_more_waits_than_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is slower than the news: the oldest are dropped and counted."""
    monkeypatch.setattr("exporter.history.recorder._WAITING", 5)

    async def test(history: History) -> None:
        with history._changed:  # the thread cannot take any
            for number in range(9):
                history.add_change(KEY, float(number), {"number": number})
        changes = await history.changes("example", Family.IPV4)
        assert [each["number"] for each in changes] == [8, 7, 6, 5, 4]
        assert history.errors == 4

    with_history(None, test)


def test_after_closing() -> None:
    """What comes too late is counted, and answered with nothing."""

    async def run() -> None:
        history = History(None)
        await history.close()
        history.save(KEY, "state")
        assert await history.state(KEY) is None
        assert await history.changes("example", Family.IPV4) == []
        assert history.errors == 1
        await history.close()

    asyncio.run(run())
