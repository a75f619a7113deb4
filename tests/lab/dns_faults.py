"""What can be wrong with a name server, as changes to its answer: bytes in, datagrams out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TXT
import dns.rrset

MAX_UDP = 512


class Mode(StrEnum):
    """One way to fail. `TRUNCATED` is cut off over UDP and whole over TCP, where `TCP_*` fail."""

    NONE = "none"
    DROP = "drop"
    DROP_FIRST = "drop_first"
    SERVFAIL = "servfail"
    NXDOMAIN = "nxdomain"
    REFUSED = "refused"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    WRONG_ID = "wrong_id"
    WRONG_QUESTION = "wrong_question"
    WRONG_SOURCE = "wrong_source"
    GARBAGE = "garbage"
    SHORT = "short"
    COMPRESSION_LOOP = "compression_loop"
    HUGE = "huge"
    MANY = "many"
    HOSTILE = "hostile"
    TCP_CLOSED = "tcp_closed"
    TCP_HUGE = "tcp_huge"
    TCP_WRONG = "tcp_wrong"
    TCP_SILENT = "tcp_silent"


@dataclass(frozen=True, slots=True)
class Fault:
    """A mode, and a delay in seconds before every answer, for names that end in `suffix`."""

    mode: Mode = Mode.NONE
    delay: float = 0.0
    suffix: str = ""

    def concerns(self, name: str) -> bool:
        """Whether this name, in lower case and without trailing dot, is answered wrongly."""
        return name.endswith(self.suffix)


HOSTILE_LABELS = (
    b'evil"} 1\nftr_target_reached{target="x',
    b"\x00\x1b[31m\xff\xfe",
    "\u202egnp.exe".encode(),
    b"<script>alert(1)</script>",
    b"-" * 63,
)
HOSTILE_TEXTS = (
    b'64500 | 0.0.0.0/0 | D"E | lab\n',
    b"64500 | 192.0.2.0/33 | DE",
    b"99999999999999999999 | 192.0.2.0/24 | DE",
    b"-1 | 192.0.2.0/24 | DE",
    b'64500 | DE | lab | 2001-01-01 | EVIL"}\n\x00\x1b[31m' + "\u202e\ud7ff".encode() + b"\xff, DE",
    b"|" * 255,
    b"",
)


def respond(mode: Mode, response: dns.message.Message, tcp: bool) -> list[bytes]:
    """The datagrams or messages to send for a correct answer under a fault."""
    if mode is Mode.DROP:
        return []
    if mode in _TCP:
        return _TCP[mode](response.to_wire()) if tcp else [_cut(response)]
    if change := _CHANGES.get(mode):
        change(response)
        return [response.to_wire(max_size=65535)]
    wire = response.to_wire(max_size=65535)
    if mode in _REWRITES:
        return _REWRITES[mode](wire)
    if not tcp and (mode is Mode.TRUNCATED or len(wire) > MAX_UDP):
        return [_cut(response)]
    return [wire]


def _cut(response: dns.message.Message) -> bytes:
    response.answer, response.authority = [], []
    response.flags |= dns.flags.TC
    return response.to_wire()


def _code(code: dns.rcode.Rcode) -> Callable[[dns.message.Message], None]:
    def change(response: dns.message.Message) -> None:
        response.answer, response.authority = [], []
        response.set_rcode(code)

    return change


def _wrong_question(response: dns.message.Message) -> None:
    response.question[0] = dns.rrset.RRset(
        dns.name.from_text("other.example"), dns.rdataclass.IN, response.question[0].rdtype
    )


def _many(response: dns.message.Message) -> None:
    texts = [f"r{number}.example." for number in range(300)]
    name = response.question[0].name
    response.answer = [dns.rrset.from_text_list(name, 300, "IN", "PTR", texts)]


def _hostile(response: dns.message.Message) -> None:
    question = response.question[0]
    rrset = dns.rrset.RRset(question.name, dns.rdataclass.IN, question.rdtype)
    for record in _hostile_records(question.rdtype):
        rrset.add(record, 0)
    response.answer, response.authority = [rrset] if rrset else [], []
    response.set_rcode(dns.rcode.NOERROR)


def _hostile_records(kind: dns.rdatatype.RdataType) -> list[dns.rdata.Rdata]:
    internet = dns.rdataclass.IN
    if kind == dns.rdatatype.PTR:
        names = [dns.name.Name((label, b"example", b"")).to_wire() for label in HOSTILE_LABELS]
        return [
            dns.rdata.from_wire(internet, kind, name or b"", 0, len(name or b"")) for name in names
        ]
    if kind == dns.rdatatype.TXT:
        return [dns.rdtypes.ANY.TXT.TXT(internet, kind, [text]) for text in HOSTILE_TEXTS]
    return []


def _header_and(wire: bytes, rest: bytes) -> bytes:
    """A header that announces one answer, the question as it was, then `rest`."""
    end = wire.index(b"\x00", 12) + 5
    return wire[:2] + bytes.fromhex("8180 0001 0001 0000 0000") + wire[12:end] + rest


_CHANGES: dict[Mode, Callable[[dns.message.Message], None]] = {
    Mode.SERVFAIL: _code(dns.rcode.SERVFAIL),
    Mode.NXDOMAIN: _code(dns.rcode.NXDOMAIN),
    Mode.REFUSED: _code(dns.rcode.REFUSED),
    Mode.EMPTY: _code(dns.rcode.NOERROR),
    Mode.WRONG_QUESTION: _wrong_question,
    Mode.MANY: _many,
    Mode.HOSTILE: _hostile,
}
_TCP: dict[Mode, Callable[[bytes], list[bytes]]] = {
    Mode.TCP_CLOSED: lambda wire: [wire[:0]],
    Mode.TCP_HUGE: lambda wire: [wire + bytes(60_000)],
    Mode.TCP_WRONG: lambda wire: [bytes([wire[0] ^ 0xFF]) + wire[1:]],
    Mode.TCP_SILENT: lambda wire: [],
}
_REWRITES: dict[Mode, Callable[[bytes], list[bytes]]] = {
    Mode.WRONG_ID: lambda wire: [bytes([wire[0] ^ 0xFF]) + wire[1:]],
    Mode.GARBAGE: lambda wire: [wire[:2] + bytes(range(256)), bytes(range(255, 0, -1))],
    Mode.SHORT: lambda wire: [wire[:7], b""],
    Mode.COMPRESSION_LOOP: lambda wire: [
        _header_and(wire, b"\xc0" + bytes([len(wire) & 0xFF]) * 9)
    ],
    Mode.HUGE: lambda wire: [wire + bytes(60_000)],
}
