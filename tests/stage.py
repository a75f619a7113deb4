"""Where scenarios play: a lab, the daemon in it without privilege, a name server, and what happens.

A scenario (`tests/scenarios.py`) says what happens after which scrape; each thing that may happen
is a function here that gives an `Event`.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from tests.daemon import Scrape
from tests.lab.lab import Lab
from tests.lab.zone import world_zone

WORLD = "alerts"
JOB, INSTANCE = "ftr", "ftr.example:10334"
ADDRESS = "127.0.0.1:10334"
DNS_PORT = 10053
LIST_PORT = 10080
LIST = f"http://127.0.0.1:{LIST_PORT}/targets.json"
HOSTS = {"web": "192.0.2.1", "mail": "192.0.2.2", "shop": "192.0.2.3", "files": "192.0.2.4"}

Config = dict[str, Any]


class Stage:
    """The daemon and all around it; `close` ends what the lab would not."""

    def __init__(self, lab: Lab, config: Config, *, keeps_history: bool = True) -> None:
        self.lab = lab
        self.config = config
        self._path = lab.shared / "config.yaml"
        self._web = lab.shared / "web.yml"
        self._web.write_text("{}")
        self._flags = [f"--web.config.file={self._web}"]
        if keeps_history:
            self._flags.append(f"--storage.path={lab.shared / 'history.db'}")
        self._daemon: subprocess.Popen[Any] | None = None
        self._names: subprocess.Popen[Any] | None = None
        self._lists: subprocess.Popen[Any] | None = None

    def start_names(self) -> None:
        """Start a name server that knows the world; returns when it serves."""
        zone = self.lab.shared / "zone.json"
        zone.write_text(json.dumps(world_zone(self.lab.world)))
        self._names = self.lab.popen(
            [
                *(sys.executable, "-m", "tests.lab.dns", "--zone", str(zone)),
                *("--listen", "127.0.0.1", "--port", str(DNS_PORT)),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._names.stdout is not None
        assert self._names.stdout.readline(), "the name server did not start"

    def stop_names(self) -> None:
        """End the name server."""
        _end(self._names)

    def start_lists(self) -> None:
        """Start a web server that lists the target `mail` at `LIST`, without waiting for it."""
        lists = self.lab.shared / "lists"
        lists.mkdir(exist_ok=True)
        listed = [{"targets": [HOSTS["mail"]], "labels": {"__name": "mail"}}]
        (lists / "targets.json").write_text(json.dumps(listed))
        self._lists = self.lab.popen(
            [
                *(sys.executable, "-m", "http.server", "--bind", "127.0.0.1"),
                *("--directory", str(lists), str(LIST_PORT)),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop_lists(self) -> None:
        """End the web server that lists targets."""
        _end(self._lists)

    def spoil_web(self) -> None:
        """Somebody breaks the web configuration, which is looked at with each request."""
        self._web.write_text("basic_auth_users: {prometheus: secret}\n")

    def mend_web(self) -> None:
        """It is as it was."""
        self._web.write_text("{}")

    def spoil(self) -> None:
        """Somebody breaks the configuration, and has it reloaded."""
        self._path.write_text(yaml.safe_dump({**self.config, "tragets": []}))
        self.signal(signal.SIGHUP)

    def mend(self) -> None:
        """It is as it was, and reloaded."""
        self._path.write_text(yaml.safe_dump(self.config))
        self.signal(signal.SIGHUP)

    def start(self) -> None:
        """Start the daemon, without waiting for it."""
        self._path.write_text(yaml.safe_dump(self.config))
        with (self.lab.shared / "daemon.log").open("a") as log:
            self._daemon = self.lab.popen(
                [
                    *(sys.executable, "-m", "exporter", f"--config.file={self._path}"),
                    *(f"--web.listen-address={ADDRESS}", *self._flags),
                ],
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        """End the daemon as systemd would."""
        _end(self._daemon)

    def signal(self, number: signal.Signals) -> None:
        """Send the daemon a signal."""
        assert self._daemon is not None
        self._daemon.send_signal(number)

    def scrape(self, timeout: float) -> Scrape | None:
        """What Prometheus would get; None where it gets nothing within `timeout` seconds."""
        try:
            with urllib.request.urlopen(f"http://{ADDRESS}/metrics", timeout=timeout) as answer:
                return Scrape(answer.read().decode())
        except (urllib.error.URLError, OSError):
            return None

    def close(self) -> None:
        """End everything."""
        if self._daemon is not None and self._daemon.poll() is None:
            self.signal(signal.SIGCONT)
        _end(self._daemon)
        _end(self._names)
        _end(self._lists)


def _end(process: subprocess.Popen[Any] | None) -> None:
    if process is not None and process.poll() is None:
        process.terminate()
        process.wait(10)
    if process is not None and process.stdout is not None:
        process.stdout.close()


Event = Callable[[Stage], None]


def hop(name: str, **keys: object) -> Event:
    """A hop behaves differently from now on."""
    return lambda stage: stage.lab.set_hop(name, **keys)


def target(name: str, **keys: object) -> Event:
    """A target, or the way there, is different from now on."""
    return lambda stage: stage.lab.set_target(name, **keys)


def permit(allowed: bool) -> Event:
    """ICMP datagram sockets are permitted from now on, or forbidden."""
    return lambda stage: stage.lab.allow_ping_sockets(allowed)


def send(number: signal.Signals) -> Event:
    """The daemon gets a signal."""
    return lambda stage: stage.signal(number)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a network does while it is recorded.

    Each of `targets` has its keys of the configuration. `events` happen right after the scrape of
    their number. `seconds` are from one scrape to the next, and the interval of every target;
    each scrape stands for `minutes` of the replay, and each minute of it rules are evaluated, or
    all `evaluated` minutes. Of the metrics that rules use, those are kept that match `keeps`: by
    itself all but those of the group ftr-hops, which no alert needs. With `lists` the daemon asks
    for targets at `LIST`.
    """

    says: str
    targets: Mapping[str, Mapping[str, Any]]
    scrapes: int
    events: Mapping[int, tuple[Event, ...]] = field(default_factory=dict)
    seconds: float = 1.0
    minutes: int = 1
    evaluated: int = 1
    keeps: str = r"^ftr_(?!hop_(repl|probes))"
    origins: bool = False
    limits: Mapping[str, float] = field(default_factory=dict)
    lists: bool = False
    ping_sockets: bool = True
    keeps_history: bool = True

    def config(self) -> Config:
        """What the daemon is told."""
        return {
            "defaults": {"interval": self.seconds, "timeout": 0.3},
            "targets": [
                {"name": name, "host": HOSTS[name], **keys} for name, keys in self.targets.items()
            ],
            "target_urls": [{"url": LIST, "refresh_interval": self.seconds}] if self.lists else [],
            "resolver": {"nameservers": ["127.0.0.1"], "port": DNS_PORT, "timeout": 0.2},
            "enrichment": {
                "rdns": self.origins,
                "asn": {"source": "cymru" if self.origins else "none"},
            },
            "limits": dict(self.limits),
        }
