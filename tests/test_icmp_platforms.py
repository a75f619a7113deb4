"""The records of how platforms differ: numbers, filters, and control messages in their layouts."""

from __future__ import annotations

import socket
import struct
import sys

import pytest

from exporter.model import Family
from exporter.sockets.icmp_platforms import BSD, DARWIN, LINUX, quirks_of
from exporter.sockets.icmp_quirks import Control, Quirks, TtlBy, parse_control

SECONDS, MICROSECONDS = 1_767_225_600, 123_456
STAMP = SECONDS * 1_000_000_000 + MICROSECONDS * 1000
INT_TIMEVAL = struct.pack("=qi", SECONDS, MICROSECONDS) + b"\xee" * 4
LONG_TIMEVAL = struct.pack("=qq", SECONDS, MICROSECONDS)
HOPS = struct.pack("=i", 61)


def test_platforms_are_found_by_the_beginning_of_their_name() -> None:
    """`sys.platform` ends with a version on the BSDs."""
    assert quirks_of("linux", Family.IPV4) is LINUX[Family.IPV4]
    assert quirks_of("darwin", Family.IPV6) is DARWIN[Family.IPV6]
    assert quirks_of("freebsd14", Family.IPV4) is BSD["freebsd"][Family.IPV4]
    with pytest.raises(KeyError, match="plan9"):
        quirks_of("plan9", Family.IPV4)


@pytest.mark.parametrize(
    ("quirks", "message", "data"),
    [
        (LINUX[Family.IPV4], (1, 37), struct.pack("@6l", SECONDS, MICROSECONDS * 1000, 0, 0, 0, 0)),
        (DARWIN[Family.IPV4], (0xFFFF, 2), INT_TIMEVAL),
        (DARWIN[Family.IPV6], (0xFFFF, 2), INT_TIMEVAL),
        (BSD["freebsd"][Family.IPV4], (0xFFFF, 2), LONG_TIMEVAL),
        (BSD["dragonfly"][Family.IPV4], (0xFFFF, 2), LONG_TIMEVAL),
        (BSD["openbsd"][Family.IPV4], (0xFFFF, 4), LONG_TIMEVAL),
        (BSD["netbsd"][Family.IPV4], (0xFFFF, 8), INT_TIMEVAL),
    ],
)
def test_receive_stamps(quirks: Quirks, message: tuple[int, int], data: bytes) -> None:
    """`scm_timestamping` of Linux, `struct timeval` of the others; cut short ones are none."""
    assert parse_control(quirks, [(*message, data)]) == Control(STAMP, None)
    assert parse_control(quirks, [(*message, data[:8])]) == Control(None, None)
    assert parse_control(quirks, [(*message, bytes(len(data)))]) == Control(None, None)


@pytest.mark.parametrize(
    ("quirks", "number"),
    [(LINUX, 52), (DARWIN, 47), *((each, 47) for each in BSD.values())],
)
def test_hop_limit_of_an_answer(quirks: dict[Family, Quirks], number: int) -> None:
    """ICMPv6 comes without its header; other messages, and a cut off one, tell nothing."""
    messages = [(41, 50, HOPS), (41, number, HOPS), (0, number, b"\1\0\0\0"), (41, number, b"\1")]
    assert parse_control(quirks[Family.IPV6], messages) == Control(None, 61)
    assert parse_control(quirks[Family.IPV4], messages) == Control(None, None)


def passed(quirks: Quirks, types: range) -> set[int]:
    """The ICMP types that a filter lets through: a set bit blocks on Linux, else it passes."""
    (option,) = quirks.filters
    assert isinstance(option.value, bytes)
    words = struct.unpack(f"={len(option.value) // 4}I", option.value)
    bits = {each for each in types if words[each >> 5] >> (each & 31) & 1}
    return set(types) - bits if quirks.error_queue else bits


def test_filters_pass_answers_and_nothing_else() -> None:
    """Echo replies and errors (RFC 3542 section 3.2, linux/icmp.h)."""
    assert passed(LINUX[Family.IPV4], range(32)) == {0, 3, 11, 12}
    for quirks in (LINUX, DARWIN, *BSD.values()):
        assert passed(quirks[Family.IPV6], range(256)) == {1, 2, 3, 4, 129}


NAMES = {
    Family.IPV4: {"traffic_class": "IP_TOS", "level": "IPPROTO_IP"},
    Family.IPV6: {
        "traffic_class": "IPV6_TCLASS",
        "level": "IPPROTO_IPV6",
        "receive_ttl": "IPV6_RECVHOPLIMIT",
        "ttl_message": "IPV6_HOPLIMIT",
        "whole_message": "IPV6_DONTFRAG",
    },
}
TTL_NAMES = {TtlBy.HEADER: "IP_HDRINCL", TtlBy.OPTION: "IP_TTL"}


@pytest.mark.parametrize("family", list(Family))
def test_numbers_are_those_of_this_platform(family: Family) -> None:
    """Wherever the socket module knows a number by name, on whatever platform this runs."""
    quirks = quirks_of(sys.platform, family)
    message = "IP_TTL" if family is Family.IPV4 else "IPV6_HOPLIMIT"
    names = NAMES[family] | {"ttl": TTL_NAMES.get(quirks.ttl_by, message)}
    for field, name in names.items():
        number = getattr(quirks, field)
        assert number is None or number == getattr(socket, name, number), name
    assert quirks.stamps.option.level == socket.SOL_SOCKET
