"""Ancillary data: literal control messages of Linux, arbitrary ones, and quotes with extensions."""

from __future__ import annotations

import ipaddress
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import ExtensionObject, Family
from exporter.sockets import errqueue
from exporter.sockets.errqueue import (
    OPTIONS,
    Ancillary,
    Origin,
    QueuedError,
    parse_ancillary,
    parse_extended_error,
    quoted_extensions,
)
from tests.test_extensions import TWO_LABELS, with_checksum

IPV4_EXPIRED = bytes.fromhex("71000000 02 0b 00 00 00000000 00000000 0200 0000 c6336401") + bytes(8)
"""EHOSTUNREACH, of ICMP, time exceeded; the offender is 198.51.100.1."""
IPV6_EXPIRED = bytes.fromhex(
    "71000000 03 03 00 00 00000000 00000000 0a00 0000 00000000 20010db8000000000000000000000001"
    "00000000"
)
SEND_STAMP = bytes.fromhex("2a000000 04 00 00 00 00000000 07000000")
"""ENOMSG, of time stamping: the stamp of send number 7."""
STAMP = struct.pack("@ll", 1_700_000_000, 123_456_789) + bytes(32)
OBJECTS = (ExtensionObject(1, 1, TWO_LABELS[8:]),)


def error(data: int = 0) -> QueuedError:
    """A queued error of which only `ee_data` matters."""
    return QueuedError(113, Origin.ICMP, 11, 0, 0, data, "198.51.100.1")


def ee_data(offset: int, flags: int = 0) -> int:
    """`ee_data` as a `sock_ee_data_rfc4884`."""
    (number,) = struct.unpack("=I", struct.pack("=HBB", offset, flags, 0))
    return int(number)


def test_numbers_are_those_of_the_platform() -> None:
    """Where Python's socket module knows a number, it is the same."""
    ipv4, ipv6 = OPTIONS[Family.IPV4], OPTIONS[Family.IPV6]
    assert (ipv4.level, ipv4.ttl, ipv4.traffic_class) == (
        socket.IPPROTO_IP,
        socket.IP_TTL,
        socket.IP_TOS,
    )
    assert (ipv6.level, ipv6.ttl, ipv6.receive_ttl, ipv6.traffic_class) == (
        socket.IPPROTO_IPV6,
        socket.IPV6_HOPLIMIT,
        socket.IPV6_RECVHOPLIMIT,
        socket.IPV6_TCLASS,
    )
    assert errqueue.SOL_SOCKET == socket.SOL_SOCKET


@pytest.mark.parametrize(
    ("level", "ttl", "number", "data", "offender"),
    [
        (0, 2, 11, IPV4_EXPIRED, "198.51.100.1"),
        (41, 52, 25, IPV6_EXPIRED, "2001:db8::1"),
    ],
)
def test_time_exceeded_with_stamp_and_ttl(
    level: int, ttl: int, number: int, data: bytes, offender: str
) -> None:
    """The three control messages of an answer by a router, in any order."""
    messages = [
        (1, 37, STAMP),
        (level, ttl, struct.pack("@i", 253)),
        (level, number, data),
    ]
    expected = QueuedError(113, data[4], data[5], 0, 0, 0, offender)
    for ordered in (messages, messages[::-1]):
        assert parse_ancillary(ordered) == Ancillary(1_700_000_000_123_456_789, 253, expected)


def test_send_stamp_names_its_send() -> None:
    """An item of origin 4 carries the number of the send and no offender, whatever follows."""
    for data in (SEND_STAMP, SEND_STAMP + bytes.fromhex("0200 0000 c6336401") + bytes(8)):
        found = parse_extended_error(data)
        assert found is not None
        assert (found.origin, found.data, found.offender) == (Origin.TIMESTAMP, 7, None)


def test_answer_without_a_stamp() -> None:
    """A `scm_timestamping` of zeros means that the kernel took none: None, not 1970."""
    assert parse_ancillary([(1, 37, bytes(48))]) == Ancillary(None, None, None)
    assert parse_ancillary([]) == Ancillary(None, None, None)


def test_messages_of_others_are_passed_over() -> None:
    """Known numbers at another level, and unknown numbers at a known one, mean something else."""
    messages = [
        (1, 29, STAMP),
        (0, 52, struct.pack("@i", 1)),
        (41, 2, struct.pack("@i", 1)),
        (0, 25, IPV4_EXPIRED),
        (6, 37, STAMP),
        (41, 11, IPV6_EXPIRED),
    ]
    assert parse_ancillary(messages) == Ancillary(None, None, None)


