"""QUIC without a handshake: the packet, and which Version Negotiation is an answer to it."""

from __future__ import annotations

import struct

import pytest
from aioquic._buffer import Buffer
from aioquic.quic.packet import (
    QuicPacketType,
    encode_quic_version_negotiation,
    pull_quic_header,
)
from hypothesis import given
from hypothesis import strategies as st

from exporter import __version__
from exporter.model import Family, Kind
from exporter.sockets.wire_quic import QuicWire
from tests.lab.packets import version_negotiation
from tests.watched import Watched

COOKIE = bytes.fromhex("c00c1e0123456789")
OTHER = bytes.fromhex("c00c1e1123456789")
sequences = st.integers(0, 0xFFFF)
versions = st.lists(st.integers(1, 2**32 - 1), min_size=1, max_size=8)


def quic(size: int | None = None, cookie: bytes = COOKIE) -> QuicWire:
    """A QUIC wire over IPv4."""
    return QuicWire(Family.IPV4, size, cookie)


def answer(probe: bytes, offered: list[int]) -> bytes:
    """What a server makes of a probe."""
    header = pull_quic_header(Buffer(data=probe), host_cid_length=8)
    return bytes(
        encode_quic_version_negotiation(
            source_cid=header.destination_cid,
            destination_cid=header.source_cid,
            supported_versions=offered,
        )
    )


def test_probe_in_bytes() -> None:
    """A reserved version, then both connection ids: number, complement, cookie; the cookie."""
    payload, port = quic().encode(0x1234, 7)
    assert payload[:19] == (
        b"\xc0" + bytes.fromhex("1a2a3a4a") + b"\x0c" + struct.pack("!HH", 0x1234, 0xEDCB) + COOKIE
    ) + (b"\x08")
    assert payload[19:27] == COOKIE
    assert payload[32:].startswith(f"ftr-exporter/{__version__} traceroute probe ".encode())
    assert (len(payload), port, quic().answer_kind) == (1200, 443, Kind.VERSION_NEGOTIATION)


@pytest.mark.parametrize("family", list(Family))
@pytest.mark.parametrize("size", [None, 28, 1228, 1248, 1249, 1500, 9000])
def test_datagram_is_never_smaller_than_a_server_wants(family: Family, size: int | None) -> None:
    """RFC 9000 section 14.1: a server ignores what has fewer than 1,200 bytes."""
    header = 28 if family is Family.IPV4 else 48
    payload, _ = QuicWire(family, size, COOKIE).encode(1, 1)
    assert len(payload) == max(1200, (size or 0) - header)


@given(sequence=sequences)
def test_probe_looks_sound_to_a_server_that_reads_on(sequence: int) -> None:
    """Read as an Initial packet its lengths fit, so that a server gets as far as the version."""
    payload, _ = quic().encode(sequence, 1)
    header = pull_quic_header(Buffer(data=payload), host_cid_length=8)
    assert header.packet_type == QuicPacketType.INITIAL
    assert (header.version, header.token) == (0x1A2A3A4A, b"")
    assert header.packet_length == len(payload)


@given(sequence=sequences, offered=versions)
def test_negotiation_is_matched_by_its_ids(sequence: int, offered: list[int]) -> None:
    """Whatever versions a server offers, and whatever it puts into its unused bits."""
    payload, _ = quic().encode(sequence, 1)
    assert quic().answered(Watched(answer(payload, offered)), 443) == sequence
    simulated = version_negotiation(payload)
    assert simulated is not None
    assert quic().answered(Watched(simulated), 443) == sequence


@given(sequence=sequences, offered=versions, cut=st.integers(1, 31))
def test_negotiation_cut_short_or_of_another_is_refused(
    sequence: int, offered: list[int], cut: int
) -> None:
    """Part of a version, no version at all (RFC 8999 section 6), or the ids of another socket."""
    payload, _ = quic().encode(sequence, 1)
    whole = answer(payload, offered)
    if cut % 4:
        assert quic().answered(Watched(whole[:-cut]), 443) is None
    assert quic().answered(Watched(whole[: -4 * len(offered)]), 443) is None
    assert quic(cookie=OTHER).answered(Watched(whole), 443) is None
    assert quic().answered(Watched(payload), 443) is None


@given(sequence=sequences, place=st.integers(0, 26), bit=st.integers(0, 7))
def test_negotiation_with_one_bit_changed_is_refused(sequence: int, place: int, bit: int) -> None:
    """All but the seven unused bits of the first byte must be right."""
    payload, _ = quic().encode(sequence, 1)
    changed = bytearray(answer(payload, [1]))
    changed[place] ^= 1 << bit
    found = quic().answered(Watched(bytes(changed)), 443)
    assert found == (sequence if place == 0 and bit < 7 else None)


@given(data=st.binary(max_size=60), sequence=sequences)
def test_arbitrary_bytes_around_an_answer(data: bytes, sequence: int) -> None:
    """Nothing raises, and only whole versions behind the ids are let pass."""
    whole = answer(quic().encode(sequence, 1)[0], [1])
    assert quic().answered(Watched(data), 443) is None
    appended = quic().answered(Watched(whole + data), 443)
    assert appended == (None if len(data) % 4 else sequence)
