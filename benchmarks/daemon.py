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

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        """Status and body of a request. Raises `OSError` or `HTTPException`."""
        connection = _UnixConnection(self._path)
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def lines(self, name: str) -> list[bytes]:
        """The lines of one metric without suffix, from a scrape of nothing else."""
        _, body = self.get(f"/metrics?name[]={name}")
        starts = (f"{name}{{".encode(), f"{name} ".encode())
        return [line for line in body.splitlines() if line.startswith(starts)]

    def samples(self, name: str) -> list[Sample]:
        """The samples of one metric, from a scrape of nothing else."""
        _, body = self.get(f"/metrics?name[]={name}")
        families = text_string_to_metric_families(body.decode())
        return [sample for family in families for sample in family.samples]

    def values(self, name: str) -> list[float]:
        """What the samples of one metric say; soon enough for hundreds of thousands."""
        return [float(line.rpartition(b" ")[2]) for line in self.lines(name)]

    def total(self, name: str) -> float:
        """The sum of all samples of one metric."""
        return sum(self.values(name))

    def histogram(self, name: str) -> dict[float, float]:
        """A histogram without labels: cumulative counts by upper bound."""
        return {
            float(sample.labels["le"]): sample.value
            for sample in self.samples(name)
            if "le" in sample.labels
        }

    def wait_until_ready(self) -> None:
        """Until it serves and says that it is set up."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            with suppress(OSError, http.client.HTTPException):
                if self.get("/-/ready")[0] == http.HTTPStatus.OK:
                    return
            self._must_run()
            time.sleep(_POLL_SECONDS)
        raise BenchmarkError(f"the daemon was not ready within {_PATIENCE:.0f} s")

    def wait_until_traced(self, fleet: Fleet, times: int = 2) -> None:
        """Until every target has been traced so often: after two its length is known."""
        patience = _PATIENCE + times * fleet.interval
        deadline = time.monotonic() + patience
        # Looking disturbs: less often where there is more to look through.
        pause = min(1.0, max(_POLL_SECONDS, fleet.targets / 5000))
        while time.monotonic() < deadline:
            with suppress(OSError, http.client.HTTPException):
                traces = self.values("ftr_traces_total")
                if len(traces) == fleet.targets and min(traces) >= times:
                    return
            self._must_run()
            time.sleep(pause)
        raise BenchmarkError(f"not all targets were traced {times} times within {patience:.0f} s")

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
    with started(lab, fleet, *instrument) as daemon:
        daemon.wait_until_traced(fleet)
        yield daemon


@contextmanager
def started(lab: Lab, fleet: Fleet, *instrument: str) -> Iterator[Daemon]:
    """The daemon from the moment when its process was made; otherwise as `running`."""
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
