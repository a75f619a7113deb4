"""Descriptors run out: strangers cannot bring that about, and where it happens it is no loss."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.conftest import LabFactory
from tests.daemon import Daemon, Scrape, running
from tests.faults import (
    PROTOCOLS,
    Stock,
    all_reached,
    back_to,
    changes,
    complaints,
    further,
    lost,
    scrape_seconds,
    web,
)

LIMIT = 400
BACKLOG = 128
WEB = web("500ms", "300ms")


def limited(descriptors: int) -> tuple[str, ...]:
    """The command that starts another with so many descriptors at most, or limits a process."""
    return ("prlimit", f"--nofile={descriptors}:{descriptors}")


@contextmanager
def hoarders(daemon: Daemon, count: int) -> Iterator[None]:
    """So many connections that ask nothing."""
    host, port = daemon.address.split(":")
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(socket.create_connection((host, int(port)), 10))
        yield


def errors(scrape: Scrape, target: str) -> dict[str, float]:
    """What failed locally for a target, by reason."""
    found = scrape.all("ftr_errors_total", target=target)
    return {dict(key)["reason"]: value for key, value in found.items() if value}


def test_strangers_cannot_take_the_descriptors_of_probes(lab_factory: LabFactory) -> None:
    """Twice as many connections as there are descriptors: probes and scrapes went on as ever."""
    lab = lab_factory("small")
    with running(lab, WEB, under=limited(LIMIT)) as daemon:
        stock = Stock.of(daemon, daemon.until_traced(3, *PROTOCOLS))
        with hoarders(daemon, 2 * LIMIT):
            assert scrape_seconds(daemon) < 5
            full = further(daemon, 4)
            # One more goes in while the one that has to go for it is still there.
            most = stock.descriptors + LIMIT // 2 + 1
            assert LIMIT // 2 < full.value("process_open_fds") <= most + len(PROTOCOLS)
        after = further(daemon, 2)
        assert (lost(after), changes(after)) == (0, 0)
        assert [errors(after, name) for name in PROTOCOLS] == [{}, {}, {}]
        assert all_reached(after)
        back_to(daemon, stock)
        assert not complaints(daemon)


def test_no_descriptor_is_an_error_and_no_loss(lab_factory: LabFactory) -> None:
    """So few were allowed while it ran that connections took the last: TCP, which needs one for

    each probe, told that as a local failure; ICMP and UDP went on with theirs; then all was well.
    """
    lab = lab_factory("small")
    with running(lab, WEB) as daemon:
        daemon.until(all_reached)
        stock = Stock.of(daemon, further(daemon, 3))
        few = int(stock.descriptors) + BACKLOG // 2
        assert lab.run([*limited(few), f"--pid={daemon.process.pid}"]).returncode == 0
        with hoarders(daemon, BACKLOG):
            time.sleep(4)
        daemon.until(all_reached)
        after = further(daemon, 3)
        assert (lost(after), changes(after)) == (0, 0)
        assert set(errors(after, "tcp")) <= {"socket", "send"}
        assert sum(errors(after, "tcp").values()) >= 2
        assert (errors(after, "icmp"), errors(after, "udp")) == ({}, {})
        assert after.value("ftr_target_reached", target="tcp") == 1
        assert errors(further(daemon, 2), "tcp") == errors(after, "tcp")
        back_to(daemon, stock)
        told = [line for line in daemon.log if line["event"] == "server.cannot_accept"]
        assert [line["error"] for line in told] == ["Too many open files"]
        assert "asyncio" not in {line["logger"] for line in daemon.log}
