"""The daemon as its users run it: a process without privilege in a lab, driven over HTTP."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.lab.lab import Lab

Labels = frozenset[tuple[str, str]]


class Scrape:
    """The samples of one scrape, by name and labels."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.samples: dict[str, dict[Labels, float]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = frozenset(sample.labels.items())
                self.samples.setdefault(sample.name, {})[labels] = sample.value

    def all(self, name: str, **labels: str) -> dict[Labels, float]:
        """Samples of this name that have these labels."""
        wanted = set(labels.items())
        return {key: v for key, v in self.samples.get(name, {}).items() if wanted <= key}

    def value(self, name: str, **labels: str) -> float:
        """The one sample of this name that has these labels."""
        found = self.all(name, **labels)
        assert len(found) == 1, f"{name} {labels}: {len(found)} samples"
        return next(iter(found.values()))

    def labels(self, name: str, **labels: str) -> list[dict[str, str]]:
        """The label sets of samples of this name, ordered by hop."""
        found = [dict(key) for key in self.all(name, **labels)]
        return sorted(found, key=lambda each: int(each.get("hop", 0)))


class Daemon:
    """A running daemon. `log` holds its log so far, one object a line."""

    def __init__(self, process: subprocess.Popen[str], log_path: Path) -> None:
        self.process = process
        self._log_path = log_path
        self.address = self._wait_for_address()

    @property
    def log(self) -> list[dict[str, Any]]:
        """All complete log lines."""
        lines = self._log_path.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def get(self, path: str, **headers: str) -> str:
        """Body of a GET request; raises on any status but 200."""
        request = urllib.request.Request(f"http://{self.address}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            body: bytes = answer.read()
        return body.decode()

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
        """Status and body of a request, whatever the status."""
        url = f"http://{self.address}{path}"
        request = urllib.request.Request(url, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def configure(self, text: str) -> None:
        """Write another configuration file; nobody is told."""
        (self._log_path.parent / "config.yaml").write_text(text)

    def scrape(self) -> Scrape:
        """What Prometheus would get now."""
        return Scrape(self.get("/metrics"))

    def api(self, target: str) -> Any:
        """The JSON of one target."""
        return json.loads(self.get(f"/api/v1/targets/{target}"))

    def until(self, condition: Callable[[Scrape], bool], seconds: float = 30) -> Scrape:
        """Scrape until a condition holds; fails after so many seconds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"the daemon ended: {self.log[-3:]}"
            scrape = self.scrape()
            if condition(scrape):
                return scrape
            time.sleep(0.1)
        raise AssertionError(f"not so within {seconds} s; last log lines: {self.log[-3:]}")

    def until_traced(self, cycles: int, *targets: str, seconds: float = 30) -> Scrape:
        """Wait until each of these targets has so many cycles behind it."""
        return self.until(
            lambda scrape: all(
                sum(scrape.all("ftr_traces_total", target=target).values()) >= cycles
                for target in targets
            ),
            seconds,
        )

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Stop it; gives the seconds that took. Fails where it does not end well."""
        started = time.monotonic()
        self.process.send_signal(number)
        assert self.process.wait(10) == 0
        return time.monotonic() - started

    def _wait_for_address(self) -> str:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the daemon did not start: {self._log_path.read_text()}")
            for line in self.log:
                if line["event"] == "server.listening":
                    return str(line["addresses"][0])
            time.sleep(0.02)
        raise AssertionError("the daemon does not listen")


@contextmanager
def running(
    lab: Lab, config: str, *flags: str, place: str = "", under: tuple[str, ...] = ()
) -> Iterator[Daemon]:
    """Start the daemon in a lab with this configuration; it is gone at the end.

    Its files are in `place`, a directory below `lab.shared`: for a second daemon. `under` is a
    command in front of its own, as `prlimit`.
    """
    directory = lab.shared / place
    directory.mkdir(exist_ok=True)
    (directory / "config.yaml").write_text(config)
    log_path = directory / "daemon.log"
    with log_path.open("w") as log:
        process = lab.popen(
            [
                *(*under, sys.executable, "-m", "exporter"),
                f"--config.file={directory / 'config.yaml'}",
                "--web.listen-address=127.0.0.1:0",
                "--log.format=json",
                *flags,
            ],
            stderr=log,
            stdout=subprocess.DEVNULL,
            text=True,
        )
    try:
        yield Daemon(process, log_path)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(10)
