"""Whole ICMP packets read: ours, other programs', old routers', cut off ones."""

from __future__ import annotations

import struct

import pytest

from exporter.errors import MalformedPacket
from exporter.model import Family
from exporter.sockets.icmp_platforms import DARWIN, LINUX
from exporter.sockets.ip_packet import (
    EchoReply,
    QuotedEcho,
    parse_message,
    read_packet,
    split_ipv4,
)
from tests.lab import packets as p
from tests.packet_bytes import (
    MPLS,
    THEM,
    VERSIONS,
    checked,
    delivered,
    delivered_by_apple,
    echo,
    error,
    quoted,
    reply,
    with_options,
)

each_family = pytest.mark.parametrize("family", list(Family))


def found(family: Family, message: bytes) -> QuotedEcho:
    """An error that must be understood."""
    read = parse_message(family, message)
    assert isinstance(read, QuotedEcho)
    return read


@each_family
def test_router_quotes_our_echo(family: Family) -> None:
    """The id, where the packet went, and the quote from its ICMP header on."""
    request = echo(family, 0x4242)
    read = found(family, error(family, quoted(family, request), code=0))
    assert (read.icmp_type, read.code) == (p.TIME_EXCEEDED[VERSIONS[family]], 0)
    assert (read.identifier, read.destination) == (0x4242, THEM[family])
    assert (read.quote, read.extensions) == (request, ())


@each_family
def test_destination_returns_the_echo(family: Family) -> None:
    """Its id, and the whole message for the cookie in it."""
    answer = reply(family, echo(family, 77))
    assert parse_message(family, answer) == EchoReply(77, answer)


@pytest.mark.parametrize("outer", [0, 4, 40])
@pytest.mark.parametrize("inner", [0, 4, 40])
def test_ip_options_are_passed_over(outer: int, inner: int) -> None:
    """A header of 24 or 60 bytes, our own in the quote as well as the router's (RFC 791)."""
    request = echo(Family.IPV4, 3)
    quote = quoted(Family.IPV4, request)
    quote = with_options(quote, b"\1" * inner) if inner else quote
    packet = delivered(Family.IPV4, error(Family.IPV4, quote))
    packet = with_options(packet, b"\1" * outer) if outer else packet
    read, ttl = read_packet(LINUX[Family.IPV4], Family.IPV4, packet)
    assert isinstance(read, QuotedEcho)
    assert (read.identifier, read.quote, ttl) == (3, request, 60)


@pytest.mark.parametrize(
    "chain",
    [
        bytes((58, 0)) + bytes(6),
        bytes((58, 2)) + bytes(22),
        bytes((60, 0)) + bytes(6) + bytes((58, 1)) + bytes(14),
    ],
)
@pytest.mark.parametrize("first", [0, 43, 60])
def test_ipv6_extension_headers_are_passed_over(first: int, chain: bytes) -> None:
    """Hop-by-hop, routing and destination options, of different lengths (RFC 8200 section 4)."""
    quote = quoted(Family.IPV6, chain + echo(Family.IPV6, 9), protocol=first)
    assert found(Family.IPV6, error(Family.IPV6, quote)).identifier == 9


