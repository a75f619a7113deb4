"""The Windows backend against a fake of Windows' libraries: matching, failures, lifetimes."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import random
import socket
from collections.abc import Iterator
from functools import partial
from itertools import pairwise

import pytest

from exporter.errors import ErrorReason, ProbeError, SendBlocked, SocketUnavailable
from exporter.model import Family, Kind, Probe, Protocol
from exporter.sockets import windows_library
from exporter.sockets.base import SocketRequest
from exporter.sockets.table import Candidate, candidates
from exporter.sockets.windows_icmp import TIMEOUT_MS, WindowsIcmpSocket, open_windows_icmp
from tests.fakewindows import FakeWindows, Request
from tests.probing import DARK, ROUTERS, WEB, Recorder, run

LOOPBACK = {Family.IPV4: "127.0.0.1", Family.IPV6: "::1"}
each_family = pytest.mark.parametrize("family", list(Family))


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeWindows]:
    """A fake Windows; nothing may be open in it at the end."""
    fake = FakeWindows(monkeypatch)
    yield fake
    assert not fake.open
    assert not fake.waits


def opened(
    windows: FakeWindows, recorder: Recorder, family: Family = Family.IPV4, **more: object
) -> WindowsIcmpSocket:
    """A socket to the usual target."""
    request = SocketRequest(WEB[family], family, Protocol.ICMP, **more)  # type: ignore[arg-type]
    made = open_windows_icmp(request, recorder, windows.api)
    assert isinstance(made, WindowsIcmpSocket)
    return made


def sent(windows: FakeWindows, made: WindowsIcmpSocket, probe: Probe) -> Request:
    """Send a probe; gives what Windows has of it."""
    made.send(probe)
    return windows.requests[-1]


@each_family
def test_request_carries_what_was_asked_for(windows: FakeWindows, family: Family) -> None:
    """TTL, packet size, source and the longest time to wait; data differ from probe to probe."""

    async def test() -> None:
        made = opened(windows, Recorder(), family, source=LOOPBACK[family], packet_size=600)
        requests = [sent(windows, made, Probe(1, 0, ttl)) for ttl in (1, 255)]
        requests.append(sent(windows, made, Probe(1, 0, 3, 0, 1000)))
        header = 28 if family is Family.IPV4 else 48
        assert [r.ttl for r in requests] == [1, 255, 3]
        assert [len(r.data) + header for r in requests] == [600, 600, 1000]
        assert len({r.data for r in requests}) == 3
        assert {r.timeout for r in requests} == {TIMEOUT_MS}
        source, destination = requests[0].ends
        if family is Family.IPV4:
            assert source == int.from_bytes(b"\x7f\0\0\1", "little")
            assert destination == int.from_bytes(b"\xc0\0\2\1", "little")
        else:
            assert source[:2] == (23).to_bytes(2, "little")
            assert source[8:24] == socket.inet_pton(socket.AF_INET6, "::1")
            assert destination[8:24] == socket.inet_pton(socket.AF_INET6, WEB[family])
        for request in requests:
            windows.time_out(request)
        await asyncio.sleep(0)
        made.close()

    run(test())


@each_family
def test_many_in_flight_find_their_own_probe(windows: FakeWindows, family: Family) -> None:
    """Three hundred probes, answered in another order, each from a thread of its own: routers and
    the destination are told apart, and every event and wait is given back."""

    async def test() -> None:
        recorder = Recorder()
        made = opened(windows, recorder, family)
        pairs = []
        for number in range(75):
            for ttl in range(1, 5):
                probe = Probe(1, number, ttl)
                pairs.append((probe, sent(windows, made, probe)))
        random.Random(7).shuffle(pairs)
        for probe, request in pairs:
            if probe.ttl == 4:
                windows.reply(request, 0, WEB[family], rtt=0)
            else:
                windows.reply(request, 11013, ROUTERS[family][probe.ttl - 1])
        responses = await recorder.until_responses(300)
        assert [r.probe for r in responses] == sorted(probe for probe, _ in pairs)
        for r in responses:
            hop = [*ROUTERS[family], WEB[family]][r.probe.ttl - 1]
            kind = Kind.ECHO_REPLY if r.probe.ttl == 4 else Kind.TIME_EXCEEDED
            assert (r.address, r.kind, r.reached) == (hop, kind, r.probe.ttl == 4)
            assert r.reply_ttl == (60 if family is Family.IPV4 else None)
            assert r.rtt > 0
            assert r.extensions == ()
        assert made.in_flight == 0
        made.close()

    run(test())


def test_time_stamps_are_taken_when_windows_signals(windows: FakeWindows) -> None:
    """The event loop is busy for 50 ms after the answer: the round trip does not show it."""

    async def test() -> None:
        recorder = Recorder()
        made = opened(windows, recorder)
        request = sent(windows, made, Probe(1, 0, 1))
        windows.reply(request, 11013, ROUTERS[Family.IPV4][0])
        loop = asyncio.get_running_loop()
        busy_until = loop.time() + 0.05
        while loop.time() < busy_until:
            pass
        (response,) = await recorder.until_responses(1)
        assert response.rtt < 0.05
        made.close()

    run(test())


@pytest.mark.parametrize("status", [11010, 11016])
def test_no_answer_is_silence(windows: FakeWindows, status: int) -> None:
    """A time-out, or a source quench: the listener hears nothing, the tracer counts by itself."""

    async def test() -> None:
        recorder = Recorder()
        made = opened(windows, recorder)
        windows.time_out(sent(windows, made, Probe(1, 0, 1)), status)
        windows.reply(sent(windows, made, Probe(1, 0, 2)), 11013, ROUTERS[Family.IPV4][1])
        await recorder.until_responses(1)
        assert recorder.responses[0].probe.ttl == 2
        assert not recorder.failures
        assert not recorder.strangers
        made.close()

    run(test())


@each_family
def test_unreachable_by_a_router_and_by_this_host(windows: FakeWindows, family: Family) -> None:
    """A router's word is a response with a code; the same from an address of our own is a failure
    to send, as when nobody answers on the link."""

    async def test() -> None:
        recorder = Recorder()
        made = opened(windows, recorder, family)
        windows.reply(sent(windows, made, Probe(1, 0, 5)), 11003, ROUTERS[family][2])
        windows.reply(sent(windows, made, Probe(1, 1, 5)), 11003, LOOPBACK[family])
        windows.reply(sent(windows, made, Probe(1, 2, 5)), 11005, WEB[family])
        await recorder.until_responses(2)
        far, near = recorder.responses
        assert (far.kind, far.code) == (Kind.UNREACHABLE, 1 if family is Family.IPV4 else 3)
        assert (far.reached, near.reached) == (False, True)
        ((probe, error),) = recorder.failures
        assert (probe.round, error.reason) == (1, ErrorReason.UNREACHABLE_NETWORK)
        made.close()

    run(test())


@pytest.mark.parametrize("status", [11001, 11008, 11050])
@pytest.mark.parametrize("with_reply", [True, False])
def test_failures_of_this_host_are_errors(
    windows: FakeWindows, status: int, with_reply: bool
) -> None:
    """General failure and its like, with a reply or without: an error with words, never loss."""

    async def test() -> None:
        recorder = Recorder()
        made = opened(windows, recorder)
        request = sent(windows, made, Probe(1, 0, 1))
        if with_reply:
            windows.reply(request, status, "0.0.0.0")
        else:
            windows.time_out(request, status)
        await recorder.until(lambda: len(recorder.failures) == 1)
        assert recorder.failures[0][1].reason is ErrorReason.SEND
        assert WEB[Family.IPV4] in str(recorder.failures[0][1])
        made.close()

    run(test())


@each_family
def test_echo_of_other_data_is_a_stranger(windows: FakeWindows, family: Family) -> None:
    """Replies with other data, fewer data, or from another host than asked do not count."""

    async def test() -> None:
        recorder = Recorder()
        made = opened(windows, recorder, family)
        answer = partial(windows.reply, status=0)
        request = sent(windows, made, Probe(1, 0, 9))
        answer(request, address=WEB[family], data=bytes(len(request.data)))
        request = sent(windows, made, Probe(1, 1, 9))
        # Windows tells no length over IPv6, and the last two bytes, a checksum, may well be zero.
        answer(request, address=WEB[family], data=request.data[:-8])
        answer(sent(windows, made, Probe(1, 2, 9)), address=DARK[family])
        strangers = 3
        if family is Family.IPV4:
            answer(sent(windows, made, Probe(1, 3, 9)), address=WEB[family], shift=-4000)
            strangers = 4
        await recorder.until(lambda: recorder.strangers == strangers)
        assert not recorder.responses
        made.close()

    run(test())


@pytest.mark.parametrize(
    ("function", "code", "reason", "blocked"),
    [
        ("send", 1231, ErrorReason.UNREACHABLE_NETWORK, False),
        ("send", 5, ErrorReason.PERMISSION, False),
        ("send", 1450, ErrorReason.SEND, True),
        ("send", 87, ErrorReason.SEND, False),
        ("CreateEventW", 8, ErrorReason.SEND, True),
        ("RegisterWaitForSingleObject", 1816, ErrorReason.SEND, True),
    ],
)
def test_send_that_fails_says_why_and_leaves_nothing(
    windows: FakeWindows, function: str, code: int, reason: ErrorReason, blocked: bool
) -> None:
    """Each call that a request needs can fail; what was got for it before is given back."""

    async def test() -> None:
        recorder = Recorder()
        made = opened(windows, recorder)
        before = set(windows.open)
        windows.fail[function] = code
        with pytest.raises(ProbeError) as caught:
            made.send(Probe(1, 0, 1))
        assert caught.value.reason is reason
        assert isinstance(caught.value, SendBlocked) is blocked
        assert windows.open == before
        assert not windows.waits
        windows.fail.clear()
        windows.reply(sent(windows, made, Probe(1, 1, 1)), 11013, ROUTERS[Family.IPV4][0])
        await recorder.until_responses(1)
        made.close()

    run(test())


def test_memory_lives_until_windows_signals(windows: FakeWindows) -> None:
    """Nobody but Windows knows of the buffers any more, the socket is closed and forgotten: they
    stay all the same, are written to, and go with the signal; the handle goes with the last."""

    async def test() -> None:
        recorder = Recorder()
        made = opened(windows, recorder)
        handles = set(windows.open)
        requests = [sent(windows, made, Probe(1, number, 1)) for number in range(20)]
        for first, second in pairwise(requests):
            assert first.address != second.address
        made.close()
        made.close()
        del made
        for number, request in enumerate(requests):
            gc.collect()
            assert request.alive() is not None
            assert handles <= windows.open
            if number % 2:
                windows.reply(request, 11013, ROUTERS[Family.IPV4][0])
            else:
                windows.time_out(request)
            await asyncio.sleep(0)
            gc.collect()
            assert request.alive() is None
        assert not recorder.responses

    run(test())


def test_answer_between_signal_and_close_is_not_told(windows: FakeWindows) -> None:
    """Windows has signalled, then the socket closes before the event loop turns: silence."""

    async def test() -> None:
        recorder = Recorder()
        made = opened(windows, recorder)
        windows.reply(sent(windows, made, Probe(1, 0, 1)), 11013, ROUTERS[Family.IPV4][0])
        made.close()
        await asyncio.sleep(0)
        assert not recorder.responses
        assert made.in_flight == 0

    run(test())


def test_signal_after_the_event_loop_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program's loop is gone, an answer comes: no error in the system's thread. At the end of
    the interpreter every wait is ended, and the memory stays for good."""
    windows = FakeWindows(monkeypatch)

    async def test() -> list[Request]:
        made = opened(windows, Recorder())
        requests = [sent(windows, made, Probe(1, 0, ttl)) for ttl in (1, 2)]
        made.close()
        return requests

    requests = run(test())
    windows.reply(requests[0], 11013, ROUTERS[Family.IPV4][0])
    (at_exit,) = windows.at_exit
    at_exit()
    assert not windows.waits
    assert windows.blocking_unregistered == 2
    # As the interpreter does it with all that modules hold.
    windows.api._waiting = {}
    gc.collect()
    assert requests[1].alive() is not None


