"""What the program itself writes for raw sockets: id, checksum, IPv4 header."""

from __future__ import annotations

import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import Family
from exporter.sockets.echo_ids import EchoIds
from exporter.sockets.echo_request import Ipv4Header, identified
from exporter.sockets.extensions import internet_checksum
from exporter.sockets.wire import EchoWire
from tests.packet_bytes import THEM, US


@given(
    st.sampled_from(list(Family)),
    st.binary(min_size=8, max_size=8),
    st.integers(1, 65535),
    st.lists(st.integers(0, 65535), min_size=2, max_size=5),
    st.none() | st.integers(50, 1500),
)
def test_flow_keeps_id_and_checksum(
    family: Family, cookie: bytes, identifier: int, sequences: list[int], size: int | None
) -> None:
    """Whatever the sequence number: routers that hash the first bytes see one flow (RFC 792)."""
    wire = EchoWire(family, size, cookie)
    heads = set()
    for sequence in sequences:
        request = identified(family, wire.encode(sequence, 1)[0], identifier)
        assert request[4:8] == struct.pack("!HH", identifier, sequence)
        heads.add(request[:6])
        if family is Family.IPV4:
            assert internet_checksum(request) == 0
        else:
            assert request[2:4] == b"\0\0"
            heads.add(request[:2] + struct.pack("!H", internet_checksum(request)) + request[4:6])
    assert len(heads) == (1 if family is Family.IPV4 else 2)


@pytest.mark.parametrize("order", ["=", "!"])
@pytest.mark.parametrize("whole", [False, True])
def test_own_header_in_the_byte_order_of_the_kernel(order: str, whole: bool) -> None:
    """Length and flags as the kernel wants them, all else in network order (RFC 791)."""
    us, them = US[Family.IPV4], THEM[Family.IPV4]
    packet = Ipv4Header(us, them, 46 << 2, whole, order).packet(7, b"x" * 64)
    little = order == "=" and sys.byteorder == "little"
    numbers = {True: (b"\x54\0", b"\0\x40"), False: (b"\0\x54", b"\x40\0")}[little]
    flags = numbers[1] if whole else b"\0\0"
    fixed = b"\x45\xb8" + numbers[0] + b"\0\0" + flags + b"\x07\x01\0\0"
    assert packet == fixed + us + them + b"x" * 64


def test_ids_are_never_shared() -> None:
    """The wanted one where it is free, else another, the same each time; free when given back."""
    ids = EchoIds()
    assert ids.take(Family.IPV4, 500) == 500
    other = ids.take(Family.IPV4, 500)
    assert other not in (None, 0, 500)
    ids.release(Family.IPV4, other or 0)
    assert ids.take(Family.IPV4, 500) == other
    assert ids.take(Family.IPV6, 500) == 500
    ids.release(Family.IPV4, 500)
    assert ids.take(Family.IPV4, 500) == 500


def test_ids_run_out() -> None:
    """65,535 sockets have one each; the next is refused, until one closes."""
    ids = EchoIds()
    taken = {ids.take(Family.IPV4, wanted) for wanted in range(1, 65536)}
    assert taken == set(range(1, 65536))
    assert ids.take(Family.IPV4, 7) is None
    assert ids.take(Family.IPV4, 0) is None
    ids.release(Family.IPV4, 7)
    assert ids.take(Family.IPV4, 0) == 7
