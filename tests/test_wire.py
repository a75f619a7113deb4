"""Which bytes leave, and which quotes and answers are recognised as our own."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import __version__
from exporter.model import Family, Kind
from exporter.sockets.extensions import internet_checksum
from exporter.sockets.wire import COOKIE_BYTES, EchoWire, Wire
from exporter.sockets.wire_udp import UdpWire

COOKIE = bytes.fromhex("c00c1e0123456789")
OTHER = bytes.fromhex("c00c1e0123456788")
each_family = pytest.mark.parametrize("family", list(Family))
sequences = st.integers(0, 0xFFFF)


def echo(family: Family = Family.IPV4, size: int | None = None, cookie: bytes = COOKIE) -> EchoWire:
    """An echo wire of an ordinary packet size."""
    return EchoWire(family, size, cookie)


def udp(port: int | None = None, size: int | None = None, cookie: bytes = COOKIE) -> UdpWire:
    """A UDP wire over IPv4."""
    return UdpWire(Family.IPV4, size, cookie, port)


@pytest.mark.parametrize(
    ("family", "request_type", "size"), [(Family.IPV4, 8, 64), (Family.IPV6, 128, 64)]
)
def test_echo_request_in_bytes(family: Family, request_type: int, size: int) -> None:
    """Header with the sequence, its complement, the cookie, and words that say who asks."""
    payload, port = echo(family).encode(0x1234, 7)
    assert payload[:18] == struct.pack("!BBHHHH", request_type, 0, 0, 0, 0x1234, 0xEDCB) + COOKIE
    assert payload[18:].startswith(f"ftr-exporter/{__version__} traceroute probe ".encode())
    assert (len(payload), port) == (size, 0)


@each_family
@pytest.mark.parametrize("size", [None, 0, 61, 64, 100])
def test_checksum_is_the_same_for_every_sequence(family: Family, size: int | None) -> None:
    """A balancer that hashes the ICMP checksum sees one flow, whatever the sequence number."""
    wire = echo(family, size)
    step = 1 if size is None else 251
    checksums = {
        internet_checksum(wire.encode(sequence, 1)[0]) for sequence in range(0, 0x10000, step)
    }
    assert len(checksums) == 1


@each_family
@pytest.mark.parametrize("size", [61, 64, 100, 1500, 9000])
def test_packet_has_the_size_asked_for(family: Family, size: int) -> None:
    """IP header and ICMP or UDP header included."""
    header = 20 if family is Family.IPV4 else 40
    assert header + len(echo(family, size).encode(1, 1)[0]) == size
    assert header + 8 + len(UdpWire(family, size, COOKIE, None).encode(1, 1)[0]) == size


@pytest.mark.parametrize("size", [1, 28, 29, 30, 33])
def test_packet_too_small_for_a_cookie_still_has_its_number(size: int) -> None:
    """What does not fit is left out, never the sequence number; its quote is still ours."""
    payload, _ = echo(size=size).encode(513, 1)
    assert echo(size=size).quoted(payload, 0) == 513
    payload, port = udp(size=size).encode(513, 1)
    assert payload[:2] == b"\x02\x01"
    whole = len(payload) > 3
    assert udp(size=size).quoted(payload, port) == (513 if whole else -1)


@each_family
@given(sequence=sequences, length=st.integers(8, 64))
def test_echo_quote_of_any_length_from_its_header_on_is_known(
    family: Family, sequence: int, length: int
) -> None:
    """RFC 792 promises 8 bytes behind the IP header: enough for the sequence number."""
    payload, _ = echo(family).encode(sequence, 1)
    assert echo(family).quoted(payload[:length], 0) == sequence


@each_family
@given(sequence=sequences, length=st.integers(0, 7))
def test_echo_quote_without_a_whole_header_is_nobodys(
    family: Family, sequence: int, length: int
) -> None:
    """Fewer than 8 bytes do not hold the sequence number."""
    payload, _ = echo(family).encode(sequence, 1)
    assert echo(family).quoted(payload[:length], 0) is None


@given(sequence=sequences, length=st.integers(18, 64))
def test_quote_with_the_cookie_of_another_is_refused(sequence: int, length: int) -> None:
    """One bit of the cookie differs: that probe was not ours."""
    payload, _ = echo(cookie=OTHER).encode(sequence, 1)
    assert echo().quoted(payload[:length], 0) is None


@given(sequence=sequences, other=sequences)
def test_quote_whose_number_was_changed_is_refused(sequence: int, other: int) -> None:
    """The complement in the payload vouches for the sequence number of an echo."""
    payload = bytearray(echo().encode(sequence, 1)[0])
    struct.pack_into("!H", payload, 6, other)
    assert echo().quoted(bytes(payload), 0) == (sequence if other == sequence else None)


@pytest.mark.parametrize(
    ("family", "request_type", "reply_type"), [(Family.IPV4, 8, 0), (Family.IPV6, 128, 129)]
)
def test_echo_reply_must_return_everything(
    family: Family, request_type: int, reply_type: int
) -> None:
    """Shorter, longer, or of another type: no reply to us. The id is the kernel's business."""
    wire = echo(family)
    request, _ = wire.encode(99, 1)
    reply = struct.pack("!BBHHH", reply_type, 0, 0xABCD, 0x1234, 99) + request[8:]
    assert wire.answered(reply, 0) == 99
    assert wire.answer_kind is Kind.ECHO_REPLY
    for wrong in (reply[:-1], reply + b"x", request, b"", bytes(len(reply))):
        assert wire.answered(wrong, 0) is None
    assert wire.quoted(reply, 0) is None
    assert request[0] == request_type


WIRES: list[Wire] = [
    *(EchoWire(family, size, COOKIE) for family in Family for size in (None, 28, 36)),
    *(UdpWire(family, None, COOKIE, port) for family in Family for port in (None, 53)),
    *(UdpWire(Family.IPV4, size, COOKIE, None) for size in (28, 36)),
]


@pytest.mark.parametrize("wire", WIRES)
@given(payload=st.binary(max_size=80), port=st.integers(0, 65535), first=st.sampled_from(b"\0\x08"))
def test_arbitrary_bytes_are_never_taken_for_a_cookie(
    wire: Wire, payload: bytes, port: int, first: int
) -> None:
    """A stranger's bytes are refused, or too short to be refused; nothing is raised."""
    for data in (payload, bytes([first]) + payload):
        for found in (wire.quoted(data, port), wire.answered(data, port)):
            assert found is None or -1 <= found <= 0xFFFF
            if len(data) >= 18 and isinstance(wire, UdpWire):
                assert found in (None, -1)


@given(sequence=sequences)
def test_what_one_wire_sends_no_other_takes(sequence: int) -> None:
    """Two sockets of one process, told apart by cookie alone."""
    first, second = echo(cookie=bytes(COOKIE_BYTES)), echo(cookie=b"\xff" * COOKIE_BYTES)
    assert second.quoted(first.encode(sequence, 1)[0], 0) is None
    assert first.quoted(second.encode(sequence, 1)[0], 0) is None
