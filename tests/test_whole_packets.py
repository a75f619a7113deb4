"""The engine under packets as macOS documents them, scripted, on whatever platform this runs."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.errors import ErrorReason, ProbeError, SendBlocked, SocketUnavailable, TooBig
from exporter.model import Family, Kind, Probe
from exporter.sockets.base import SocketRequest
from exporter.sockets.extensions import internet_checksum
from exporter.sockets.factory import Opener
from exporter.sockets.icmp_platforms import BSD, DARWIN
from exporter.sockets.icmp_quirks import Quirks
from exporter.sockets.macos_icmp import open_macos_icmp
from exporter.sockets.raw_icmp import open_raw_icmp
from exporter.sockets.whole_packets import ECHO_IDS, WholePacketSocket
from tests.packet_bytes import MPLS, THEM, delivered_by_apple, error, quoted, reply
from tests.probing import Recorder, run
from tests.scripted import ScriptedSocket

REQUESTS = {
    Family.IPV4: SocketRequest("192.0.2.1", Family.IPV4, local_port=0x1234),
    Family.IPV6: SocketRequest("2001:db8:300::1", Family.IPV6, local_port=0x1234),
}
SOURCES = {Family.IPV4: "198.51.100.1", Family.IPV6: "2001:db8:100::1"}
HEADER_BYTES = {Family.IPV4: 20, Family.IPV6: 0}
OPEN = "exporter.sockets.icmp_channel.open_icmp"
each_family = pytest.mark.parametrize("family", list(Family))


class Bench:
    """An engine on a scripted socket, with the quirks of macOS unless told otherwise."""

    def __init__(self, request: SocketRequest, quirks: Quirks | None = None) -> None:
        self.family = request.family
        self.recorder = Recorder()
        self.kernel = ScriptedSocket()
        quirks = quirks or DARWIN[request.family]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(OPEN, lambda *_: self.kernel)
            self.engine = WholePacketSocket("x", socket.SOCK_DGRAM, quirks, request, self.recorder)

    def send(self, probe: Probe) -> bytes:
        """Send a probe; gives the ICMP message in it."""
        self.engine.send(probe)
        return self.kernel.sent[-1][0][HEADER_BYTES[self.family] :]

    def deliver(self, message: bytes, source: str | None = None) -> None:
        """An ICMP message arrives, as macOS has it."""
        packet = message if self.family is Family.IPV6 else delivered_by_apple(message)
        address = (source or SOURCES[self.family], 0)
        self.kernel.answers.append((packet, _control(self.family), 0, address))
        self.engine._channel._readable()


def _control(family: Family) -> list[tuple[int, int, bytes]]:
    return [(41, 47, struct.pack("@i", 60))] if family is Family.IPV6 else []


def scripted(
    test: Callable[[Bench], None], request: SocketRequest, quirks: Quirks | None = None
) -> None:
    """Run a test of the engine."""

    async def play() -> None:
        bench = Bench(request, quirks)
        try:
            test(bench)
        finally:
            bench.engine.close()

    run(play())


@each_family
def test_router_and_destination_answer(family: Family) -> None:
    """Addresses, kinds, TTL of the answer, labels; the header in front is that of macOS."""

    def test(bench: Bench) -> None:
        expired, arrived = (bench.send(Probe(1, 0, ttl)) for ttl in (1, 2))
        bench.deliver(error(family, quoted(family, expired), extensions=MPLS))
        bench.deliver(reply(family, arrived), REQUESTS[family].destination)
        first, second = bench.recorder.responses
        assert (first.probe.ttl, first.kind, first.reached) == (1, Kind.TIME_EXCEEDED, False)
        assert (first.address, first.extensions) == (SOURCES[family], MPLS)
        assert (second.probe.ttl, second.kind, second.reached) == (2, Kind.ECHO_REPLY, True)
        assert (first.reply_ttl, second.reply_ttl) == (60, 60)
        assert bench.recorder.strangers == 0

    scripted(test, REQUESTS[family])


def test_own_header_has_all_that_the_socket_would_have_had() -> None:
    """TTL, DSCP, source and don't-fragment of each probe, in the host's byte order (ping(8))."""

    def test(bench: Bench) -> None:
        for ttl in (3, 9):
            message = bench.send(Probe(1, 0, ttl))
            packet, address = bench.kernel.sent[-1]
            fields = struct.unpack("=BBHHHBBH", packet[:12])
            assert fields == (0x45, 46 << 2, len(packet), 0, 0x4000, ttl, 1, 0)
            assert packet[12:20] == bytes((10, 99, 0, 2)) + THEM[Family.IPV4]
            assert message[4:6] == b"\x12\x34"
            assert internet_checksum(message) == 0
            assert address == ("192.0.2.1", 0)

    request = SocketRequest(
        "192.0.2.1", Family.IPV4, source="10.99.0.2", dscp=46, dont_fragment=True, local_port=0x1234
    )
    scripted(test, request)


def test_link_local_router_is_named_without_its_scope() -> None:
    """The kernel appends the interface; labels hold the address."""

    def test(bench: Bench) -> None:
        message = bench.send(Probe(1, 0, 1))
        bench.deliver(error(Family.IPV6, quoted(Family.IPV6, message)), "fe80::1%en0")
        assert [r.address for r in bench.recorder.responses] == ["fe80::1"]

    scripted(test, REQUESTS[Family.IPV6])


@each_family
def test_other_programs_answers_are_nothing_to_us(family: Family) -> None:
    """macOS shows them to every socket: another id is neither a response nor a stranger."""

    def test(bench: Bench) -> None:
        message = bytearray(bench.send(Probe(1, 0, 1)))
        message[4:6] = b"\x12\x35"
        bench.deliver(error(family, quoted(family, bytes(message))))
        bench.deliver(reply(family, bytes(message)), REQUESTS[family].destination)
        bench.deliver(error(family, quoted(family, bytes(8), protocol=17)))
        bench.deliver(bytes(message[:5]))
        assert (bench.recorder.responses, bench.recorder.strangers) == ([], 0)

    scripted(test, REQUESTS[family])


@each_family
def test_answers_that_are_not_proved_are_strangers(family: Family) -> None:
    """Our id, but another cookie, another sender, an answer again, or one cut off."""

    def test(bench: Bench) -> None:
        message = bench.send(Probe(1, 0, 1))
        forged = message[:10] + bytes(8) + message[18:]
        bench.deliver(error(family, quoted(family, forged)))
        bench.deliver(reply(family, forged), REQUESTS[family].destination)
        bench.deliver(reply(family, message))
        bench.deliver(reply(family, message[:20]), REQUESTS[family].destination)
        assert (bench.recorder.responses, bench.recorder.strangers) == ([], 4)
        for _ in range(3):
            bench.deliver(reply(family, message), REQUESTS[family].destination)
        assert (len(bench.recorder.responses), bench.recorder.strangers) == (1, 6)

    scripted(test, REQUESTS[family])


@pytest.mark.parametrize(
    ("number", "kind", "reason"),
    [
        (errno.EHOSTDOWN, ProbeError, ErrorReason.UNREACHABLE_NETWORK),
        (errno.ENOBUFS, SendBlocked, ErrorReason.SEND),
        (errno.EMSGSIZE, TooBig, ErrorReason.SEND),
        (errno.EPERM, ProbeError, ErrorReason.PERMISSION),
    ],
)
def test_failed_send_is_no_loss(number: int, kind: type[ProbeError], reason: ErrorReason) -> None:
    """It is told at once; the next probe goes out."""

    def test(bench: Bench) -> None:
        bench.kernel.send_errors.append(number)
        with pytest.raises(kind) as caught:
            bench.engine.send(Probe(1, 0, 1))
        assert caught.value.reason is reason
        assert getattr(caught.value, "mtu", None) is None
        message = bench.send(Probe(1, 1, 1))
        bench.deliver(reply(Family.IPV4, message), "192.0.2.1")
        assert [r.probe.round for r in bench.recorder.responses] == [1]

    scripted(test, REQUESTS[Family.IPV4])


def test_flood_is_taken_in_portions() -> None:
    """A thousand answers in one wake-up would keep all else waiting; errors of reads are passed."""

    def test(bench: Bench) -> None:
        answer = delivered_by_apple(reply(Family.IPV4, bench.send(Probe(1, 0, 1))))
        bench.kernel.answers.extend([OSError(errno.EHOSTUNREACH, "pending")] * 3)
        bench.kernel.answers.extend([(answer, [], 0, ("192.0.2.1", 0))] * 1000)
        steps = []
        while bench.kernel.answers:
            left = len(bench.kernel.answers)
            bench.engine._channel._readable()
            steps.append(left - len(bench.kernel.answers))
        assert max(steps) <= 256
        assert (len(bench.recorder.responses), bench.recorder.strangers) == (1, 999)

    scripted(test, REQUESTS[Family.IPV4])


def test_all_ids_taken_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process cannot have more sockets than there are ids."""
    monkeypatch.setattr(ECHO_IDS, "take", lambda family, wanted: None)

    async def test() -> None:
        with pytest.raises(SocketUnavailable, match="65,535 echo ids") as caught:
            open_macos_icmp(REQUESTS[Family.IPV4], Recorder())
        assert caught.value.reason is ErrorReason.SOCKET

    run(test())


