"""What is kept of paths across restarts, and what becomes of it where the disk is no help."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from exporter.history import History
from exporter.historydb import APPLICATION_ID, Bounds, PathKey, connect
from exporter.model import Family
from tests.clock import until

Result = TypeVar("Result")

KEY = PathKey("example", Family.IPV4, "192.0.2.1")
OTHER = PathKey("example", Family.IPV6, "2001:db8::1")
ROOT = Path(__file__).parent.parent


def with_history(
    path: Path | None,
    test: Callable[[History], Awaitable[Result]],
    *,
    bounds: Bounds = Bounds(),  # noqa: B008 - immutable
    said: list[str] | None = None,
    retry: float = 30.0,
) -> Result:
    """Open a history, let a test use it, and close it."""

    async def run() -> Result:
        told = [] if said is None else said
        history = History(path, bounds=bounds, report=told.append, retry=retry)
        try:
            return await test(history)
        finally:
            await history.close()

    return asyncio.run(run())


async def fill(history: History) -> None:
    """Something of everything."""
    history.save(KEY, "old")
    history.save(KEY, "state")
    history.add_change(KEY, 1_769_860_800.0, {"words": "hop 2: x instead of b"})
    history.add_incident(KEY, 1_769_860_801.0, "loss", {"hops": []})


async def content(history: History) -> tuple[object, ...]:
    """All that is there under `KEY`."""
    return (
        await history.state(KEY),
        await history.changes("example", Family.IPV4),
        await history.incidents("example", Family.IPV4),
        history.degraded,
    )


CONTENT = (
    "state",
    [
        {
            "at": "2026-01-31T12:00:00.000Z",
            "address": "192.0.2.1",
            "words": "hop 2: x instead of b",
        }
    ],
    [
        {
            "at": "2026-01-31T12:00:01.000Z",
            "address": "192.0.2.1",
            "reason": "loss",
            "trace": {"hops": []},
        }
    ],
    None,
)


async def fill_and_read(history: History) -> tuple[object, ...]:
    """Write, and read it again at once."""
    await fill(history)
    return await content(history)


def test_in_memory() -> None:
    """Without a path everything works, until the process ends."""
    assert with_history(None, fill_and_read) == CONTENT


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
    monkeypatch.setattr("exporter.history._WAITING", 5)

    async def test(history: History) -> None:
        with history._changed:  # the thread cannot take any
            for number in range(9):
                history.add_change(KEY, float(number), {"number": number})
        changes = await history.changes("example", Family.IPV4)
        assert [each["number"] for each in changes] == [8, 7, 6, 5, 4]
        assert history.errors == 4

    with_history(None, test)


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


def test_readers_at_the_same_time(tmp_path: Path) -> None:
    """Other processes read the file all the time: neither side waits or fails."""
    path = tmp_path / "history.db"
    stop = threading.Event()
    counts: list[list[int]] = [[], []]
    errors: list[Exception] = []

    def read(seen: list[int]) -> None:
        file = sqlite3.connect(path, timeout=5.0)
        try:
            while not stop.is_set():
                seen.append(file.execute("SELECT count(*) FROM change").fetchone()[0])
        except sqlite3.Error as error:
            errors.append(error)
        finally:
            file.close()

    async def test(history: History) -> None:
        await history.state(KEY)
        readers = [threading.Thread(target=read, args=(seen,)) for seen in counts]
        for reader in readers:
            reader.start()
        for number in range(50):
            history.add_change(KEY, float(number), {})
            await history.changes("example", Family.IPV4, 1)
        stop.set()
        for reader in readers:
            reader.join()
        assert history.errors == 0

    with_history(path, test)
    assert not errors
    for seen in counts:
        assert seen
        assert seen == sorted(seen)


KILLED = """
import asyncio, sys
from pathlib import Path
from exporter.history import History
from exporter.historydb import PathKey
from exporter.model import Family

async def main():
    history = History(Path(sys.argv[1]))
    number = 0
    while True:
        number += 1
        key = PathKey("example", Family.IPV4, "192.0.2.1")
        history.save(key, str(number))
        history.add_change(key, float(number), {"number": number})
        await history.state(key)
        print(number, flush=True)

