"""SIGHUP in the first moments of a daemon: it reloads as soon as it can, and never ends of it.

Before Python runs our first line the kernel's default holds: nobody can help there.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

BLOCKED = 1 << signal.SIGHUP - 1


class Starting:
    """A daemon that starts, with its log so far."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    def count(self, event: str) -> int:
        """How often the log has an event."""
        lines = self._log.read_text().splitlines(keepends=True)
        return sum(json.loads(line)["event"] == event for line in lines if line.endswith("\n"))

    def hang_up(self) -> None:
        """Send SIGHUP; fails where the daemon has ended."""
        assert self.process.poll() is None, f"ended by {self.process.returncode}"
        self.process.send_signal(signal.SIGHUP)

    def holds_signals(self) -> bool:
        """Whether its first line has run."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (mask,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigBlk:"))
        return bool(int(mask, 16) & BLOCKED)


@contextmanager
def starting(directory: Path) -> Iterator[Starting]:
    """A daemon without targets, as early as it takes signals."""
    config, path = directory / "config.yaml", directory / "log"
    config.write_text("targets: []\n")
    command = [sys.executable, "-m", "exporter", f"--config.file={config}", "--log.format=json"]
    with path.open("w") as log:
        process = subprocess.Popen([*command, "--web.listen-address=127.0.0.1:0"], stderr=log)
    daemon = Starting(process, path)
    try:
        deadline = time.monotonic() + 20
        while not daemon.holds_signals():
            assert process.poll() is None, path.read_text()
            assert time.monotonic() < deadline, "signals are never held"
            time.sleep(0.001)
        assert daemon.count("daemon.starting") == 0, "too late to show anything"
        yield daemon
    finally:
        process.kill()
        process.wait(10)


def wait_for(daemon: Starting, event: str, times: int) -> None:
    """Until the log has an event so often."""
    deadline = time.monotonic() + 20
    while daemon.count(event) < times:
        assert daemon.process.poll() is None, f"ended by {daemon.process.returncode}"
        assert time.monotonic() < deadline, f"{event} is not there {times} times"
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into Linux' /proc")
def test_a_hangup_during_the_start_is_kept(tmp_path: Path) -> None:
    """One came before anything was read: the daemon starts, and reloads once it can."""
    with starting(tmp_path) as daemon:
        daemon.hang_up()
        wait_for(daemon, "config.in_use", 2)
        wait_for(daemon, "daemon.ready", 1)
        daemon.process.terminate()
        assert daemon.process.wait(10) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="looks into Linux' /proc")
def test_hangups_all_through_the_start_do_no_harm(tmp_path: Path) -> None:
    """They came without a pause until it was ready: it is, and stops as it should."""
    with starting(tmp_path) as daemon:
        sent, deadline = 0, time.monotonic() + 20
        while daemon.count("daemon.ready") == 0:
            assert time.monotonic() < deadline, f"not ready under {sent} hang-ups"
            for _ in range(20):
                daemon.hang_up()
                time.sleep(0.0005)
                sent += 1
        assert sent > 20
        daemon.process.terminate()
        assert daemon.process.wait(10) == 0
        assert daemon.count("daemon.stopped") == 1
