"""Full and read-only disks, killed processes, readers: each in processes of its own."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from exporter.history.recorder import History
from exporter.model import Family
from tests.keeping import KEY, ROOT, fill, with_history


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
from exporter.history.recorder import History
from exporter.history.database import PathKey
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
from exporter.history.recorder import History
from exporter.history.database import PathKey
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


READ_ONLY = """
import asyncio, sys
from pathlib import Path
from exporter.history.recorder import History
from exporter.history.database import PathKey
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
