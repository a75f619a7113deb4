"""Memory runs out: the daemon serves on, or says so, ends, and is whole when started anew."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import LabFactory
from tests.daemon import Daemon, Scrape, running
from tests.faults import (
    PROTOCOLS,
    Stock,
    all_reached,
    back_to,
    changes,
    complaints,
    lost,
    web,
)
from tests.lab.lab import Lab

TARGETS = 30_000
MANY_TARGETS = 40
CLIENTS = 100
SHARES = CLIENTS * 3e6
"""What the hungry may have, in bytes."""
OPEN = ("--web.enable-lifecycle", "--web.enable-probe")
CHUNK = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
ENOUGH_BYTES = 2**30
HEADERS = b" HTTP/1.1\r\nHost: x\r\n"
ONE = b"GET /metrics" + HEADERS + b"\r\n"
REQUESTS = (
    ONE * 50,
    (b"GET /metrics" + HEADERS + b"Accept-Encoding: gzip\r\n\r\n") * 50,
    b"GET /probe?target=" + b"a" * 8000 + HEADERS + b"Transfer-Encoding: chunked\r\n\r\n",
    b"POST /-/reload" + HEADERS + b"Transfer-Encoding: chunked\r\n\r\n",
)


def listing(lab: Lab) -> str:
    """Three targets, and those of a file that is looked at every five seconds."""
    modules = "modules: {slow: {interval: 60s, protocol: icmp}}\n"
    return f"{web('500ms', '300ms')}{modules}target_files: ['{lab.shared}/*.json']\n"


def list_targets(lab: Lab, count: int, **labels: str) -> None:
    """Have so many more targets in the file, with these labels."""
    labels["__module"] = "slow"
    targets = [
        {"targets": ["192.0.2.1"], "labels": {"__name": f"t{number}", **labels}}
        for number in range(count)
    ]
    (lab.shared / "new").write_text(json.dumps(targets))
    (lab.shared / "new").rename(lab.shared / "targets.json")


def allowed(size: int) -> tuple[str, ...]:
    """The command that starts another with so many bytes of address space at most."""
    return ("prlimit", f"--as={size}:{size}")


def need(daemon: Daemon) -> int:
    """The most address space that it has had, in bytes."""
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmPeak:"))
    return int(line.split()[1]) * 1024


def assert_ended_for_want_of_memory(daemon: Daemon, lab: Lab) -> None:
    """It does so soon, as systemd can see, and says why.

    In code that is not ours, asyncio's own above all, the interpreter itself may break where a
    piece of memory is refused: then a signal ends the process, which systemd sees as well.
    """
    status = daemon.process.wait(90)
    if status in (-signal.SIGSEGV, -signal.SIGABRT):
        return
    assert status == 1
    # Python itself may have something to say as well, at the same time.
    last = (lab.shared / "daemon.log").read_text().splitlines()[-50:]
    assert [line for line in last if "out of memory" in line or "MemoryError" in line], last


@pytest.mark.parametrize("more", [20_000_000, 50_000_000])
def test_more_targets_than_memory(lab_factory: LabFactory, more: int) -> None:
    """A file listed more targets than `more` bytes have room for, while it was read or when they

    were traced: the daemon said so and ended; started anew with fewer it measured.
    """
    lab = lab_factory("small")
    list_targets(lab, 1)
    with running(lab, listing(lab)) as daemon:
        daemon.until_traced(3, *PROTOCOLS)
        least = need(daemon)
    with running(lab, listing(lab), under=allowed(least + more)) as daemon:
        daemon.until_traced(3, *PROTOCOLS)
        list_targets(lab, TARGETS)
        assert_ended_for_want_of_memory(daemon, lab)
    list_targets(lab, 1)
    with running(lab, listing(lab)) as daemon:
        after = daemon.until_traced(3, *PROTOCOLS)
        assert (lost(after), changes(after)) == (0, 0)
        assert all_reached(after)


@contextmanager
def hungry(daemon: Daemon) -> Iterator[list[socket.socket]]:
    """Clients that ask for everything again and again without reading, or that send without end."""
    host, port = daemon.address.split(":")
    with ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection((host, int(port)), 10))
            for _ in range(CLIENTS)
        ]
        for number, client in enumerate(clients):
            client.setblocking(False)
            client.send(REQUESTS[number % len(REQUESTS)])
        yield clients


def stuff(clients: Iterable[socket.socket]) -> int:
    """Send as much as they take; gives how many bytes that was."""
    sent = 0
    for client in clients:
        with suppress(BlockingIOError, ConnectionError):
            while sent < ENOUGH_BYTES:
                sent += client.send(CHUNK)
    return sent


def further_of(daemon: Daemon) -> Scrape:
    """Wait until each of the three targets that are traced often has six more cycles behind it."""
    before = daemon.scrape()
    counts = {name: sum(before.all("ftr_traces_total", target=name).values()) for name in PROTOCOLS}
    return daemon.until(
        lambda s: all(
            sum(s.all("ftr_traces_total", target=name).values()) >= count + 6
            for name, count in counts.items()
        )
    )


def wait_for_all(daemon: Daemon) -> None:
    """Wait until all targets have been traced."""
    daemon.until(lambda s: len(s.all("ftr_target_reached")) == MANY_TARGETS + 3, 90)


def test_hungry_clients_get_no_more_than_their_share(lab_factory: LabFactory) -> None:
    """A hundred clients wanted gigabytes, or sent megabytes without end: the daemon took less than

    three for each, served others, traced on, and had its memory back afterwards.
    """
    lab = lab_factory("small")
    list_targets(lab, MANY_TARGETS, note="x" * 1000)
    with running(lab, listing(lab), *OPEN) as daemon:
        wait_for_all(daemon)
        assert len(daemon.get("/metrics")) * len(REQUESTS[0]) / len(ONE) * CLIENTS / 4 > 2**30
        stock = Stock.of(daemon, further_of(daemon))
        with hungry(daemon) as clients:
            sent = 0
            for _ in range(20):
                sent += stuff(clients)
                scrape = daemon.scrape()
                assert scrape.value("process_resident_memory_bytes") < stock.memory + SHARES
                assert daemon.get("/-/healthy") == "Healthy\n"
            assert sent > SHARES
            during = further_of(daemon)
            assert (lost(during), changes(during)) == (0, 0)
        # Bodies are compressed by a pool of threads, which stay.
        back_to(daemon, replace(stock, threads=stock.threads + 6), growth=SHARES)
        after = further_of(daemon)
        assert (lost(after), changes(after)) == (0, 0)
        assert all_reached(after)
        assert not complaints(daemon)


def test_hungry_clients_where_there_is_nothing_left(lab_factory: LabFactory) -> None:
    """The same crowd, and next to no memory for it: the daemon served and traced on, or it said why

    not and ended. It was never alive without tracing.
    """
    lab = lab_factory("small")
    list_targets(lab, MANY_TARGETS, note="x" * 1000)
    with running(lab, listing(lab), *OPEN) as daemon:
        wait_for_all(daemon)
        least = need(daemon)
    with running(lab, listing(lab), *OPEN, under=allowed(least + 20_000_000)) as daemon:
        wait_for_all(daemon)
        with hungry(daemon) as clients:
            for _ in range(10):
                stuff(clients)
                time.sleep(0.2)
                if daemon.process.poll() is not None:
                    break
        if daemon.process.poll() is None:
            assert all_reached(further_of(daemon))
        else:
            assert_ended_for_want_of_memory(daemon, lab)
