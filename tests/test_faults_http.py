"""A crowd of bad clients at the daemon's door: the good one is served, and all is let go."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.conftest import LabFactory
from tests.daemon import Daemon, running
from tests.faults import (
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

IDLE = SLOW = 500
DEAF = 20
STAY_SECONDS = 10
HUGE = b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 100_000
MALFORMED = (
    HUGE + b"\r\n\r\n",
    b"\x16\x03\x01" + bytes(200) + b"\r\n\r\n",
    b"\r\n" * 5000 + b"nonsense\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
    b"POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzzzz\r\n",
    b"GET /" + b"%00" * 3000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
)
DEAF_SCRAPES = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 200


@contextmanager
def crowd(daemon: Daemon, deaf: int = 0) -> Iterator[list[socket.socket]]:
    """A thousand that say nothing or half a request, and some that ask for much and never read."""
    host, port = daemon.address.split(":")
    with ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection((host, int(port)), 10))
            for _ in range(IDLE + SLOW + deaf)
        ]
        for client in clients[IDLE : IDLE + SLOW]:
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        for client in clients[IDLE + SLOW :]:
            client.setblocking(False)
            # It takes what its buffers hold, no more: the daemon reads no faster than it answers.
            client.send(DEAF_SCRAPES)
        yield clients


def abuse(daemon: Daemon, request: bytes) -> bytes:
    """The first line of what comes back, empty where the connection was just reset."""
    host, port = daemon.address.split(":")
    with socket.create_connection((host, int(port)), 10) as client:
        try:
            client.sendall(request)
            return client.recv(4096).split(b"\r\n", 1)[0]
        except ConnectionError:
            return b""


def test_a_crowd_of_bad_clients_holds_up_nobody(lab_factory: LabFactory) -> None:
    """A thousand idle and slow connections, twenty that never read, malformed requests by the

    hundred: scrapes took less than a second, no cycle was skipped, nothing was lost or logged.
    """
    lab = lab_factory("small")
    with running(lab, web("500ms", "300ms")) as daemon:
        before = daemon.until_traced(3, "icmp", "udp", "tcp")
        stock = Stock.of(daemon, before)
        with crowd(daemon, DEAF) as clients:
            crowded = daemon.until(
                lambda s: s.value("process_open_fds") >= stock.descriptors + IDLE + SLOW
            )
            for client in clients[IDLE : IDLE + SLOW]:
                client.sendall(b"z")
            for _ in range(50):
                for request in MALFORMED:
                    assert abuse(daemon, request).partition(b" ")[2][:1] in (b"4", b"")
                assert scrape_seconds(daemon) < 1
            after = further(daemon, 4)
            assert (lost(after), changes(after)) == (0, 0)
            assert all_reached(after)
            assert after.value("process_resident_memory_bytes") < stock.memory + 100e6
            assert crowded.value("process_open_fds") > stock.descriptors
        back_to(daemon, stock, growth=100e6)
        calm = further(daemon, 2)
        assert sum(calm.all("ftr_traces_skipped_total").values()) == 0
        assert not complaints(daemon)


def test_a_thousand_that_never_end_are_served_around(lab_factory: LabFactory) -> None:
    """Half of a thousand clients said nothing, half sent a byte each half second, for ten seconds:

    none was thrown out, scrapes took less than a second, and every descriptor came back.
    """
    lab = lab_factory("small")
    with running(lab, web("500ms", "300ms")) as daemon:
        stock = Stock.of(daemon, daemon.until_traced(3, "icmp", "udp", "tcp"))
        most = stock.descriptors + IDLE + SLOW
        with crowd(daemon) as clients:
            daemon.until(lambda s: s.value("process_open_fds") >= most)
            started = time.monotonic()
            while time.monotonic() - started < STAY_SECONDS:
                for client in clients[IDLE:]:
                    client.sendall(b"z")
                assert scrape_seconds(daemon) < 1
                assert daemon.get("/-/healthy") == "Healthy\n"
                assert daemon.scrape().value("process_open_fds") >= most
                time.sleep(0.5)
            after = further(daemon, 2)
            assert (lost(after), changes(after)) == (0, 0)
            assert all_reached(after)
        back_to(daemon, stock, growth=50e6)
        assert sum(further(daemon, 2).all("ftr_traces_skipped_total").values()) == 0
        assert not complaints(daemon)