@pytest.mark.parametrize(("family", "name"), [(Family.IPV4, "Icmp"), (Family.IPV6, "Icmp6")])
def test_refused_handle_is_told(windows: FakeWindows, family: Family, name: str) -> None:
    """Windows, or Wine for IPv6, gives no handle: the socket is unavailable, with the reason."""
    windows.fail[f"{name}CreateFile"] = 120

    async def test() -> None:
        with pytest.raises(SocketUnavailable, match=f"over {family}.*error 120") as caught:
            opened(windows, Recorder(), family)
        assert caught.value.reason is ErrorReason.SOCKET

    run(test())


def test_library_without_ipv6_still_serves_ipv4(windows: FakeWindows) -> None:
    """As in Wine: a function is not there, and only its family is missed."""
    del windows.Icmp6ParseReplies  # type: ignore[attr-defined]

    async def test() -> None:
        with pytest.raises(SocketUnavailable, match="Icmp6ParseReplies"):
            opened(windows, Recorder(), Family.IPV6)
        opened(windows, Recorder()).close()

    run(test())


@each_family
def test_foreign_source_is_refused(windows: FakeWindows, family: Family) -> None:
    """An address to send from that this host does not have."""

    async def test() -> None:
        with pytest.raises(SocketUnavailable, match=f"does not have the address {DARK[family]}"):
            opened(windows, Recorder(), family, source=DARK[family])

    run(test())


def test_elsewhere_it_says_that_this_is_not_windows() -> None:
    """Asked for on another system, it is unavailable; its module can be imported everywhere."""
    assert not hasattr(ctypes, "WinDLL"), "Windows itself: run tests/wine/calls.py there"

    async def test() -> None:
        with pytest.raises(SocketUnavailable, match="not Windows"):
            open_windows_icmp(SocketRequest(WEB[Family.IPV4], Family.IPV4), Recorder())

    windows_library.windows_api.cache_clear()
    run(test())


def test_table_has_it_for_windows_alone() -> None:
    """It is the one choice there, for both families, and refuses what Windows would ignore."""
    (row,) = candidates(Protocol.AUTO, platform="win32")
    assert isinstance(row, Candidate)
    assert (row.backend, row.protocol, row.families) == (
        "windows-icmp",
        Protocol.ICMP,
        tuple(Family),
    )
    assert candidates(Protocol.UDP, platform="win32") == ()
    assert {name for name, _ in row.cannot} == {"dscp", "interface", "mtu"}
    assert not row.obstacles(frozenset({"source", "packet_size"}))