@pytest.mark.parametrize("length", range(16))
def test_error_cut_short_is_none(length: int) -> None:
    """Sixteen bytes make a `sock_extended_err`; fewer make nothing."""
    assert parse_extended_error(IPV4_EXPIRED[:length]) is None


@pytest.mark.parametrize(
    "address",
    ["", "02", "0200 0000 c63364", "0a00 0000" + "00" * 19, "0100 0000 c6336401" + "00" * 20],
)
def test_offender_cut_short_or_of_another_family_is_none(address: str) -> None:
    """The error itself still counts."""
    found = parse_extended_error(IPV4_EXPIRED[:16] + bytes.fromhex(address))
    assert found == error()._replace(offender=None)


@given(st.binary(min_size=16, max_size=16))
def test_offender_is_written_as_an_address(address: bytes) -> None:
    """Any 16 bytes from a stranger become an address and nothing else."""
    found = parse_extended_error(IPV6_EXPIRED[:24] + address + bytes(4))
    assert found is not None
    assert found.offender is not None
    assert ipaddress.IPv6Address(found.offender).packed == address


_NUMBERS = st.sampled_from([0, 1, 2, 6, 11, 25, 26, 31, 37, 41, 52]) | st.integers()
_CUT_SHORT = st.sampled_from([IPV4_EXPIRED, IPV6_EXPIRED, SEND_STAMP, STAMP]).flatmap(
    lambda whole: st.integers(0, len(whole)).map(lambda length: whole[:length])
)


@given(st.lists(st.tuples(_NUMBERS, _NUMBERS, st.binary(max_size=64) | _CUT_SHORT), max_size=6))
def test_arbitrary_ancillary_data_raises_nothing(messages: list[tuple[int, int, bytes]]) -> None:
    """Whatever the kernel hands over, cut short or unknown, there is a result."""
    found = parse_ancillary(messages)
    assert found.stamp != 0
    if found.error is not None and found.error.offender is not None:
        ipaddress.ip_address(found.error.offender)


def test_extensions_stand_where_the_kernel_says() -> None:
    """The offset of RFC 4884 counts from the start of the payload, with or without a checksum."""
    quote = bytes(range(64))
    for structure in (TWO_LABELS, with_checksum(TWO_LABELS)):
        found = quoted_extensions(quote + structure, error(ee_data(64)), 28)
        assert found == OBJECTS


def test_kernel_that_found_the_structure_invalid_is_believed() -> None:
    """`SO_EE_RFC4884_FLAG_INVALID` means: do not read it."""
    payload = bytes(64) + TWO_LABELS
    assert quoted_extensions(payload, error(ee_data(64, flags=1)), 28) == ()


@pytest.mark.parametrize("header_bytes", [20, 28, 40, 48])
def test_old_style_structure_is_believed_with_a_right_checksum_only(header_bytes: int) -> None:
    """RFC 4884 section 5.5: at byte 128 of the quote. Any other 20 bytes may be mere payload."""
    quote = bytes(128 - header_bytes)
    right = with_checksum(TWO_LABELS)
    wrong = bytes([*right[:3], right[3] ^ 1, *right[4:]])
    assert quoted_extensions(quote + right, error(), header_bytes) == OBJECTS
    for structure in (wrong, TWO_LABELS, bytes(20), b"\xff" * 20):
        assert quoted_extensions(quote + structure, error(), header_bytes) == ()


@pytest.mark.parametrize("length", [0, 99, 100, 104, 107])
def test_payload_too_short_for_a_structure(length: int) -> None:
    """A structure has a header and at least one object: eight bytes."""
    payload = (bytes(100) + with_checksum(TWO_LABELS))[:length]
    assert quoted_extensions(payload, error(), 28) == ()
    assert quoted_extensions(payload, error(ee_data(100)), 28) == ()
    assert quoted_extensions(payload, error(ee_data(0xFFFF)), 28) == ()


@given(st.binary(max_size=300), st.integers(0, 2**32 - 1) | st.integers(0, 300))
def test_arbitrary_quotes_raise_nothing(payload: bytes, data: int) -> None:
    """Objects found never hold more bytes than the payload."""
    found = quoted_extensions(payload, error(data), 28)
    assert sum(4 + len(each.payload) for each in found) <= max(0, len(payload) - 4)
