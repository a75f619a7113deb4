"""From opening to closing: whole traces over TCP, and nothing left of ten thousand of them."""

from __future__ import annotations

import asyncio
import gc
import os
import socket as sockets
import struct
import time
from collections import deque
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.model import Family, Kind, Probe, Protocol, Response, StopReason
from exporter.sockets.base import ProbeSocket, SocketRequest
from exporter.sockets.linux_connect import Flight
from exporter.sockets.linux_flights import PATIENCE_SECONDS
from exporter.sockets.linux_tcp import LinuxTcpSocket
from exporter.sockets.pending import Sent
from exporter.strategy import Plan
from tests.conftest import LabFactory
from tests.probing import DARK, ROUTERS, WEB, Recorder, preferred, run, trace
from tests.test_errqueue import IPV4_EXPIRED, IPV6_EXPIRED, SEND_STAMP, STAMP

each_family = pytest.mark.parametrize("family", list(Family))
DESTINATION = "192.0.2.1"
PORTS = struct.pack("!HH", 25_000, 443)
Item = tuple[bytes, list[tuple[int, int, bytes]], int, Any]


def descriptors() -> int:
    """How many this process has."""
    return len(os.listdir("/proc/self/fd"))


@each_family
def test_whole_trace_reaches_an_open_port(lab_factory: LabFactory, family: Family) -> None:
    """Three rounds, every hop answers each time, and the destination accepts."""
    lab_factory("small")
    state = run(trace(WEB[family], family, Protocol.TCP, Plan(rounds=3)))
    assert state.stop_reason() == (StopReason.DESTINATION, None)
    assert [hop.addresses for hop in state.hops()] == [
        *((router,) for router in ROUTERS[family]),
        (WEB[family],),
    ]
    assert [(hop.sent, hop.lost) for hop in state.hops()] == [(3, 0)] * 4
    assert {response.kind for response in state.hops()[-1].responses} == {Kind.CONNECTED}


@each_family
def test_whole_trace_to_a_silent_destination(lab_factory: LabFactory, family: Family) -> None:
    """It ends at the last hop that answers, and sends no packet that the trace does not know of."""
    lab = lab_factory("small")
    state = run(trace(DARK[family], family, Protocol.TCP, Plan(rounds=2)))
    assert state.stop_reason() == (StopReason.GAP, None)
    assert [hop.addresses for hop in state.hops()] == [
        *((router,) for router in ROUTERS[family][:2]),
        (),
    ]
    counted = {hop.ttl: hop.sent for hop in state.hops()}
    truth = lab.truth()
    assert counted == {ttl: truth.only(ttl=ttl).sent for ttl in counted}


def test_ten_thousand_traces_leave_nothing(lab_factory: LabFactory) -> None:
    """Of one socket, with answered, refused and unanswered probes: no descriptor, task or timer."""
    lab = lab_factory("small")
    lab.set_hop("gw", delay="0ms")

    async def test() -> None:
        recorder, backend = Recorder(), preferred(Protocol.TCP, Family.IPV4)
        before = descriptors()
        found = [backend.open(backend.request(a[Family.IPV4]), recorder) for a in (WEB, DARK)]
        for number in range(1, 10_001):
            found[0].send(Probe(number, 0, 1))
            if number % 50 == 0:
                found[1].send(Probe(number, 0, 5 + number // 50 % 40))
                await recorder.until_responses(number)
        assert len({response.probe.trace for response in recorder.responses}) == 10_000
        await asyncio.sleep(PATIENCE_SECONDS + 0.1)
        assert descriptors() == before + 4
        for socket in found:
            socket.close()
        assert descriptors() == before
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(test())
    gc.collect()
    assert not [each for each in gc.get_objects() if type(each) in (Flight, LinuxTcpSocket)]


@each_family
def test_closing_ends_all_that_is_in_flight(lab_factory: LabFactory, family: Family) -> None:
    """Answers that come afterwards are told to nobody, and no SYN is sent again."""
    lab = lab_factory("small")

    async def test() -> None:
        recorder, backend = Recorder(), preferred(Protocol.TCP, family)
        before = descriptors()
        socket = backend.open(backend.request(WEB[family]), recorder)
        for ttl in range(1, 9):
            socket.send(Probe(1, 0, ttl))
        socket.close()
        socket.close()
        assert descriptors() == before
        await asyncio.sleep(1.2)
        assert (recorder.responses, recorder.failures, recorder.strangers) == ([], [], 0)

    run(test())
    assert lab.truth().sent == 8


class Closing(Recorder):
    """A listener that closes its socket as soon as it hears anything."""

    socket: ProbeSocket | None = None

    def responded(self, response: Response) -> None:
        """See `Listener`."""
        super().responded(response)
        assert self.socket is not None
        self.socket.close()


def test_listener_may_close_the_socket(lab_factory: LabFactory) -> None:
    """The trace ends on an answer, the target is gone: nothing is told afterwards."""
    lab = lab_factory("small")

    async def test() -> None:
        recorder, backend = Closing(), preferred(Protocol.TCP, Family.IPV4)
        recorder.socket = backend.open(backend.request(WEB[Family.IPV4]), recorder)
        for ttl in range(1, 5):
            recorder.socket.send(Probe(1, 0, ttl))
        lab.settle()
        await recorder.until_responses(1)
        await asyncio.sleep(0)
        assert len(recorder.responses) == 1

    run(test())


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
