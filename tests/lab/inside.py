"""The part of the demonstration that lives in the namespace: lab, name server, daemon, changes.

Prints one line when the daemon answers; ends at the end of its standard input, or with the daemon.
"""

from __future__ import annotations

import itertools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from exporter.errors import FtrError
from tests.lab import namespace
from tests.lab.lab import Lab
from tests.lab.world import World
from tests.lab.zone import world_zone

DNS_PORT = 10053
CHANGE_EVERY = 60.0
PATIENCE = 30.0
FROM_HOME = ["router", "bng", "agg", "border"]
#: Each target's two ways; every change moves one target to its other way.
ROUTES: dict[str, tuple[list[Any], list[Any]]] = {
    "storage": (
        [*FROM_HOME, "a-edge", ["a-ams-1", "a-ams-2"], "a-lon", "a-nyc", "c-edge", "c-fab-2"],
        [*FROM_HOME, "b-edge", "b-par", "b-nyc", "c-edge", [["c-fab-1", "c-fab-3"], ["c-fab-2"]]],
    ),
    "cdn-edge": ([*FROM_HOME, "b-edge", "b-par", "cdn"], [*FROM_HOME, "cdn"]),
    "tokyo": (
        [*FROM_HOME, "b-edge", "b-par", "b-tyo"],
        [*FROM_HOME, "a-edge", "a-lon", "a-nyc", "b-tyo"],
    ),
}


class DemoError(FtrError):
    """A part of the demonstration did not come up."""


def configuration(world: World) -> dict[str, object]:
    """What the daemon is told to trace: every target, both families where it has both."""
    return {
        "defaults": {"interval": "5s", "timeout": "1s", "flows": 8},
        "targets": [
            {
                "host": target.node.hostname,
                "name": target.name,
                "family": "both" if target.node.addresses.ipv6 else "ipv4",
            }
            for target in world.targets.values()
        ],
        "resolver": {"nameservers": ["127.0.0.1"], "port": DNS_PORT},
        "enrichment": {"rdns": True, "asn": {"source": "cymru"}},
    }


def changes() -> Iterator[tuple[str, list[Any]]]:
    """For ever: whose path changes next, and to what."""
    for way in itertools.cycle((0, 1)):
        for name, ways in ROUTES.items():
            yield name, ways[way]


def run(path: Path) -> int:
    """Play until standard input ends; `path` is the daemon's Unix socket."""
    shared = path.parent
    shared.mkdir(exist_ok=True)
    shared.chmod(0o777)
    with Lab("demo") as lab:
        zone = shared / "zone.json"
        zone.write_text(json.dumps(world_zone(lab.world)))
        config = shared / "config.yaml"
        config.write_text(yaml.safe_dump(configuration(lab.world), sort_keys=False))
        _start_name_server(lab, zone)
        daemon = lab.popen(
            [
                *(sys.executable, "-m", "exporter", f"--config.file={config}"),
                f"--web.listen-address=unix:{path}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
        )
        _wait_for(path, daemon)
        print("ready", flush=True)
        return _play(lab, daemon)


def _start_name_server(lab: Lab, zone: Path) -> None:
    server = lab.popen(
        [
            *(sys.executable, "-m", "tests.lab.dns", "--zone", str(zone)),
            *("--listen", "127.0.0.1", "--port", str(DNS_PORT)),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    if not server.stdout.readline():
        raise DemoError(f"the name server ended with status {server.wait()}")


def _wait_for(path: Path, daemon: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if daemon.poll() is not None:
            raise DemoError(f"the daemon ended with status {daemon.returncode}")
        with socket.socket(socket.AF_UNIX) as trial:
            if trial.connect_ex(str(path)) == 0:
                return
        time.sleep(0.05)
    raise DemoError(f"the daemon did not listen on {path} within {PATIENCE:.0f} s")


def _play(lab: Lab, daemon: subprocess.Popen[bytes]) -> int:
    """Change a route every minute; ends with standard input (0), or with the daemon (1)."""
    ended = os.pidfd_open(daemon.pid)
    for name, way in changes():
        ready, _, _ = select.select([sys.stdin, ended], [], [], CHANGE_EVERY)
        if ended in ready:
            print(f"the daemon ended with status {daemon.wait()}", file=sys.stderr)
            return 1
        if ready:
            break
        lab.set_target(name, path=way)
    daemon.send_signal(signal.SIGTERM)
    daemon.wait(timeout=10)
    return 0


def main() -> int:
    """Enter the namespace and run."""
    try:
        namespace.enter()
        return run(Path(sys.argv[1]))
    except (FtrError, OSError, subprocess.TimeoutExpired) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
