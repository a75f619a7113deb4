"""Pure: requests for the time (RFC 5905), with nothing in them that a server need not know.

A server copies the request's transmit timestamp into the answer as origin timestamp; a client may
put there what it likes (RFC 5905 section 8), and clients that tell nothing of themselves draw it at
random.
"""

from __future__ import annotations

import struct

from exporter.model import Family
from exporter.sockets.wire_udp import Template, TemplateWire

NTP_PORT = 123
NTP_REQUEST_BYTES = 48
_VERSION_4_CLIENT = 4 << 3 | 3
_MODE, _SERVER = 0x07, 4
_ORIGIN_AT, _TRANSMIT_AT, _TIMESTAMP_BYTES = 24, 40, 8
_NUMBER = struct.Struct("!H")
_SECRET_BYTES = 4


class NtpWire(TemplateWire):
    """Requests whose transmit timestamp is the sequence number, its complement, and a cookie."""

    def __init__(self, family: Family, cookie: bytes, port: int = NTP_PORT) -> None:
        before = bytes((_VERSION_4_CLIENT,)).ljust(_TRANSMIT_AT, b"\0")
        least = _TRANSMIT_AT + 2 * _NUMBER.size
        template = Template(before, b"", cookie[:_SECRET_BYTES], least, NTP_REQUEST_BYTES)
        super().__init__(template, family, port)

    def answered(self, payload: bytes, port: int) -> int | None:
        """See `Wire`: also "kiss of death" packets are answers, of servers asked too often."""
        if len(payload) < NTP_REQUEST_BYTES or payload[0] & _MODE != _SERVER:
            return None
        (sequence,) = _NUMBER.unpack_from(payload, _ORIGIN_AT)
        sent = self._template.filled(sequence)[_TRANSMIT_AT:]
        returned = payload[_ORIGIN_AT : _ORIGIN_AT + _TIMESTAMP_BYTES]
        return int(sequence) if returned == sent else None
