"""The inhibitions that `prometheus/README.md` advises, in a real Alertmanager."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.conftest import WHY_NO_LAB
from tests.test_rules import ROOT, alerts

AMTOOL = shutil.which("amtool")
ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
REMEDY = "no Alertmanager on this machine; install it (Debian: apt install prometheus-alertmanager)"
PATH = {"job": "ftr", "instance": "e", "target": "web", "family": "ipv4", "protocol": "icmp"}

pytestmark = [
    pytest.mark.skipif(AMTOOL is None or ALERTMANAGER is None, reason=REMEDY),
    pytest.mark.skipif(bool(WHY_NO_LAB), reason=WHY_NO_LAB),
]


def advised() -> str:
    """The block of the README."""
    text = (ROOT / "prometheus" / "README.md").read_text()
    (block,) = (
        block.partition("```")[0]
        for block in text.split("```yaml\n")
        if block.startswith("inhibit_rules:")
    )
    return block


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration with what is advised, and nobody who would be told."""
    path = tmp_path / "alertmanager.yml"
    path.write_text(f"route: {{receiver: nobody}}\nreceivers: [{{name: nobody}}]\n{advised()}")
    return path


def test_alertmanager_takes_it(config: Path) -> None:
    """Its own tool has no complaint, and every alert named exists."""
    done = subprocess.run(
        ["amtool", "check-config", config], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 inhibit rules" in done.stdout
    names = {alert["alertname"] for alert in _named(advised())}
    assert names <= {alert["alert"] for alert in alerts()}


def _named(block: str) -> Iterator[dict[str, str]]:
    for rule in yaml.safe_load(block)["inhibit_rules"]:
        for matcher in rule["source_matchers"] + rule["target_matchers"]:
            for name in matcher.partition("=")[2].strip(' ~"').split("|"):
                yield {"alertname": name}


@contextmanager
def alertmanager(config: Path) -> Iterator[str]:
    """A running Alertmanager; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = subprocess.Popen(
        [
            *(str(ALERTMANAGER), f"--config.file={config}", "--cluster.listen-address="),
            *(f"--web.listen-address={address}", f"--storage.path={config.parent / 'data'}"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(address)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            urllib.request.urlopen(f"http://{address}/-/ready", timeout=5).close()
        except urllib.error.URLError:
            assert time.monotonic() < deadline, "Alertmanager does not start"
            time.sleep(0.05)
        else:
            return


def send(address: str, labels: list[dict[str, str]]) -> None:
    """Let these alerts fire."""
    request = urllib.request.Request(
        f"http://{address}/api/v2/alerts",
        data=json.dumps([{"labels": each} for each in labels]).encode(),
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=10).close()


def silenced(address: str) -> set[str]:
    """The alerts that others silence, by name, target and family."""
    with urllib.request.urlopen(f"http://{address}/api/v2/alerts", timeout=10) as answer:
        found = json.load(answer)
    return {
        "{alertname} of {target}, {family}".format_map(each["labels"])
        for each in found
        if each["status"]["inhibitedBy"]
    }


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        ("FtrTargetUnreachable", {"FtrTargetLoss", "FtrPathLoss", "FtrRttFarFromWeek"}),
        ("FtrPathLoss", {"FtrTargetLoss"}),
        ("FtrAsPathChanged", {"FtrRouteChanged"}),
        ("FtrRouteFlapping", {"FtrRouteChanged", "FtrAsPathChanged"}),
    ],
)
def test_what_explains_another_alert_silences_it(
    config: Path, cause: str, expected: set[str]
) -> None:
    """Of the same target over the same family only, and nothing else: those of others are told."""
    names = sorted({cause, "FtrLocalErrors", *expected})
    here = [{**PATH, "alertname": name} for name in names]
    elsewhere = [
        *({**PATH, "alertname": name, "target": f"of {name}"} for name in expected),
        {**PATH, "alertname": min(expected), "family": "ipv6"},
    ]
    due = {f"{name} of web, ipv4" for name in expected}
    with alertmanager(config) as address:
        send(address, [*here, *elsewhere])
        deadline = time.monotonic() + 20
        while (told := silenced(address)) != due:
            assert time.monotonic() < deadline, told
            time.sleep(0.05)