asyncio.run(main())
"""


def test_killed_between_writes(tmp_path: Path) -> None:
    """`kill -9` at any moment: what was said to be written is there, and nothing is corrupt."""
    path = tmp_path / "history.db"
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, cwd=ROOT
        )
        assert process.stdout is not None
        for _ in range(30):
            said = process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split()
        process.wait()
        process.stdout.close()
        last = int(rest[-1] if rest else said)

        async def test(history: History, last: int = last) -> None:
            state = await history.state(KEY)
            assert state is not None
            assert int(state) >= last
            changes = await history.changes("example", Family.IPV4)
            assert changes[0]["number"] == int(state), "one transaction has both"
            assert history.degraded is None
            assert history.errors == 0

        with_history(path, test)


FULL = """
import asyncio, sys
from pathlib import Path
from exporter.history import History
from exporter.historydb import PathKey
from exporter.model import Family

if len(sys.argv) > 2:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)

async def main():
    said = []
    path = Path(sys.argv[1])
    filler = path.with_name("filler")
    history = History(path, report=said.append, retry=0.1)
    key = PathKey("example", Family.IPV4, "192.0.2.1")
    number = 0
    while history.degraded is None:
        number += 1
        assert number < 2000, "never full"
        history.save(key, str(number))
        history.add_change(key, float(number), {"number": number, "text": "x" * 20000})
        assert await history.state(key) == str(number)
    changes = await history.changes("example", Family.IPV4, 3)
    assert [each["number"] for each in changes] == [number, number - 1, number - 2], changes
    assert "memory" in said[0], said
    assert history.errors >= 1
    print(history.degraded)
    if filler.exists():
        filler.unlink()
        while history.degraded:
            await asyncio.sleep(0.05)
        assert "works again" in said[-1], said
        assert await history.state(key) == str(number)
    await history.close()

asyncio.run(main())
"""


def test_full_disk(tmp_path: Path) -> None:
    """A file system fills up: memory takes over and loses nothing; space comes back, so does it."""
    script = (
        f"mount -t tmpfs -o size=1m none {tmp_path} && head -c 600000 /dev/zero > {tmp_path}/filler"
        f' && exec {sys.executable} -c "$0" {tmp_path}/history.db'
    )
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", script, FULL]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    if "unshare" in done.stderr:
        pytest.skip(f"no mount namespace for this user: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert "full" in done.stdout


def test_file_too_large(tmp_path: Path) -> None:
    """A limit on the size of files (`ulimit -f`) is reached."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "history.db"), "400000"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_read_only_file_system(tmp_path: Path) -> None:
    """What the file holds is known; what comes is kept in memory; the file stays as it was."""
    path = tmp_path / "history.db"
    with_history(path, fill)
    before = path.read_bytes()
    script = (
        f"mount --bind {tmp_path} {tmp_path} && mount -o remount,bind,ro {tmp_path}"
        f' && exec {sys.executable} -c "$0" {path}'
    )
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", script, READ_ONLY]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    if "unshare" in done.stderr:
        pytest.skip(f"no mount namespace for this user: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert path.read_bytes() == before


READ_ONLY = """
import asyncio, sys
from pathlib import Path
from exporter.history import History
from exporter.historydb import PathKey
from exporter.model import Family

async def main():
    history = History(Path(sys.argv[1]))
    key = PathKey("example", Family.IPV4, "192.0.2.1")
    assert await history.state(key) == "state"
    history.save(key, "newer")
    assert await history.state(key) == "newer"
    assert len(await history.changes("example", Family.IPV4)) == 1
    assert history.degraded, "nobody noticed"
    await history.close()

asyncio.run(main())
"""


def test_disk_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk answers nothing any more: closing takes its two seconds, and the loop goes on."""
    monkeypatch.setattr("exporter.history._CLOSE_SECONDS", 0.2)
    monkeypatch.setattr("exporter.history._ANSWER_SECONDS", 0.1)
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


def test_a_name_that_no_file_can_hold(tmp_path: Path) -> None:
    """Half a surrogate pair as a name costs that entry, not the store."""

    async def test(history: History) -> tuple[object, ...]:
        history.save(PathKey("\ud800", Family.IPV4, "192.0.2.1"), "state")
        await history.state(KEY)
        assert history.errors == 1
        return await fill_and_read(history)

    assert with_history(tmp_path / "history.db", test) == CONTENT
