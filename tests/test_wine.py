"""A real Windows CPython under Wine in the lab: the backend, the commands and the daemon.

It shows structures, calls, concurrency and status codes of Windows' functions, not its timing, its
firewall or IPv6, which Wine does not have.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exporter.model import Family
from tests.conftest import LabFactory
from tests.daemon import Daemon
from tests.lab.remote import offer
from tests.probing import DARK, ROUTERS, WEB
from tests.test_daemon import names
from tests.wine.machine import Machine, machine
from tests.wine.recipe import CannotMake

CONTRACT = (
    "test_many_probes_in_flight_are_all_answered",
    "test_sends_while_answers_pour_in",
    "test_answer_of_an_earlier_trace_is_known_as_such",
    "test_two_sockets_to_one_destination_keep_apart",
)
"""Of the contract's tests those that need no MPLS labels, no word of duplicates, and no probe that
has left this host when `send` returns."""


@pytest.fixture(scope="module")
def windows() -> Iterator[Machine]:
    """A Windows with Python; skips where this machine cannot have one."""
    if os.geteuid() != 0:
        pytest.skip("Wine loses time exceeded unless it may open raw sockets: run as root")
    try:
        with machine() as made:
            yield made
    except CannotMake as error:
        pytest.skip(str(error))


def test_backend_does_what_the_contract_says(windows: Machine, lab_factory: LabFactory) -> None:
    """The tests of the contract, and those of the calls, pass in Windows against this lab."""
    chosen = [f"tests/test_socket_contract.py::{name}[windows-icmp-ipv4]" for name in CONTRACT]
    with offer(lab_factory) as environment:
        done = windows.run(
            *("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/wine/calls.py", *chosen),
            more=environment,
            timeout=150,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed, (\d+) skipped", done.stdout)
    assert passed, done.stdout
    assert passed[2] == "1", done.stdout
    assert "windows-icmp: Windows gives no handle for ICMP over ipv6" in done.stdout


def test_commands(windows: Machine, lab_factory: LabFactory, tmp_path: Path) -> None:
    """`sockets` names the one way, `check` reads a file, `trace` follows the path."""
    lab_factory("small")
    (tmp_path / "config.yaml").write_text(configuration(53))
    survey = windows.run("-m", "exporter", "sockets")
    assert survey.returncode == 0, survey.stderr
    rows = [line.split(maxsplit=4) for line in survey.stdout.splitlines()[1:]]
    assert [row[:4] for row in rows] == [
        ["windows-icmp", "icmp", "ipv4", "yes"],
        ["windows-icmp", "icmp", "ipv6", "no"],
    ]
    checked = windows.run("-m", "exporter", "check", str(tmp_path / "config.yaml"))
    assert checked.returncode == 0, checked.stderr
    assert "targets   2 (protocol auto 2; family ipv4 2)" in checked.stdout
    traced = windows.run("-m", "exporter", "trace", "-n", "-q", "2", "--json", WEB[Family.IPV4])
    assert traced.returncode == 0, traced.stderr
    trace = json.loads(traced.stdout)
    addresses = [[each["address"] for each in hop["responders"]] for hop in trace["hops"]]
    assert addresses == [[router] for router in (*ROUTERS[Family.IPV4], WEB[Family.IPV4])]
    assert (trace["backend"], trace["reached"]) == ("windows-icmp", True)
    unknown = windows.run("-m", "exporter", "trace", "www.example.net")
    assert unknown.returncode == 2
    assert "cannot use the registry" in unknown.stdout + unknown.stderr


def test_options_that_windows_cannot_honour(windows: Machine, tmp_path: Path) -> None:
    """`check` refuses what Windows would ignore, and says why."""
    file = tmp_path / "config.yaml"
    file.write_text("targets: [{host: 192.0.2.1, dscp: 46, mtu: true, protocol: icmp}]\n")
    done = windows.run("-m", "exporter", "check", str(file))
    assert done.returncode == 1
    assert "Windows ignores the type of service" in done.stdout + done.stderr
    assert "Windows tells no MTU" in done.stdout + done.stderr


CONFIG = """
defaults: {{interval: 1s, timeout: 500ms, family: ipv4}}
resolver: {{nameservers: [127.0.0.1], port: {port}}}
targets:
  - {{host: www.example.net, name: web}}
  - {{host: {dark}, name: dark}}
"""


def configuration(port: int) -> str:
    """What the daemon shall do, with the name server on this port."""
    return CONFIG.format(port=port, dark=DARK[Family.IPV4])


@contextmanager
def running(windows: Machine, directory: Path, config: str) -> Iterator[Daemon]:
    """The daemon in Windows; `cat` stands between it and its log, since Wine wants a pipe."""
    (directory / "config.yaml").write_text(config)
    log_path = directory / "daemon.log"
    with log_path.open("w") as log:
        relay = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=log)
    assert relay.stdin
    process = windows.popen(
        *("-m", "exporter", f"--config.file={directory / 'config.yaml'}"),
        *("--web.listen-address=127.0.0.1:0", "--log.format=json"),
        f"--storage.path={directory / 'history.sqlite'}",
        output=relay.stdin,
    )
    relay.stdin.close()
    try:
        yield Daemon(process, log_path)  # type: ignore[arg-type] # its streams are not used
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)
        relay.wait(10)


def test_daemon_starts_is_scraped_and_stops(
    windows: Machine, lab_factory: LabFactory, tmp_path: Path
) -> None:
    """Two targets are traced again and again, one of them silent; Linux scrapes what Windows saw,
    names and origins by DNS included. Ctrl-C ends the daemon, and it starts again on its file."""
    lab = lab_factory("small")
    for cycles in (3, 1):
        with names(lab) as port, running(windows, tmp_path, configuration(port)) as daemon:
            daemon.until_traced(cycles, "web", "dark")
            scrape = daemon.until(
                lambda s: bool(s.all("ftr_hop_info", hop="4", as_name="EXAMPLE-HOSTING"))
            )
            (known,) = scrape.labels("ftr_hop_info", target="web", hop="2")
            assert (known["hostname"], known["asn"]) == ("core1.transit.example", "64501")
            assert scrape.value("ftr_target_reached", target="web") == 1
            assert scrape.value("ftr_target_reached", target="dark") == 0
            assert scrape.labels("ftr_target_info")[0]["backend"] == "windows-icmp"
            hops = scrape.labels("ftr_hop_rtt_seconds", target="web")
            assert [hop["address"] for hop in hops] == [*ROUTERS[Family.IPV4], WEB[Family.IPV4]]
            assert not any(scrape.all("ftr_errors_total").values())
            assert daemon.get("/-/ready") == "Ready\n"
            assert daemon.stop(signal.SIGINT) < 5
            assert daemon.log[-1]["event"] == "daemon.stopped"
    assert (tmp_path / "history.sqlite").stat().st_size > 0
