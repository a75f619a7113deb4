"""Questions to DNS and NTP servers, and which answers belong to them."""

from __future__ import annotations

import struct

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import Family, Kind
from exporter.sockets.wire_dns import DnsWire
from exporter.sockets.wire_ntp import NtpWire
from tests.watched import Watched

COOKIE = bytes.fromhex("c00c1e0123456789")
DNS = DnsWire(Family.IPV4, COOKIE)
NTP = NtpWire(Family.IPV4, COOKIE)
sequences = st.integers(0, 0xFFFF)


@given(sequence=sequences)
def test_question_is_sound(sequence: int) -> None:
    """An ordinary question with a cookie of RFC 7873; the answer may have 512 bytes."""
    payload, port = DNS.encode(sequence, 9)
    question = dns.message.from_wire(payload)
    assert (question.id, len(payload), port) == (sequence, 50, 53)
    assert question.flags == dns.flags.RD
    assert [str(each) for each in question.question] == ["localhost. IN A"]
    assert (question.edns, question.payload) == (0, 512)
    assert [(int(each.otype), len(each.to_wire() or b"")) for each in question.options] == [(10, 8)]
    assert DNS.answer_kind is Kind.DATAGRAM


@given(sequence=sequences, code=st.sampled_from(list(dns.rcode.Rcode)[:6]))
def test_responses_are_matched_by_their_id(sequence: int, code: dns.rcode.Rcode) -> None:
    """An address, a refusal, or an error that repeats no question: the server is there."""
    question = dns.message.from_wire(DNS.encode(sequence, 1)[0])
    response = dns.message.make_response(question)
    response.set_rcode(code)
    assert DNS.answered(Watched(response.to_wire()), 53) == sequence
    response.answer = [dns.rrset.from_text("localhost.", 60, "IN", "A", "127.0.0.1")]
    assert DNS.answered(Watched(response.to_wire()), 53) == sequence
    header = struct.pack("!HHHHHH", sequence, 0x8001, 0, 0, 0, 0)
    assert DNS.answered(Watched(header), 53) == sequence


def test_what_is_no_response_to_our_question() -> None:
    """A question, another opcode, another name, another type, or a header cut short."""
    payload, _ = DNS.encode(77, 1)
    response = dns.message.make_response(dns.message.from_wire(payload)).to_wire()
    assert DNS.answered(response, 53) == 77
    other = dns.message.make_response(dns.message.make_query("localhost.", "AAAA", id=77))
    longer = dns.message.make_response(dns.message.make_query("a.localhost.", "A", id=77))
    status = response[:2] + bytes([response[2] | 0x10]) + response[3:]
    for wrong in (payload, other.to_wire(), longer.to_wire(), status, response[:11], b""):
        assert DNS.answered(Watched(wrong), 53) is None


@given(sequence=sequences)
def test_request_for_the_time_tells_nothing_else(sequence: int) -> None:
    """Version 4, client mode, and a transmit timestamp that means nothing (RFC 5905)."""
    payload, port = NTP.encode(sequence, 9)
    stamp = struct.pack("!HH", sequence, ~sequence & 0xFFFF) + COOKIE[:4]
    assert payload == b"\x23" + bytes(39) + stamp
    assert (len(payload), port, NTP.answer_kind) == (48, 123, Kind.DATAGRAM)


def answer_of(request: bytes, first: int = 0x24, stratum: int = 2) -> bytes:
    """What a server answers: the request's transmit timestamp as origin."""
    head = struct.pack("!BBbb", first, stratum, 6, -20).ljust(24, b"\x01")
    return head + request[40:48] + b"\x02" * 16


@given(sequence=sequences, leap=st.integers(0, 3), stratum=st.integers(0, 16))
def test_time_is_matched_by_its_origin(sequence: int, leap: int, stratum: int) -> None:
    """Also where the clock is not set, where it says "too often", and with a MAC behind."""
    request, _ = NTP.encode(sequence, 1)
    answer = answer_of(request, leap << 6 | 0x24, stratum)
    assert NTP.answered(Watched(answer), 123) == sequence
    assert NTP.answered(Watched(answer + bytes(20)), 123) == sequence


@pytest.mark.parametrize("mode", [0, 1, 2, 3, 5, 6, 7])
def test_what_is_no_server_s_time(mode: int) -> None:
    """Any mode but that of a server; too short; the origin of another request."""
    request, _ = NTP.encode(5, 1)
    other = NtpWire(Family.IPV4, bytes(8)).encode(5, 1)[0]
    for wrong in (answer_of(request, 0x20 | mode), answer_of(request)[:47], answer_of(other)):
        assert NTP.answered(Watched(wrong), 123) is None
    assert NTP.answered(Watched(request), 123) is None


@given(data=st.binary(max_size=120))
def test_arbitrary_bytes_never_raise(data: bytes) -> None:
    """A number, or nothing."""
    for found in (DNS.answered(Watched(data), 53), NTP.answered(Watched(data), 123)):
        assert found is None or 0 <= found <= 0xFFFF
