"""What Windows writes and says about echo requests, on every platform."""

from __future__ import annotations

import ctypes
import random
import struct

import pytest

from exporter.errors import ErrorReason, MalformedPacket, SendBlocked
from exporter.model import Family, Kind
from exporter.sockets.windows_api import IpOptions
from exporter.sockets.windows_reply import (
    MEANINGS,
    REPLY4,
    REPLY6,
    failure,
    parse_reply,
    round_trip,
)

START = 0x7FF0_1234_5000


@pytest.mark.skipif(struct.calcsize("P") != 8, reason="a 32-bit Python has smaller pointers")
def test_sizes_and_offsets_on_64_bits() -> None:
    """As `sizeof` and `offsetof` of ipexport.h say for x64."""
    assert (ctypes.sizeof(IpOptions), IpOptions.data.offset) == (16, 8)
    assert (REPLY4.size, REPLY6.size) == (40, 36)
    memory = bytearray(64)
    for offset, value in ((0, 0x0100007F), (4, 11013), (8, 7), (16, 0)):
        struct.pack_into("<I", memory, offset, value)
    struct.pack_into("<H", memory, 12, 4)
    struct.pack_into("<Q", memory, 16, START + 48)
    memory[24] = 63
    memory[48:52] = b"data"
    reply = parse_reply(Family.IPV4, bytes(memory), START, 4)
    assert reply == ("127.0.0.1", 11013, 7, 63, b"data")


def test_ipv6_reply_is_packed_up_to_its_address() -> None:
    """26 bytes of address without padding, status at 28, time at 32, data at 36."""
    memory = bytearray(64)
    memory[6:22] = bytes.fromhex("20010db8000300000000000000000001")
    struct.pack_into("<II", memory, 28, 0, 12)
    memory[36:40] = b"data"
    assert parse_reply(Family.IPV6, bytes(memory), START, 4) == (
        *("2001:db8:3::1", 0, 12, None),
        b"data",
    )
    struct.pack_into("<I", memory, 28, 11013)
    assert parse_reply(Family.IPV6, bytes(memory), START, 4).data == b""


@pytest.mark.parametrize("pointer", [0, START - 1, START + 61, 2**64 - 1])
def test_pointer_out_of_the_buffer_gives_no_data(pointer: int) -> None:
    """Whatever stands there, nothing outside of the reply is read."""
    head = REPLY4.pack(b"\x7f\0\0\1", 0, 0, 4, 0, pointer, 0, 0, 0, 0, 0)
    reply = parse_reply(Family.IPV4, head.ljust(64, b"\xff"), START, 4)
    assert (reply.data, reply.ttl) == (b"", None)


def test_short_memory_is_malformed() -> None:
    """A buffer that holds no reply is refused, and noise of any size never breaks the decoder."""
    noise = random.Random(5)
    for family, size in ((Family.IPV4, REPLY4.size), (Family.IPV6, REPLY6.size)):
        with pytest.raises(MalformedPacket):
            parse_reply(family, bytes(size - 1), START, 8)
        for _ in range(2000):
            memory = noise.randbytes(size + noise.randrange(80))
            assert len(parse_reply(family, memory, START, 8).data) <= len(memory)


@pytest.mark.parametrize(
    ("status", "ipv4", "ipv6"),
    [
        (0, (Kind.ECHO_REPLY, None), (Kind.ECHO_REPLY, None)),
        (11002, (Kind.UNREACHABLE, 0), (Kind.UNREACHABLE, 0)),
        (11003, (Kind.UNREACHABLE, 1), (Kind.UNREACHABLE, 3)),
        (11004, (Kind.UNREACHABLE, 2), (Kind.UNREACHABLE, 1)),
        (11005, (Kind.UNREACHABLE, 3), (Kind.UNREACHABLE, 4)),
        (11009, (Kind.UNREACHABLE, 4), (Kind.UNREACHABLE, None)),
        (11010, None, None),
        (11013, (Kind.TIME_EXCEEDED, None), (Kind.TIME_EXCEEDED, None)),
        (11014, (Kind.TIME_EXCEEDED, None), (Kind.TIME_EXCEEDED, None)),
        (11040, None, (Kind.UNREACHABLE, None)),
        (11041, None, (Kind.TIME_EXCEEDED, None)),
        (11045, None, (Kind.UNREACHABLE, 2)),
        (11050, None, None),
    ],
)
def test_meaning_of_a_status(
    status: int, ipv4: tuple[Kind, int | None] | None, ipv6: tuple[Kind, int | None] | None
) -> None:
    """The numbers of ipexport.h stand for other ICMP codes in IPv4 (RFC 792) than in IPv6."""
    assert MEANINGS[Family.IPV4].get(status) == ipv4
    assert MEANINGS[Family.IPV6].get(status) == ipv6


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        (5, ErrorReason.PERMISSION, "access denied"),
        (1231, ErrorReason.UNREACHABLE_NETWORK, "no route"),
        (11003, ErrorReason.UNREACHABLE_NETWORK, "does not answer on its link"),
        (11050, ErrorReason.SEND, "general failure"),
        (87, ErrorReason.SEND, "Windows error 87"),
    ],
)
def test_failures_have_a_reason(status: int, reason: ErrorReason, words: str) -> None:
    """What this host could not do is an error with words, never loss."""
    error = failure(status, "192.0.2.1")
    assert error.reason is reason
    assert words in str(error)
    assert not isinstance(error, SendBlocked)


@pytest.mark.parametrize("status", [8, 1450, 11006])
def test_full_buffers_block_for_a_moment(status: int) -> None:
    """Too few resources: the same probe can be sent a little later."""
    assert isinstance(failure(status, "192.0.2.1"), SendBlocked)


@pytest.mark.parametrize(
    ("elapsed_ms", "told_ms", "expected_ms"),
    [(3.4, 3, 3.4), (3.4, 0, 3.4), (18.9, 3, 18.9), (250.0, 12, 13.0), (250.0, 0, 250.0)],
)
def test_which_clock_wins(elapsed_ms: float, told_ms: int, expected_ms: float) -> None:
    """Our own measurement, unless this process was held up by more than a tick of Windows' clock;
    a zero of Windows says nothing."""
    assert round_trip(int(elapsed_ms * 1e6), told_ms) == pytest.approx(expected_ms / 1e3)