def test_ttl_of_the_socket_is_set_when_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """BSD: as a socket option, right before the send that it is for."""
    calls: list[object] = []

    def test(bench: Bench) -> None:
        monkeypatch.setattr(ScriptedSocket, "setsockopt", lambda _, *option: calls.append(option))
        for ttl in (5, 5, 6):
            bench.send(Probe(1, 0, ttl))
            calls.append(len(bench.kernel.sent))
        assert calls == [(0, 4, 5), 1, 2, (0, 4, 6), 3]

    scripted(test, REQUESTS[Family.IPV4], BSD["freebsd"][Family.IPV4])


@pytest.mark.parametrize("opener", [open_macos_icmp, open_raw_icmp])
@pytest.mark.parametrize("number", [errno.EPERM, errno.EMFILE])
def test_refusals_have_words(opener: Opener, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel says, the remedy where there is one; and the id is free again."""

    def refuse(*_: object) -> socket.socket:
        raise OSError(number, os.strerror(number))

    async def test() -> None:
        with pytest.raises(SocketUnavailable) as caught:
            opener(REQUESTS[Family.IPV4], Recorder())
        forbidden = number == errno.EPERM
        assert (caught.value.reason is ErrorReason.PERMISSION) is forbidden
        assert bool(caught.value.remedy) is forbidden

    monkeypatch.setattr(OPEN, refuse)
    run(test())
    wanted = REQUESTS[Family.IPV4].local_port
    assert ECHO_IDS.take(Family.IPV4, wanted) == wanted
    ECHO_IDS.release(Family.IPV4, wanted)


_BYTES = st.binary(max_size=80)
_CONTROLS = st.lists(
    st.tuples(st.sampled_from([0, 1, 41, 0xFFFF]), st.sampled_from([2, 37, 47, 52]), _BYTES),
    max_size=3,
)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(list(Family)),
    st.lists(st.tuples(_BYTES, _CONTROLS, st.booleans()), max_size=6),
)
def test_nothing_that_arrives_raises(
    family: Family, items: list[tuple[bytes, list[tuple[int, int, bytes]], bool]]
) -> None:
    """Arbitrary packets and control messages, some with our own message in them: at most one word

    about each, and no probe is answered twice.
    """

    def test(bench: Bench) -> None:
        messages = [bench.send(Probe(1, 0, ttl)) for ttl in range(1, 4)]
        for number, (data, control, ours) in enumerate(items):
            packet = error(family, quoted(family, messages[number % 3]))[: len(data) * 4]
            packet = packet + data if ours else data
            if family is Family.IPV4 and ours:
                packet = delivered_by_apple(packet.ljust(32, b"\0"))
            bench.kernel.answers.append((packet, control, 0, (SOURCES[family], 0)))
        bench.engine._channel._readable()
        heard = bench.recorder
        told = [response.probe for response in heard.responses]
        assert len(told) + heard.strangers <= len(items)
        assert len(set(told)) == len(told)

    scripted(test, REQUESTS[family])
