"""A real Prometheus in the lab, that scrapes every second, and what it answers."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.lab.lab import Lab

SCRAPE = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: ftr
    static_configs: [{{targets: {addresses}}}]
{more}
"""
WEB = "http://127.0.0.1:9090"


@contextmanager
def prometheus(lab: Lab, *addresses: str, more: str = "", scrape: str = SCRAPE) -> Iterator[None]:
    """Prometheus, scraping these addresses every second; `more` are lines of the job.

    Another configuration than `SCRAPE` may name the first as `address`.
    """
    config = lab.shared / "prometheus.yml"
    config.write_text(
        scrape.format(address=addresses[0], addresses=json.dumps(addresses), more=more)
    )
    process = lab.popen(
        [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={lab.shared / 'tsdb'}",
            "--web.listen-address=127.0.0.1:9090",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def query(expression: str, at: float | None = None) -> list[dict[str, Any]]:
    """The instant vector of an expression; empty while Prometheus is not up yet."""
    moment = {} if at is None else {"time": at}
    try:
        found: list[dict[str, Any]] = _ask("query", query=expression, **moment)
    except urllib.error.URLError:
        return []
    return found


def query_range(expression: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
    """The range vector of an expression, times in Unix seconds."""
    found: list[dict[str, Any]] = _ask(
        "query_range", query=expression, start=start, end=end, step=step
    )
    return found


def label_values(metric: str, label: str) -> list[str]:
    """What Grafana's `label_values(metric, label)` offers."""
    found: list[str] = _ask(f"label/{label}/values", **{"match[]": metric})
    return found


def until(expression: str, count: int, seconds: float = 30) -> list[dict[str, Any]]:
    """Ask until the answer has so many series."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if len(found := query(expression)) == count:
            return found
        time.sleep(0.2)
    raise AssertionError(f"{expression}: {query(expression)}")


def _ask(what: str, **parameters: str | float) -> Any:
    url = f"{WEB}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            data = json.load(answer)["data"]
    except urllib.error.HTTPError as error:
        if error.code in (400, 422):
            raise AssertionError(f"{parameters}: {error.read().decode()}") from error
        raise
    return data["result"] if isinstance(data, dict) else data
