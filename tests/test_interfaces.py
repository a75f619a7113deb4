"""What routers say of their interfaces: literal objects, every misfit, and arbitrary bytes."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import ExtensionObject
from exporter.reading.interfaces import InterfaceInfo, InterfaceRole, interface_info, other_objects
from tests.watched import Watched

EVERYTHING = ExtensionObject(
    2, 0x0F, bytes.fromhex("00000005 00010000 c6336401 0c 67652d302f302f31 000000 000005dc")
)
"""Role 0, ifIndex 5, 198.51.100.1, the name `ge-0/0/1` filled up to 12 bytes, MTU 1500."""


def test_everything_a_router_can_say() -> None:
    """All four parts, in the order of RFC 5837 section 4.1."""
    assert interface_info((EVERYTHING,)) == (
        InterfaceInfo(InterfaceRole.INCOMING, 5, "198.51.100.1", "ge-0/0/1", 1500),
    )
    assert other_objects((EVERYTHING,)) == ()


@pytest.mark.parametrize(
    ("c_type", "payload", "expected"),
    [
        (0x00, "", InterfaceInfo(InterfaceRole.INCOMING)),
        (0x48, "00000007", InterfaceInfo(InterfaceRole.SUB_IP, index=7)),
        (0x81, "00002328", InterfaceInfo(InterfaceRole.OUTGOING, mtu=9000)),
        (
            0xC4,
            "00020000 20010db8000000000000000000000001",
            InterfaceInfo(InterfaceRole.NEXT_HOP, address="2001:db8::1"),
        ),
        (0x02, "04 657430", InterfaceInfo(InterfaceRole.INCOMING, name="et0")),
        (0x38, "00000001", InterfaceInfo(InterfaceRole.INCOMING, index=1)),
        (0x08, "00000001 0000", InterfaceInfo(InterfaceRole.INCOMING, index=1)),
    ],
)
def test_parts_and_roles(c_type: int, payload: str, expected: InterfaceInfo) -> None:
    """Each part alone; reserved bits are ignored, and so is padding with zeros."""
    assert interface_info((ExtensionObject(2, c_type, bytes.fromhex(payload)),)) == (expected,)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"Gi0/1\x1b[31m", "Gi0/1[31m"),
        ("büro".encode(), "büro"),
        ("büro".encode()[:2], "b"),
        (b"two  \r\n lines", "two lines"),
        (b"\xff\xfe", None),
        (b"", None),
        (b"eth0\0secret", "eth0"),
    ],
)
def test_names_are_one_clean_line(name: bytes, expected: str | None) -> None:
    """Escape sequences, cut characters and line ends never reach a terminal or a page."""
    payload = bytes([1 + len(name)]) + name
    (found,) = interface_info((ExtensionObject(2, 0x02, payload),))
    assert found.name == expected


@pytest.mark.parametrize(
    ("c_type", "payload"),
    [
        (0x08, "000005"),
        (0x04, "0001"),
        (0x04, "00010000 c63364"),
        (0x04, "00020000 c6336401"),
        (0x04, "00030000 c6336401"),
        (0x02, ""),
        (0x02, "00"),
        (0x02, "05 657430"),
        (0x02, "41" + "61" * 64),
        (0x01, "05dc"),
        (0x09, "00000005"),
        (0x08, "00000005 00000000"),
        (0x08, "00000005 01"),
    ],
)
def test_misfits_are_passed_over_but_kept_as_they_are(c_type: int, payload: str) -> None:
    """An object that contradicts its C-Type tells nothing; the one behind it still does."""
    misfit = ExtensionObject(2, c_type, bytes.fromhex(payload))
    assert [each.index for each in interface_info((misfit, EVERYTHING))] == [5]
    assert other_objects((misfit, EVERYTHING)) == (misfit,)


def test_other_classes_are_kept() -> None:
    """A label stack is no other object; one of another C-Type or class is."""
    stack, unknown = ExtensionObject(1, 1, b"\0\0\0\1"), ExtensionObject(3, 1, b"eth0")
    outgoing_stack = ExtensionObject(1, 2, b"\0\0\0\1")
    found = (stack, EVERYTHING, unknown, outgoing_stack)
    assert other_objects(found) == (unknown, outgoing_stack)
    assert len(interface_info(found)) == 1


PARTS = st.tuples(
    st.sampled_from(range(4)),
    st.none() | st.integers(0, 2**32 - 1),
    st.none() | st.ip_addresses(),
    st.none() | st.from_regex(r"[!-~]{1,63}", fullmatch=True),
    st.none() | st.integers(0, 2**32 - 1),
)


@given(PARTS)
def test_what_was_encoded_is_decoded(
    parts: tuple[int, int | None, IPv4Address | IPv6Address | None, str | None, int | None],
) -> None:
    """Any combination of parts, written by RFC 5837 section 4, comes back as it was."""
    role, index, address, name, mtu = parts
    payload, c_type = b"", role << 6
    if index is not None:
        payload, c_type = payload + struct.pack("!I", index), c_type | 8
    if address is not None:
        family = 1 if address.version == 4 else 2
        payload, c_type = payload + struct.pack("!HH", family, 0) + address.packed, c_type | 4
    if name is not None:
        field = name.encode() + bytes(-(1 + len(name)) % 4)
        payload, c_type = payload + bytes([1 + len(field)]) + field, c_type | 2
    if mtu is not None:
        payload, c_type = payload + struct.pack("!I", mtu), c_type | 1
    expected = InterfaceInfo(
        tuple(InterfaceRole)[role], index, str(address) if address else None, name, mtu
    )
    assert interface_info((ExtensionObject(2, c_type, payload),)) == (expected,)


@given(st.lists(st.tuples(st.sampled_from([1, 2, 3]), st.integers(0, 255), st.binary(max_size=90))))
def test_arbitrary_objects_raise_nothing(objects: list[tuple[int, int, bytes]]) -> None:
    """Each is a stack, an interface or another; names are printable; nothing is over-read."""
    found = tuple(ExtensionObject(number, bits, Watched(data)) for number, bits, data in objects)
    interfaces, others = interface_info(found), other_objects(found)
    stacks = sum((each.class_number, each.c_type) == (1, 1) for each in found)
    assert len(interfaces) + len(others) + stacks == len(found)
    assert all(each.name is None or each.name.isprintable() for each in interfaces)
