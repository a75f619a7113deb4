"""ICMP extension structures: RFC 4884 objects and the MPLS label stacks of RFC 4950."""

from __future__ import annotations

import struct

from exporter.errors import MalformedPacket
from exporter.model import ExtensionObject, MplsEntry

_VERSION = 2
_HEADER = struct.Struct("!BBH")
_OBJECT = struct.Struct("!HBB")
_LABEL = struct.Struct("!I")
_MPLS_CLASS = 1
_MPLS_INCOMING_STACK = 1


def internet_checksum(data: bytes) -> int:
    """Ones' complement sum of RFC 1071; 0 over data that already holds its right checksum."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def parse_extensions(data: bytes) -> tuple[ExtensionObject, ...]:
    """Decode an extension structure (RFC 4884 section 7) that starts at the first byte.

    A checksum of zero means that none was computed. Raises `MalformedPacket` for a wrong version
    or checksum and for an object that is shorter than its header or longer than the data.
    """
    if len(data) < _HEADER.size:
        raise MalformedPacket("extension structure shorter than its header")
    version, _, checksum = _HEADER.unpack_from(data)
    if version >> 4 != _VERSION:
        raise MalformedPacket(f"extension structure of version {version >> 4}")
    if checksum and internet_checksum(data):
        raise MalformedPacket("extension structure with a wrong checksum")
    objects = []
    offset = _HEADER.size
    while offset < len(data):
        if offset + _OBJECT.size > len(data):
            raise MalformedPacket("extension object cut off in its header")
        length, class_number, c_type = _OBJECT.unpack_from(data, offset)
        if length < _OBJECT.size or offset + length > len(data):
            raise MalformedPacket(f"extension object of length {length}")
        payload = data[offset + _OBJECT.size : offset + length]
        objects.append(ExtensionObject(class_number, c_type, payload))
        offset += length
    return tuple(objects)


def extensions_at(data: bytes, offset: int, *, proven: bool) -> tuple[ExtensionObject, ...]:
    """The objects of the structure at `offset`; empty where there is none, or a malformed one.

    With `proven` it counts only with a right checksum: nothing else says that it is there at all.
    """
    structure = data[offset:] if offset + _HEADER.size + _OBJECT.size <= len(data) else b""
    if proven and not any(structure[2:4]):
        return ()
    try:
        return parse_extensions(structure)
    except MalformedPacket:
        return ()


def mpls_stack(extensions: tuple[ExtensionObject, ...]) -> tuple[MplsEntry, ...]:
    """The incoming MPLS label stack (RFC 4950 section 4), outermost label first; empty if none."""
    return tuple(
        MplsEntry(word >> 12, word >> 9 & 7, bool(word >> 8 & 1), word & 0xFF)
        for extension in extensions
        if (extension.class_number, extension.c_type) == (_MPLS_CLASS, _MPLS_INCOMING_STACK)
        for (word,) in _LABEL.iter_unpack(extension.payload[: len(extension.payload) // 4 * 4])
    )
