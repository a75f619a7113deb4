"""Pure: QUIC packets of a version that no server knows; each answers which ones it does know.

That answer, Version Negotiation, costs a server no state and begins no handshake (RFC 9000 sections
5.2.2 and 6.1). It returns both connection ids (RFC 8999 section 6): whoever has not seen the probe
cannot forge it.
"""

from __future__ import annotations

import struct

from exporter.model import Family, Kind
from exporter.sockets.extensions import internet_checksum
from exporter.sockets.wire import COOKIE_BYTES, WORDS, payload_bytes
from exporter.sockets.wire_udp import Template, TemplateWire

QUIC_PORT = 443
QUIC_DATAGRAM_BYTES = 1200
_LONG = 0x80
_LONG_HEADER = _LONG | 0x40
_RESERVED_VERSION = bytes.fromhex("1a2a3a4a")
"""Of the form 0x?a?a?a?a, which no version will ever have (RFC 9000 section 15)."""
_NEGOTIATION = bytes(4)
_VERSION_BYTES = 4
_ID_AT = 6
_NUMBERS_BYTES = 4
_ID_BYTES = _NUMBERS_BYTES + COOKIE_BYTES
_NUMBER = _LENGTH = _BALANCE = struct.Struct("!H")
_TWO_BYTES_FOLLOW = 0x4000


class QuicWire(TemplateWire):
    """Long-header packets: the number, its complement and the cookie are the destination's id.

    Every probe has 1,200 bytes, also those that end on the way and need not. Servers ignore smaller
    ones, and where the server is may change from one cycle to the next: small probes in front of it
    would make a server that moved closer look like a silent hop. Of one size, the round trips along
    a path can be compared too.
    """

    answer_kind = Kind.VERSION_NEGOTIATION

    def __init__(
        self, family: Family, packet_size: int | None, cookie: bytes, port: int = QUIC_PORT
    ) -> None:
        room = max(payload_bytes(family, packet_size), QUIC_DATAGRAM_BYTES)
        before = bytes((_LONG_HEADER,)) + _RESERVED_VERSION + bytes((_ID_BYTES,))
        behind = _behind(before, cookie, room - _ID_AT - _NUMBERS_BYTES)
        least, proof = _ID_AT + _NUMBERS_BYTES, _ID_AT + _ID_BYTES
        super().__init__(Template(before, b"", behind, least, proof), family, port)
        ids = bytes((COOKIE_BYTES,)) + cookie + bytes((_ID_BYTES,))
        self._begin = _NEGOTIATION + ids

    def answered(self, payload: bytes, port: int) -> int | None:
        """See `Wire`: only Version Negotiation that returns our two ids counts.

        It must name at least one version, and none in part (RFC 8999 section 6).
        """
        id_at = 1 + len(self._begin)
        versions = len(payload) - id_at - _ID_BYTES
        if versions < _VERSION_BYTES or versions % _VERSION_BYTES or payload[0] < _LONG:
            return None
        (sequence,) = _NUMBER.unpack_from(payload, id_at)
        ids = self._begin + self._template.filled(sequence)[_ID_AT : _ID_AT + _ID_BYTES]
        return int(sequence) if payload[1 : 1 + len(ids)] == ids else None


def _behind(before: bytes, cookie: bytes, room: int) -> bytes:
    """The second half of the ids, no token, the length of what is left, balance, words, zeros.

    Some servers read the fields of an Initial packet (RFC 9000 section 17.2.2) before they look at
    the version, and drop what contradicts itself.
    """
    ids = cookie + bytes((COOKIE_BYTES,)) + cookie
    left = room - len(ids) - 1 - _LENGTH.size
    head = ids + b"\0" + _LENGTH.pack(_TWO_BYTES_FOLLOW | left)
    words = WORDS.ljust(left - _BALANCE.size, b"\0")
    return head + _BALANCE.pack(internet_checksum(before + head + words)) + words
