"""Datagrams: which bytes leave, and which quotes and answers are recognised as our own."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import Family, Kind, Protocol
from exporter.sockets.extensions import internet_checksum
from exporter.sockets.udp_services import size_fault, udp_wire
from exporter.sockets.wire import Wire
from exporter.sockets.wire_dns import DnsWire
from exporter.sockets.wire_ntp import NtpWire
from exporter.sockets.wire_quic import QuicWire
from exporter.sockets.wire_udp import UDP_BASE_PORT, PayloadWire, UdpWire
from tests.watched import Watched

COOKIE = bytes.fromhex("c00c1e0123456789")
OTHER = bytes.fromhex("c00c1e1123456789")
sequences = st.integers(0, 0xFFFF)


def udp(port: int | None = None, size: int | None = None, cookie: bytes = COOKIE) -> UdpWire:
    """A UDP wire over IPv4."""
    return UdpWire(Family.IPV4, size, cookie, port)


def wires(cookie: bytes = COOKIE) -> list[UdpWire | QuicWire | DnsWire | NtpWire]:
    """All that a port may get."""
    return [
        udp(cookie=cookie),
        udp(4242, cookie=cookie),
        UdpWire(Family.IPV6, 101, cookie, 4242),
        QuicWire(Family.IPV4, None, cookie),
        QuicWire(Family.IPV6, 1301, cookie, 8443),
        DnsWire(Family.IPV4, cookie),
        NtpWire(Family.IPV6, cookie),
    ]


each_wire = pytest.mark.parametrize("number", range(len(wires())))


def test_udp_has_a_port_for_each_ttl_that_never_changes() -> None:
    """So a hop is the same flow in every cycle; a port given by the operator stands for all."""
    assert [udp().encode(sequence, 3)[1] for sequence in (1, 2, 65535)] == [33436] * 3
    assert [udp().encode(1, ttl)[1] for ttl in (1, 30, 255)] == [
        UDP_BASE_PORT,
        UDP_BASE_PORT + 29,
        UDP_BASE_PORT + 254,
    ]
    assert {udp(9).encode(1, ttl)[1] for ttl in (1, 30)} == {9}


@pytest.mark.parametrize("size", [40, 41, 61, 64, 84, 100, 1500])
def test_an_unusual_size_begins_like_the_usual_one(size: int) -> None:
    """The search for the MTU sends packets of any size; their quotes are known all the same."""
    payload, port = udp().encode(7, 1, size)
    assert len(payload) == size - 28
    assert udp().quoted(payload, port) == 7


@each_wire
def test_checksum_is_the_same_for_every_sequence_and_ttl(number: int) -> None:
    """Whoever hashes the UDP checksum sees one flow: the complement balances the number."""
    wire = wires()[number]
    checksums = {
        internet_checksum(wire.encode(sequence, sequence % 255 + 1)[0])
        for sequence in range(0, 0x10000, 251)
    }
    assert len(checksums) == 1


@pytest.mark.parametrize("number", [0, 2, 3, 4])
@given(cookie=st.binary(min_size=8, max_size=8))
def test_checksum_outlives_a_restart(number: int, cookie: bytes) -> None:
    """Another cookie, the same checksum: the flow is the same after a restart."""
    before, after = (each[number].encode(1, 1)[0] for each in (wires(), wires(cookie)))
    assert internet_checksum(before) == internet_checksum(after)


@each_wire
@given(sequence=sequences, rest=st.integers(0, 1400), junk=st.binary(max_size=40))
def test_quote_is_known_from_its_number_on(
    number: int, sequence: int, rest: int, junk: bytes
) -> None:
    """As much as the number needs is enough, and what follows the probe does not matter."""
    wire = wires()[number]
    payload, port = wire.encode(sequence, 5)
    length = wire._template.least_bytes + rest
    quote = payload[:length] + (junk if length >= len(payload) else b"")
    assert wire.quoted(Watched(quote), port) == sequence


@each_wire
@given(sequence=sequences, short=st.integers(0, 47), zeros=st.integers(0, 100))
def test_quote_that_ends_before_its_number_says_so(
    number: int, sequence: int, short: int, zeros: int
) -> None:
    """Nothing of the payload, or too little of it, or zeros in its place (RFC 4884 section 3)."""
    wire = wires()[number]
    payload, port = wire.encode(sequence, 5)
    quote = payload[: min(short, wire._template.least_bytes - 1)]
    assert wire.quoted(Watched(quote), port) == -1
    assert wire.quoted(Watched(bytes(zeros)), port) == -1


@each_wire
@given(sequence=sequences)
def test_quote_with_the_cookie_of_another_is_refused(number: int, sequence: int) -> None:
    """One bit of the cookie differs: that probe was not ours."""
    payload, port = wires(OTHER)[number].encode(sequence, 1)
    wire = wires()[number]
    assert wire.quoted(Watched(payload), port) is None
    assert wire.quoted(Watched(payload[: wire.proof_bytes]), port) is None


@each_wire
@given(sequence=sequences, place=st.integers(0, 47), bit=st.integers(0, 7))
def test_quote_with_one_bit_changed_is_refused(
    number: int, sequence: int, place: int, bit: int
) -> None:
    """Whatever stands before the end of the cookie is proved by it."""
    wire = wires()[number]
    payload = bytearray(wire.encode(sequence, 1)[0])
    place %= wire.proof_bytes
    payload[place] ^= 1 << bit
    found = wire.quoted(Watched(bytes(payload)), 1)
    # A DNS question has its number once only.
    assert found is None or (isinstance(wire, DnsWire) and place < 2 and found != sequence)


def test_service_answers_with_bytes_of_its_own() -> None:
    """An echo server returns our number; any other answer tells none."""
    payload, port = udp().encode(4711, 5)
    assert udp().answered(payload, port) == 4711
    assert udp().answer_kind is Kind.DATAGRAM
    for answer in (b"", b"no such command", bytes(512), payload[:11]):
        assert udp().answered(answer, port) == -1


def test_payload_of_the_user_tells_nothing() -> None:
    """Every probe is the same, and so is every quote; that of another payload is nobody's."""
    wire = PayloadWire(b"\x00\xffhello", 4242)
    assert wire.encode(1, 1) == wire.encode(2, 30, 1500) == (b"\x00\xffhello", 4242)
    for quote in (b"", b"\x00", b"\x00\xffhel", b"\x00\xffhello", b"\x00\xffhello and", bytes(8)):
        assert wire.quoted(quote, 4242) == wire.answered(quote, 4242) == -1
    assert wire.quoted(b"\x00\xfehello", 4242) is None
    assert PayloadWire(b"", 7).quoted(b"", 7) == -1


