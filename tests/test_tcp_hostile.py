"""The TCP backend under a hostile kernel: scripted items in the error queue of a real socket."""

from __future__ import annotations

import socket as sockets
import struct
import time
from collections import deque
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.model import Family, Probe
from exporter.sockets.base import SocketRequest
from exporter.sockets.linux_connect import Flight
from exporter.sockets.linux_tcp import LinuxTcpSocket
from exporter.sockets.pending import Sent
from tests.probing import Recorder, run
from tests.test_errqueue import IPV4_EXPIRED, IPV6_EXPIRED, SEND_STAMP, STAMP

DESTINATION = "192.0.2.1"
PORTS = struct.pack("!HH", 25_000, 443)
Item = tuple[bytes, list[tuple[int, int, bytes]], int, Any]


class ScriptedSocket(sockets.socket):
    """A TCP socket that connects to nothing and whose error queue holds what the test put in."""

    def __init__(self) -> None:
        super().__init__(sockets.AF_INET, sockets.SOCK_STREAM | sockets.SOCK_NONBLOCK)
        self.items: deque[Item] = deque()

    def recvmsg(self, size: int, control: int = 0, flags: int = 0) -> Item:
        """The next item of the error queue."""
        if not self.items:
            raise BlockingIOError
        return self.items.popleft()


def looked_at(*items: Item) -> Recorder:
    """What the backend makes of these items in the error queue of a probe."""

    async def test() -> Recorder:
        recorder = Recorder()
        engine = LinuxTcpSocket(SocketRequest(DESTINATION, Family.IPV4), recorder)
        kernel = ScriptedSocket()
        kernel.items.extend(items)
        sent = Sent(Probe(1, 0, 3), 25_000, time.time_ns(), time.monotonic_ns())
        engine._add(Flight(kernel, sent))
        engine._flights.readable()
        engine.close()
        return recorder

    return run(test())


def test_errors_about_other_packets_are_strangers() -> None:
    """Another host, another port at either end, no address, no quote, no error: the probe waits

    on, and its own answer behind them counts.
    """
    messages = [(0, 11, IPV4_EXPIRED)]
    own: Item = (PORTS, messages, 0, (DESTINATION, 443))
    others: list[Item] = [
        (PORTS, messages, 0, ("192.0.2.2", 443)),
        (struct.pack("!HH", 25_001, 443), messages, 0, (DESTINATION, 443)),
        (struct.pack("!HH", 25_000, 444), messages, 0, (DESTINATION, 443)),
        (PORTS, messages, 0, None),
        (b"", messages, 0, (DESTINATION, 443)),
        (PORTS, [], 0, (DESTINATION, 443)),
    ]
    assert looked_at(*others).strangers == len(others)
    recorder = looked_at(*others, own)
    assert [response.probe for response in recorder.responses] == [Probe(1, 0, 3)]
    assert recorder.strangers == len(others)


def test_local_error_of_the_queue_is_a_failure() -> None:
    """Origin `local`: no router said so."""
    local = struct.pack("=IBBBBII", 101, 1, 0, 0, 0, 0, 0)
    recorder = looked_at((PORTS, [(0, 11, local)], 0, (DESTINATION, 443)))
    assert [probe for probe, _ in recorder.failures] == [Probe(1, 0, 3)]
    assert recorder.responses == []


_BYTES = st.binary(max_size=60) | st.sampled_from([IPV4_EXPIRED, IPV6_EXPIRED, SEND_STAMP, STAMP])
_MESSAGES = st.tuples(st.sampled_from([0, 1, 41]), st.sampled_from([2, 11, 25, 37, 52]), _BYTES)
_ADDRESSES = st.none() | st.tuples(
    st.sampled_from([DESTINATION, "192.0.2.2", "fe80::1%lab0"]), st.integers(0, 65535)
)
_ITEMS = st.tuples(
    st.binary(max_size=80) | st.binary(max_size=80).map(lambda more: PORTS + more),
    st.lists(_MESSAGES, max_size=3),
    st.just(0),
    _ADDRESSES | st.just((DESTINATION, 443)),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(_ITEMS, max_size=5))
def test_nothing_that_arrives_raises(items: list[Item]) -> None:
    """Arbitrary quotes, control messages and addresses: one word about each at most, and the probe

    is answered once at most.
    """
    heard = looked_at(*items)
    assert len(heard.responses) + len(heard.failures) <= 1
    assert len(heard.responses) + len(heard.failures) + heard.strangers <= len(items)
