"""Pure encoding of probes: which bytes go out, and which probe a quote or an answer belongs to.

Here is what all ways to probe share, and ICMP echo; `wire_*` are the wires over UDP. An echo starts
with two bytes that the sequence number needs, then comes a cookie that a stranger cannot guess, and
in the end words that say who is asking.
"""

from __future__ import annotations

import struct
from typing import Protocol as Interface

from exporter import __version__
from exporter.model import Family, Kind
from exporter.sockets.extensions import internet_checksum
from exporter.sockets.icmp import ECHO_HEADER_BYTES, NUMBERS

COOKIE_BYTES = 8
_HEADER_BYTES = 8
_DEFAULT_PACKET_BYTES = {Family.IPV4: 84, Family.IPV6: 104}
WORDS = f"ftr-exporter/{__version__} traceroute probe ".encode()
_ECHO = struct.Struct("!BBHHHH")
_PAIR = struct.Struct("!HH")
_NUMBER = struct.Struct("!H")


class Wire(Interface):
    """The bytes of one way to probe. Sequence numbers are 16 bits wide."""

    proof_bytes: int
    """A quote of so many bytes holds the whole cookie: nobody can have made it up."""

    def encode(self, sequence: int, ttl: int, size: int | None = None) -> tuple[bytes, int]:
        """Payload to hand to the kernel and destination port (0 where there are no ports).

        `size` is that of the whole packet, where it is not the usual one.
        """
        ...

    def quoted(self, payload: bytes, port: int) -> int | None:
        """Sequence number of the probe that an ICMP error quotes; None if it is not ours.

        -1 says that it is ours but the quote is too short to tell more than its port.
        """
        ...

    def answered(self, payload: bytes, port: int) -> int | None:
        """The same for what the destination itself sent back."""
        ...

    @property
    def answer_kind(self) -> Kind:
        """What an answer of the destination is."""
        ...


def payload_bytes(family: Family, packet_size: int | None) -> int:
    """Room for a payload behind the IP header and the 8 bytes of an ICMP or UDP header."""
    size = packet_size or _DEFAULT_PACKET_BYTES[family]
    return max(0, size - NUMBERS[family].ip_header_bytes - _HEADER_BYTES)


def body(room: int, cookie: bytes) -> bytes:
    """What stands behind the numbers in a payload: cookie, words, two bytes to balance.

    The two bytes make the sum of all the same, whatever the cookie and the words: so a flow keeps
    its checksum, which routers hash where it is that of ICMP, when this program starts again.
    """
    words = WORDS * (max(0, room) // len(WORDS) + 1)
    told = (cookie + words)[: max(0, room - _NUMBER.size) // 2 * 2]
    return (told + _NUMBER.pack(internet_checksum(told)) + b" ")[: max(0, room)]


class _Bodies:
    """The bodies of one socket by packet size: the usual one, and those asked for besides."""

    def __init__(self, family: Family, packet_size: int | None, cookie: bytes) -> None:
        self._family = family
        self._cookie = cookie
        self.usual = self._of_size(packet_size)
        self.lengths = {len(self.usual)}
        self._latest: tuple[int, bytes] = (0, b"")

    def of_size(self, size: int) -> bytes:
        """The body that makes a packet of this size; its length counts as known from now on."""
        if self._latest[0] != size:
            self._latest = (size, self._of_size(size))
            self.lengths.add(len(self._latest[1]))
        return self._latest[1]

    def _of_size(self, size: int | None) -> bytes:
        return body(payload_bytes(self._family, size) - _NUMBER.size, self._cookie)


class EchoWire:
    """ICMP echo of a constant flow: id and checksum never change (RFC 792, RFC 4443).

    The first two payload bytes are the complement of the sequence number, so that their sum, and
    with it the checksum, is the same for every probe. The kernel fills in id and checksum.
    """

    answer_kind = Kind.ECHO_REPLY
    proof_bytes = ECHO_HEADER_BYTES + _NUMBER.size + COOKIE_BYTES

    def __init__(self, family: Family, packet_size: int | None, cookie: bytes) -> None:
        self._numbers = NUMBERS[family]
        self._bodies = _Bodies(family, packet_size, cookie)
        self._body = self._bodies.usual
        self._proof = self._body[:COOKIE_BYTES]

    def encode(self, sequence: int, ttl: int, size: int | None = None) -> tuple[bytes, int]:
        """See `Wire`; the port is 0."""
        header = _ECHO.pack(self._numbers.echo_request, 0, 0, 0, sequence, ~sequence & 0xFFFF)
        return header + (self._body if size is None else self._bodies.of_size(size)), 0

    def quoted(self, payload: bytes, port: int) -> int | None:
        """See `Wire`: the quoted ICMP header always holds the sequence number."""
        return self._sequence(payload, self._numbers.echo_request)

    def answered(self, payload: bytes, port: int) -> int | None:
        """See `Wire`: an echo reply must return the whole payload."""
        if len(payload) - ECHO_HEADER_BYTES - _NUMBER.size not in self._bodies.lengths:
            return None
        return self._sequence(payload, self._numbers.echo_reply)

    def _sequence(self, payload: bytes, icmp_type: int) -> int | None:
        if len(payload) < ECHO_HEADER_BYTES or payload[0] != icmp_type:
            return None
        if len(payload) >= self.proof_bytes:
            sequence, complement = _PAIR.unpack_from(payload, 6)
            proof = payload[ECHO_HEADER_BYTES + _NUMBER.size : self.proof_bytes]
            is_ours = complement == sequence ^ 0xFFFF and proof == self._proof
            return int(sequence) if is_ours else None
        (sequence,) = _NUMBER.unpack_from(payload, 6)
        rest = payload[ECHO_HEADER_BYTES : ECHO_HEADER_BYTES + _NUMBER.size + COOKIE_BYTES]
        ours = (_NUMBER.pack(~sequence & 0xFFFF) + self._body)[: len(rest)]
        return int(sequence) if rest == ours else None