@each_wire
@given(data=st.binary(max_size=120), port=st.integers(0, 65535))
def test_arbitrary_bytes_never_raise_and_are_never_ours(
    number: int, data: bytes, port: int
) -> None:
    """Nothing is read beyond the end; a stranger's bytes match no probe."""
    wire: Wire
    for wire in (wires()[number], PayloadWire(b"payload", 9)):
        for found in (wire.quoted(Watched(data), port), wire.answered(Watched(data), port)):
            assert found is None or -1 <= found <= 0xFFFF
            if len(data) >= 60 and any(data) and not isinstance(wire, DnsWire):
                assert found in (None, -1)


@pytest.mark.parametrize(
    ("port", "payload", "kind"),
    [
        (None, None, UdpWire),
        (4242, None, UdpWire),
        (53, None, DnsWire),
        (123, None, NtpWire),
        (443, None, QuicWire),
        (53, b"other", PayloadWire),
    ],
)
def test_port_decides_what_is_said(port: int | None, payload: bytes | None, kind: type) -> None:
    """A service of its own for three ports; the user's payload wins."""
    wire = udp_wire(Family.IPV4, None, COOKIE, port, payload)
    assert type(wire) is kind
    assert wire.encode(1, 3)[1] == (port or 33436)


@pytest.mark.parametrize(
    ("protocol", "family", "size", "port", "words"),
    [
        (Protocol.UDP, Family.IPV4, 27, None, "at least 28 bytes"),
        (Protocol.UDP, Family.IPV6, 47, 4242, "at least 48 bytes"),
        (Protocol.UDP, Family.IPV4, 1227, 443, "at least 1228 bytes"),
        (Protocol.QUIC, Family.IPV6, 1247, 8443, "at least 1248 bytes"),
        (Protocol.UDP, Family.IPV4, 78, 53, "a size of its own"),
        (Protocol.UDP, Family.IPV4, 76, 123, "a size of its own"),
    ],
)
def test_size_that_cannot_be(
    protocol: Protocol, family: Family, size: int, port: int | None, words: str
) -> None:
    """It is refused in words instead of sending another."""
    assert words in (size_fault(protocol, family, size, port, None) or "")
    assert size_fault(protocol, family, None, port, b"x") is None
    assert "of its own" in (size_fault(Protocol.UDP, family, 9000, port, b"x") or "")
    if port not in (53, 123):
        assert size_fault(protocol, family, size + 1, port, None) is None


@pytest.mark.parametrize("size", [28, 30, 32, 33, 39])
def test_packet_too_small_for_a_cookie_still_has_its_number(size: int) -> None:
    """What does not fit is left out, never the sequence number itself."""
    payload, port = udp(size=size).encode(513, 1)
    assert payload[:4] == struct.pack("!HH", 513, 0xFDFE)[: len(payload)]
    assert len(payload) == max(2, size - 28)
    assert udp(size=size).quoted(payload, port) == (513 if size >= 32 else -1)
