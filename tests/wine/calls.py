"""The Windows backend with the real functions of Windows: `python -m pytest tests/wine/calls.py`.

It runs on Windows, and under Wine, where `tests/test_wine.py` starts it and offers its lab. Without
a lab only the tests on loopback run.
"""

from __future__ import annotations

import asyncio
import ctypes
import signal
import sys

import pytest

from exporter.daemon import service
from exporter.errors import SocketUnavailable
from exporter.model import Family, Kind, Probe, Protocol
from exporter.sockets import windows_icmp
from exporter.sockets.base import SocketRequest
from exporter.sockets.factory import open_probe_socket
from exporter.sockets.windows_api import IpOptions
from exporter.sockets.windows_reply import REPLY4, REPLY6
from tests.conftest import LabFactory
from tests.probing import DARK, ROUTERS, WEB, Recorder, run

IPV4 = Family.IPV4
LOOPBACK = {Family.IPV4: "127.0.0.1", Family.IPV6: "::1"}


def opened(destination: str, recorder: Recorder, **more: str) -> windows_icmp.WindowsIcmpSocket:
    """A socket of the backend, by the way that the exporter takes."""
    family = Family.IPV6 if ":" in destination else IPV4
    socket = open_probe_socket(
        SocketRequest(destination, family, Protocol.ICMP, **more),  # type: ignore[arg-type]
        recorder,
    )
    assert isinstance(socket, windows_icmp.WindowsIcmpSocket)
    return socket


async def all_done(socket: windows_icmp.WindowsIcmpSocket) -> None:
    """Wait until Windows has given back every request of a socket."""
    async with asyncio.timeout(20):
        while socket.in_flight:  # noqa: ASYNC110 # a backend tells nobody when a probe times out
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("name", ["SIGINT", "SIGBREAK", "SIGTERM"])
def test_signals_stop_the_daemon(name: str) -> None:
    """Ctrl-C, Ctrl-Break and their kin wake the event loop at once, and end nothing else."""
    number = getattr(signal, name)
    before = {each: signal.getsignal(each) for each in service.stop_signals()}

    async def test() -> None:
        stop = asyncio.Event()
        service.stop_on_signals(stop)
        signal.raise_signal(number)
        async with asyncio.timeout(5):
            await stop.wait()

    assert number in before
    try:
        run(test())
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def test_structures_have_the_sizes_of_this_windows() -> None:
    """What 64 bits make of the headers' structures: 16 bytes of options, 40 of a reply."""
    assert sys.platform == "win32"
    assert (ctypes.sizeof(IpOptions), REPLY4.size, REPLY6.size) == (16, 40, 36)


@pytest.mark.parametrize("family", list(Family))
def test_loopback_answers(family: Family) -> None:
    """This host answers its own echo requests, a hundred at once, each with the data sent."""

    async def test() -> None:
        recorder = Recorder()
        try:
            socket = opened(LOOPBACK[family], recorder)
        except SocketUnavailable as refusal:
            pytest.skip(str(refusal))
        for number in range(100):
            socket.send(Probe(1, number, 64))
        responses = await recorder.until_responses(100)
        assert {(r.address, r.kind, r.reached) for r in responses} == {
            (LOOPBACK[family], Kind.ECHO_REPLY, True)
        }
        assert all(0 < r.rtt < 1 for r in responses)
        await all_done(socket)
        socket.close()
        assert recorder.strangers == len(recorder.failures) == 0

    run(test())


def test_each_ttl_is_answered_by_its_hop(lab_factory: LabFactory) -> None:
    """Four probes, three routers, the destination: addresses, kinds, TTLs and RTTs are right."""
    lab = lab_factory("small")

    async def test() -> None:
        recorder = Recorder()
        socket = opened(WEB[IPV4], recorder, source=lab.world.host.ipv4 or "")
        for ttl in range(1, 5):
            socket.send(Probe(1, 0, ttl))
        responses = await recorder.until_responses(4)
        socket.close()
        assert [r.address for r in responses] == [*ROUTERS[IPV4], WEB[IPV4]]
        assert [r.kind for r in responses] == [Kind.TIME_EXCEEDED] * 3 + [Kind.ECHO_REPLY]
        assert [r.reached for r in responses] == [False, False, False, True]
        assert [r.reply_ttl for r in responses] == [64, 254, 62, 61]
        for response in responses:
            record = lab.truth().only(ttl=response.probe.ttl).records[0]
            assert record.rtt - 1e-6 <= response.rtt <= record.rtt_bound + 0.5

    run(test())


def test_what_nobody_answers_ends_without_a_word(
    lab_factory: LabFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty probes into the dark among twenty that are answered: each answered one is told, each
    other one times out, and nothing is left in flight."""
    lab = lab_factory("small")
    monkeypatch.setattr(windows_icmp, "TIMEOUT_MS", 500)

    async def test() -> None:
        recorder = Recorder()
        socket = opened(DARK[IPV4], recorder)
        for number in range(20):
            for ttl in (1, 7, 8):
                socket.send(Probe(1, number, ttl))
        assert socket.in_flight == 60
        await all_done(socket)
        socket.close()
        assert {r.address for r in recorder.responses} == {ROUTERS[IPV4][0]}
        assert len(recorder.responses) == 20
        assert recorder.strangers == len(recorder.failures) == 0

    run(test())
    assert lab.truth().sent == 60


@pytest.mark.parametrize(("why", "code"), [("net", 0), ("host", 1), ("port", 3)])
def test_unreachable_tells_who_and_why(lab_factory: LabFactory, why: str, code: int) -> None:
    """The last router says that the destination is unreachable: its address and the code come."""
    lab = lab_factory("small")
    lab.set_target("web", unreachable=why)

    async def test() -> None:
        recorder = Recorder()
        socket = opened(WEB[IPV4], recorder)
        socket.send(Probe(1, 0, 9))
        (response,) = await recorder.until_responses(1)
        socket.close()
        assert (response.address, response.kind) == (ROUTERS[IPV4][2], Kind.UNREACHABLE)
        assert (response.code, response.reached) == (code, False)

    run(test())


def test_foreign_source_is_refused(lab_factory: LabFactory) -> None:
    """An address to send from that this host does not have."""
    lab_factory("small")

    async def test() -> None:
        with pytest.raises(SocketUnavailable, match="does not have the address"):
            opened(WEB[IPV4], Recorder(), source=DARK[IPV4])

    run(test())


def test_closed_socket_is_silent_and_its_memory_safe(lab_factory: LabFactory) -> None:
    """A socket closes with a hundred slow answers on their way: none is told, and the next socket
    gets its own all the same."""
    lab = lab_factory("small")
    lab.set_hop("gw", slow="300ms")

    async def test() -> None:
        gone, recorder = Recorder(), Recorder()
        first = opened(WEB[IPV4], gone)
        for number in range(100):
            first.send(Probe(1, number, 1))
        first.close()
        second = opened(WEB[IPV4], recorder)
        for number in range(100):
            second.send(Probe(1, number, 1))
        await recorder.until_responses(100)
        await all_done(first)
        await all_done(second)
        second.close()
        assert not gone.responses

    run(test())
