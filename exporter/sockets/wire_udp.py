"""Pure: the wires over UDP. A payload of a fixed form holds the sequence number.

The destination port is one for each TTL, or one for all where it is given: then every probe belongs
to one flow, and only what the payload holds can tell an answer's probe.
"""

from __future__ import annotations

import struct

from exporter.model import Family, Kind
from exporter.sockets.wire import COOKIE_BYTES, body, payload_bytes

UDP_BASE_PORT = 33434
_NUMBER = struct.Struct("!H")
_NUMBERS_BYTES = 2 * _NUMBER.size
_NEVER = 1 << 16


class Template:
    """A payload that is the same for every probe, but for a number and its complement.

    Both stand at even offsets, so that they cancel out in the UDP checksum, which then is the same
    for all probes of a flow (RFC 768, RFC 1071). A quote needs `least_bytes` to tell the number; of
    `proof_bytes`, nobody can have made it up.
    """

    __slots__ = ("_form", "_number_at", "_parts", "least_bytes", "proof_bytes")

    def __init__(
        self, before: bytes, between: bytes, behind: bytes, least_bytes: int, proof_bytes: int
    ) -> None:
        self._parts = (before, between, behind)
        self._form = struct.Struct(f"!{len(before)}sH{len(between)}sH{len(behind)}s")
        self._number_at = len(before)
        self.least_bytes = least_bytes
        self.proof_bytes = proof_bytes

    def filled(self, sequence: int) -> bytes:
        """The payload of the probe with this number."""
        before, between, behind = self._parts
        return self._form.pack(before, sequence, between, sequence ^ 0xFFFF, behind)

    def number_in(self, quote: bytes) -> int | None:
        """The number of the probe that a quote begins; None if it is not ours as far as it goes.

        -1 says that it ends too early. Short quotes may be filled up with zeros (RFC 4884
        section 3).
        """
        told = quote[: min(len(quote), self.proof_bytes)]
        if len(told) < self.least_bytes or not any(told):
            return -1
        sequence: int = _NUMBER.unpack_from(told, self._number_at)[0]
        ours = self.filled(sequence)
        return sequence if ours.startswith(told) or told.startswith(ours) else None


class TemplateWire:
    """A wire whose probes follow a template. Without a port there is one for each TTL.

    Of the template, a packet of the usual size has so many bytes as there is `room` for.
    """

    answer_kind = Kind.DATAGRAM

    def __init__(
        self, template: Template, family: Family, port: int | None, room: int | None = None
    ) -> None:
        self._room = room
        self._template = template
        self._family = family
        self._port = port
        self.proof_bytes = template.proof_bytes

    def encode(self, sequence: int, ttl: int, size: int | None = None) -> tuple[bytes, int]:
        """See `Wire`; an unusual size is made by cutting off, or filling up with zeros."""
        payload = self._template.filled(sequence)
        if size is None:
            payload = payload[: self._room]
        else:
            room = payload_bytes(self._family, size)
            payload = payload[:room].ljust(room, b"\0")
        return payload, self._port or UDP_BASE_PORT + ttl - 1

    def quoted(self, payload: bytes, port: int) -> int | None:
        """See `Wire`."""
        return self._template.number_in(payload)


class UdpWire(TemplateWire):
    """Datagrams that mean nothing to anybody: the sequence number, a cookie, words.

    A flow keeps its ports from cycle to cycle. Where a router quotes no payload, a port of its own
    still tells the TTL.
    """

    def __init__(
        self, family: Family, packet_size: int | None, cookie: bytes, port: int | None
    ) -> None:
        # The number is there even if the packet gets larger by it.
        room = max(_NUMBER.size, payload_bytes(family, packet_size))
        proof = _NUMBERS_BYTES + COOKIE_BYTES
        rest = body(room - _NUMBERS_BYTES, cookie)
        super().__init__(Template(b"", b"", rest, _NUMBERS_BYTES, proof), family, port, room)

    def answered(self, payload: bytes, port: int) -> int | None:
        """See `Wire`; a service answers with bytes of its own, which tell no number."""
        number = self._template.number_in(payload) if len(payload) >= self.proof_bytes else None
        return -1 if number is None else number


class PayloadWire:
    """Datagrams of the user's own making: all alike, so that nothing tells one from another."""

    answer_kind = Kind.DATAGRAM
    proof_bytes = _NEVER

    def __init__(self, payload: bytes, port: int) -> None:
        self._payload = payload
        self._port = port

    def encode(self, sequence: int, ttl: int, size: int | None = None) -> tuple[bytes, int]:
        """See `Wire`; every probe has the size of its payload."""
        return self._payload, self._port

    def quoted(self, payload: bytes, port: int) -> int | None:
        """See `Wire`: -1, or None for the quote of another payload."""
        known = min(len(payload), len(self._payload))
        ours = payload[:known] == self._payload[:known]
        return -1 if ours or not any(payload) else None

    def answered(self, payload: bytes, port: int) -> int | None:
        """See `Wire`: always -1."""
        return -1
