"""The real daemon as a process without privilege in a lab, asked over a Unix socket."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from benchmarks.fleet import Fleet
from exporter.errors import FtrError
from tests.lab.lab import Lab

_PATIENCE = 60.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.05


class BenchmarkError(FtrError):
    """A benchmark could not be carried out."""


class Daemon:
    """A running daemon."""

    def __init__(self, process: subprocess.Popen[bytes], path: Path, log: Path) -> None:
        self.process = process
        self._path = path
        self._log = log

    def samples(self, name: str) -> list[Sample]:
        """The samples of one metric, from a scrape of nothing else."""
        connection = _UnixConnection(self._path)
        try:
            connection.request("GET", f"/metrics?name[]={name}")
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        families = text_string_to_metric_families(text)
        return [sample for family in families for sample in family.samples]

    def total(self, name: str) -> float:
        """The sum of all samples of one metric."""
        return sum(sample.value for sample in self.samples(name))

    def histogram(self, name: str) -> dict[float, float]:
        """A histogram without labels: cumulative counts by upper bound."""
        return {
            float(sample.labels["le"]): sample.value
            for sample in self.samples(name)
            if "le" in sample.labels
        }

    def wait_until_steady(self, targets: int) -> None:
        """Until every target has been traced twice: from then on its length is known."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            with suppress(OSError, http.client.HTTPException):
                traces = [sample.value for sample in self.samples("ftr_traces_total")]
                if len(traces) == targets and min(traces) >= 2:
                    return
            self._must_run()
            time.sleep(_POLL_SECONDS)
        raise BenchmarkError(f"not all targets were traced twice within {_PATIENCE:.0f} s")

    def wait_for_file(self, path: Path) -> None:
        """Until the daemon, or what it runs in, has written this file."""
        deadline = time.monotonic() + _PATIENCE
        while not path.exists():
            self._must_run()
            if time.monotonic() > deadline:
                raise BenchmarkError(f"{path.name} was not written within {_PATIENCE:.0f} s")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """End it in good order."""
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(_STOP_SECONDS) != 0:
            raise BenchmarkError(f"the daemon failed: {self._log.read_text()[-500:]}")

    def _must_run(self) -> None:
        if self.process.poll() is not None:
            raise BenchmarkError(f"the daemon ended: {self._log.read_text()[-500:]}")


@contextmanager
def running(lab: Lab, fleet: Fleet, *instrument: str) -> Iterator[Daemon]:
    """The daemon in its steady state; `instrument` is what `benchmarks.instrumented` shall note."""
    config, log, path = (lab.shared / name for name in ("config.yaml", "daemon.log", "web.sock"))
    config.write_text(fleet.configuration())
    path.unlink(missing_ok=True)
    module = ["benchmarks.instrumented", *instrument, "--"] if instrument else ["exporter"]
    flags = [f"--config.file={config}", f"--web.listen-address=unix:{path}"]
    with log.open("w") as output:
        process = lab.popen(
            [sys.executable, "-m", *module, *flags],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    daemon = Daemon(process, path, log)
    try:
        daemon.wait_until_steady(fleet.targets)
        yield daemon
        daemon.stop()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_PATIENCE)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket file instead of a port."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_PATIENCE)
        self.sock.connect(str(self._path))
