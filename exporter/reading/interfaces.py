"""Pure: what routers say of their interfaces in ICMP errors (RFC 5837), and what else they add.

An interface information object does not describe itself: the bits of its C-Type (section 4.1) say
which parts follow, always in the same order: ifIndex, address, name, MTU.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from exporter.enrichment.labels import clean_text
from exporter.errors import MalformedPacket
from exporter.model import ExtensionObject

_MPLS_CLASS, _MPLS_INCOMING_STACK = 1, 1
_INTERFACE_CLASS = 2
_HAS_INDEX, _HAS_ADDRESS, _HAS_NAME, _HAS_MTU = 8, 4, 2, 1
_NUMBER = struct.Struct("!I")
_ADDRESS_FAMILY = struct.Struct("!HH")
_ADDRESS_BYTES = {1: 4, 2: 16}
_NAME_BYTES = 64
_PADDING_BYTES = 3


class InterfaceRole(StrEnum):
    """What the interface has to do with the probe, by the two highest bits of the C-Type."""

    INCOMING = "incoming"
    SUB_IP = "sub_ip"
    OUTGOING = "outgoing"
    NEXT_HOP = "next_hop"


_ROLES = tuple(InterfaceRole)


@dataclass(frozen=True, slots=True)
class InterfaceInfo:
    """One interface of a router, or its next hop; None where the router did not say.

    `index` is the ifIndex (RFC 2863), `mtu` in bytes; `name` is one clean line.
    """

    role: InterfaceRole
    index: int | None = None
    address: str | None = None
    name: str | None = None
    mtu: int | None = None


def interface_info(extensions: tuple[ExtensionObject, ...]) -> tuple[InterfaceInfo, ...]:
    """Every interface information object that is well formed, in the order received."""
    return tuple(filter(None, map(_decode, extensions)))


def other_objects(extensions: tuple[ExtensionObject, ...]) -> tuple[ExtensionObject, ...]:
    """The objects that are neither a label stack nor well-formed interface information."""
    return tuple(
        each
        for each in extensions
        if (each.class_number, each.c_type) != (_MPLS_CLASS, _MPLS_INCOMING_STACK)
        and _decode(each) is None
    )


def _decode(extension: ExtensionObject) -> InterfaceInfo | None:
    if extension.class_number != _INTERFACE_CLASS:
        return None
    bits, rest = extension.c_type, extension.payload
    index = address = name = mtu = None
    try:
        if bits & _HAS_INDEX:
            index, rest = _number(rest)
        if bits & _HAS_ADDRESS:
            address, rest = _address(rest)
        if bits & _HAS_NAME:
            name, rest = _name(rest)
        if bits & _HAS_MTU:
            mtu, rest = _number(rest)
    except MalformedPacket:
        return None
    if len(rest) > _PADDING_BYTES or any(rest):
        return None
    return InterfaceInfo(_ROLES[bits >> 6], index, address, name, mtu)


def _split(data: bytes, length: int) -> tuple[bytes, bytes]:
    """The first `length` bytes, and the rest."""
    if len(data) < length:
        raise MalformedPacket("interface information shorter than its C-Type says")
    return data[:length], data[length:]


def _number(data: bytes) -> tuple[int, bytes]:
    head, rest = _split(data, _NUMBER.size)
    (number,) = _NUMBER.unpack(head)
    return number, rest


def _address(data: bytes) -> tuple[str, bytes]:
    """Section 4.2: the address family, two reserved bytes, the address."""
    head, rest = _split(data, _ADDRESS_FAMILY.size)
    family, _ = _ADDRESS_FAMILY.unpack(head)
    length = _ADDRESS_BYTES.get(family)
    if length is None:
        raise MalformedPacket(f"interface address of family {family}")
    packed, rest = _split(rest, length)
    return str(IPv4Address(packed) if length == 4 else IPv6Address(packed)), rest


def _name(data: bytes) -> tuple[str | None, bytes]:
    """Section 4.3: the length of all of it, then UTF-8, filled up with zeros to whole words.

    A name that was cut within a character loses that character.
    """
    head, _ = _split(data, 1)
    if not 1 <= head[0] <= _NAME_BYTES:
        raise MalformedPacket(f"interface name of length {head[0]}")
    field, rest = _split(data, head[0])
    return clean_text(field[1:].partition(b"\0")[0].decode("utf-8", "ignore")), rest
