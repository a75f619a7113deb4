"""ICMP extension structures: literal bytes, every way to be malformed, and arbitrary bytes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import MalformedPacket
from exporter.model import ExtensionObject, MplsEntry
from exporter.sockets.extensions import internet_checksum, mpls_stack, parse_extensions

TWO_LABELS = bytes.fromhex("2000 0000 000c 0101 05dd1001 03e81ffe")
"""RFC 4950 section 4: label 24017 (EXP 0, not bottom, TTL 1), then 16001 (7, bottom, 254)."""


def with_checksum(structure: bytes) -> bytes:
    """The same structure with its checksum filled in."""
    zeroed = structure[:2] + bytes(2) + structure[4:]
    return zeroed[:2] + struct.pack("!H", internet_checksum(zeroed)) + zeroed[4:]


@pytest.mark.parametrize(
    ("data", "checksum"),
    [
        ("", 0xFFFF),
        ("00", 0xFFFF),
        ("ffff", 0x0000),
        ("0001 f203 f4f5 f6f7", 0x220D),
        ("0001 f203 f4f5 f6", 0x2304),
        ("ffff ffff 0001", 0xFFFE),
    ],
)
def test_checksum_of_known_bytes(data: str, checksum: int) -> None:
    """The example of RFC 1071 section 3, an odd length, and a carry that carries again."""
    assert internet_checksum(bytes.fromhex(data)) == checksum


def test_mpls_label_stack_of_a_literal_structure() -> None:
    """Two labels, the outermost first, with and without a checksum."""
    for structure in (TWO_LABELS, with_checksum(TWO_LABELS)):
        objects = parse_extensions(structure)
        assert objects == (ExtensionObject(1, 1, TWO_LABELS[8:]),)
        assert mpls_stack(objects) == (
            MplsEntry(24017, 0, False, 1),
            MplsEntry(16001, 7, True, 254),
        )


def test_objects_of_other_classes_are_kept_but_are_no_labels() -> None:
    """An interface information object (RFC 5837) before the stack, an empty object behind it."""
    structure = bytes.fromhex("2000 0000 0008 02aa c0000201 0008 0101 00010101 0004 0102")
    objects = parse_extensions(structure)
    assert objects == (
        ExtensionObject(2, 0xAA, bytes.fromhex("c0000201")),
        ExtensionObject(1, 1, bytes.fromhex("00010101")),
        ExtensionObject(1, 2, b""),
    )
    assert mpls_stack(objects) == (MplsEntry(16, 0, True, 1),)


def test_label_cut_short_is_passed_over() -> None:
    """A stack whose last entry has three bytes shows the entries before it."""
    objects = (ExtensionObject(1, 1, bytes.fromhex("00010101 0001ff")),)
    assert mpls_stack(objects) == (MplsEntry(16, 0, True, 1),)


def test_structure_without_objects_is_empty() -> None:
    """A header alone says nothing, and is not malformed."""
    assert parse_extensions(bytes.fromhex("2000 0000")) == ()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("", "shorter than its header"),
        ("200000", "shorter than its header"),
        ("1000 0000", "of version 1"),
        ("0000 0000 0004 0101", "of version 0"),
        ("2000 1234 0008 0101 00010101", "wrong checksum"),
        ("2000 0000 0004 01", "cut off in its header"),
        ("2000 0000 0003 0101", "of length 3"),
        ("2000 0000 0000 0101", "of length 0"),
        ("2000 0000 0009 0101 00010101", "of length 9"),
        ("2000 0000 ffff 0101 00010101", "of length 65535"),
    ],
)
def test_malformed_structure_is_named(data: str, why: str) -> None:
    """Each way to contradict itself has its own words; none reads beyond the data."""
    with pytest.raises(MalformedPacket, match=why):
        parse_extensions(bytes.fromhex(data))


@given(st.binary(max_size=200), st.booleans())
def test_arbitrary_bytes_are_decoded_or_malformed(data: bytes, plausible: bool) -> None:
    """Nothing but `MalformedPacket` comes out, and never more bytes than went in."""
    if plausible:
        data = b"\x20\0\0\0" + data
    try:
        objects = parse_extensions(data)
    except MalformedPacket:
        return
    assert 4 + sum(4 + len(found.payload) for found in objects) == len(data)
    mpls_stack(objects)


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=40))))
def test_what_was_encoded_is_decoded(objects: list[tuple[int, int, bytes]]) -> None:
    """Any objects, written by RFC 4884 section 7, come back as they were, checksum included."""
    structure = b"\x20\0\0\0" + b"".join(
        struct.pack("!HBB", 4 + len(payload), number, c_type) + payload
        for number, c_type, payload in objects
    )
    assert parse_extensions(with_checksum(structure)) == tuple(
        ExtensionObject(*found) for found in objects
    )


@given(st.binary(min_size=8, max_size=64), st.data())
def test_one_flipped_bit_is_noticed(data: bytes, draw: st.DataObject) -> None:
    """A checksum that is not zero stands for every bit of the structure."""
    structure = with_checksum(b"\x20\0\0\0" + struct.pack("!HBB", 4 + len(data), 1, 1) + data)
    bit = draw.draw(st.integers(0, 8 * len(structure) - 1))
    flipped = bytearray(structure)
    flipped[bit // 8] ^= 1 << bit % 8
    if any(flipped[2:4]):
        with pytest.raises(MalformedPacket):
            parse_extensions(bytes(flipped))
