"""Pure: DNS questions (RFC 1035) that every server answers, and briefly.

The question is the address of `localhost`: resolvers answer it by themselves, without asking
anybody (RFC 6761 section 6.3), in a record of 16 bytes; authoritative servers do so, or refuse. The
root's SOA or name servers, answered as widely, take some 75 or 200 bytes. The question itself has
50, so the answer is hardly longer.
"""

from __future__ import annotations

import struct

from exporter.model import Family
from exporter.sockets.wire_udp import Template, TemplateWire

DNS_PORT = 53
DNS_QUESTION_BYTES = 50
_SECRET_BYTES = 6
_HEADER = struct.Struct("!HHHHHH")
_RECURSION_DESIRED = 0x0100
_RESPONSE_AND_OPCODE, _RESPONSE = 0xF800, 0x8000
_QUESTION = b"\x09localhost\0" + struct.pack("!HH", 1, 1)
_SMALLEST_ANSWER = 512
_COOKIE_OPTION, _CLIENT_COOKIE_BYTES = 10, 8
_COOKIE_HEADER = struct.pack("!HH", _COOKIE_OPTION, _CLIENT_COOKIE_BYTES)
_OPT = b"\0" + struct.pack("!HHIH", 41, _SMALLEST_ANSWER, 0, len(_COOKIE_HEADER) + 8)


class DnsWire(TemplateWire):
    """Questions whose id is the sequence number.

    Its complement and six bytes of our cookie are the client's cookie of RFC 7873, which servers
    that do not know it ignore.
    """

    def __init__(self, family: Family, cookie: bytes, port: int = DNS_PORT) -> None:
        between = _HEADER.pack(0, _RECURSION_DESIRED, 1, 0, 0, 1)[2:] + _QUESTION
        between += _OPT + _COOKIE_HEADER
        secret = cookie[:_SECRET_BYTES]
        template = Template(b"", between, secret, _HEADER.size, DNS_QUESTION_BYTES)
        super().__init__(template, family, port)

    def answered(self, payload: bytes, port: int) -> int | None:
        """See `Wire`: a response to our question, or one that repeats none, as errors may."""
        if len(payload) < _HEADER.size:
            return None
        sequence, flags, questions, *_ = _HEADER.unpack_from(payload)
        if flags & _RESPONSE_AND_OPCODE != _RESPONSE:
            return None
        end = _HEADER.size + len(_QUESTION)
        ours = len(payload) >= end and payload[_HEADER.size : end] == _QUESTION
        return int(sequence) if questions == 0 or ours else None