@pytest.mark.parametrize(("offset", "ours"), [(0, True), (8, False)])
def test_only_the_first_fragment_has_our_header(offset: int, ours: bool) -> None:
    """A quoted later fragment starts somewhere in the payload: that is nobody's id."""
    header = struct.pack("!BBHI", 58, 0, offset | 1, 1)
    quote = quoted(Family.IPV6, header + echo(Family.IPV6, 9), protocol=44)
    assert (parse_message(Family.IPV6, error(Family.IPV6, quote)) is not None) is ours
    packet = bytearray(quoted(Family.IPV4, echo(Family.IPV4, 9)))
    packet[6:8] = struct.pack("!H", 0x2000 | offset // 8)
    assert (parse_message(Family.IPV4, error(Family.IPV4, bytes(packet))) is not None) is ours


@each_family
def test_mpls_labels_stand_behind_the_quote(family: Family) -> None:
    """RFC 4884: the length counts words of 32 bits in ICMP, of 64 in ICMPv6."""
    quote = quoted(family, echo(family, 5, body=bytes(56)))
    read = found(family, error(family, quote, extensions=MPLS))
    assert (read.extensions, read.identifier) == (MPLS, 5)
    assert len(read.quote) == 128 - (20 if family is Family.IPV4 else 40)


@each_family
@pytest.mark.parametrize("garbage", [0, 1, 255])
def test_old_router_tells_no_length(family: Family, garbage: int) -> None:
    """RFC 4884 section 5.5: the structure is at byte 128 if its checksum says so, and not else."""
    quote = quoted(family, echo(family, 5)).ljust(128, b"\0")
    message = bytearray(error(family, quote + p.extension_structure(MPLS)))
    message[5 if family is Family.IPV4 else 4] = garbage
    assert found(family, bytes(message)).extensions == MPLS
    message[-1] ^= 1
    assert found(family, bytes(message)).extensions == ()
    message[8 + 128 + 2 : 8 + 128 + 4] = b"\0\0"
    assert found(family, bytes(message)).extensions == ()


@pytest.mark.parametrize(("family", "kind", "code"), [(Family.IPV4, 3, 4), (Family.IPV6, 2, 0)])
def test_next_mtu_is_told(family: Family, kind: int, code: int) -> None:
    """RFC 1191 section 4 gives it 16 bits, RFC 4443 section 3.2 the whole word."""
    message = error(family, quoted(family, echo(family, 5)), kind=kind, code=code, rest=1400)
    assert found(family, message).mtu == 1400


@each_family
def test_other_programs_packets_are_none_of_ours(family: Family) -> None:
    """Requests, redirects, neighbour discovery, errors about UDP and about echo replies."""
    udp = quoted(family, bytes(16), protocol=p.UDP)
    answer = quoted(family, reply(family, echo(family, 1)))
    for message in (echo(family, 1), bytes((5, 1)) + bytes(6), bytes((135, 0)) + bytes(22)):
        assert parse_message(family, message) is None
    for quote in (udp, answer):
        assert parse_message(family, error(family, quote)) is None
    packet = p.ip_packet(THEM[Family.IPV4], THEM[Family.IPV4], p.UDP, 1, bytes(16))
    assert read_packet(LINUX[Family.IPV4], Family.IPV4, packet) == (None, None)


@each_family
def test_packets_cut_off_are_malformed(family: Family) -> None:
    """Every length short of the quoted sequence number; nothing else raises anything."""
    quote = quoted(family, echo(family, 1, body=b""))
    whole = error(family, quote)
    assert found(family, whole).identifier == 1
    for length in range(len(whole)):
        with pytest.raises(MalformedPacket):
            parse_message(family, whole[:length])


def test_malformed_headers() -> None:
    """Another version, a header shorter than the least or longer than the packet."""
    packet = delivered(Family.IPV4, reply(Family.IPV4, echo(Family.IPV4, 1)))
    for first in (0x44, 0x4F, 0x65, 0x05):
        with pytest.raises(MalformedPacket):
            split_ipv4(bytes((first,)) + packet[1:40])
    for family, first in ((Family.IPV4, 0x65), (Family.IPV6, 0x45)):
        quote = quoted(family, echo(family, 1))
        with pytest.raises(MalformedPacket):
            parse_message(family, error(family, bytes((first,)) + quote[1:]))


@pytest.mark.parametrize("first", [0, 43, 44, 60])
def test_extension_header_cut_off_is_malformed(first: int) -> None:
    """The quote ends in the middle of it, or before what it says is its own end."""
    for rest in (b"", bytes(7), bytes((58, 9)) + bytes(6)):
        if first == 44 and len(rest) == 8:
            continue
        quote = quoted(Family.IPV6, rest, protocol=first)
        with pytest.raises(MalformedPacket):
            parse_message(Family.IPV6, error(Family.IPV6, quote))


def test_wrong_checksum_is_malformed_where_the_kernel_has_not_looked() -> None:
    """Linux hands raw sockets what it would drop itself."""
    packet = bytearray(delivered(Family.IPV4, reply(Family.IPV4, echo(Family.IPV4, 1))))
    packet[-1] ^= 1
    with pytest.raises(MalformedPacket, match="checksum"):
        read_packet(LINUX[Family.IPV4], Family.IPV4, bytes(packet))
    read, _ = read_packet(DARWIN[Family.IPV4], Family.IPV4, bytes(packet))
    assert isinstance(read, EchoReply)


def test_lengths_of_apple_are_not_believed() -> None:
    """`ip_len` in host byte order and without the header, in the quote too: it reads the same."""
    request = echo(Family.IPV4, 8, body=bytes(56))
    for message in (
        reply(Family.IPV4, request),
        error(Family.IPV4, quoted(Family.IPV4, request)),
        error(Family.IPV4, quoted(Family.IPV4, request), extensions=MPLS),
    ):
        theirs, ttl = read_packet(DARWIN[Family.IPV4], Family.IPV4, delivered_by_apple(message))
        ours, _ = read_packet(LINUX[Family.IPV4], Family.IPV4, delivered(Family.IPV4, message))
        assert theirs is not None
        assert theirs.identifier == 8
        assert ttl == 60
        if isinstance(theirs, QuotedEcho):
            assert theirs == ours


def test_icmpv6_of_apple_has_no_header_in_front() -> None:
    """RFC 3542 section 3: the same as everywhere."""
    message = checked(Family.IPV6, reply(Family.IPV6, echo(Family.IPV6, 8)))
    assert read_packet(DARWIN[Family.IPV6], Family.IPV6, message) == (EchoReply(8, message), None)
