"""The lab's codecs: right checksums, right lengths, and no crash on anything a host can send."""

from __future__ import annotations

import struct
from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from exporter.model import ExtensionObject, MplsEntry
from tests.lab import packets as p
from tests.lab.network import Network
from tests.lab.state import NodeState
from tests.lab.world import Addresses, Node
from tests.lab.world_file import parse_world

HERE, THERE = ip_address("10.9.0.2").packed, ip_address("192.0.2.1").packed
HERE6, THERE6 = ip_address("fd09::2").packed, ip_address("2001:db8::1").packed
WORLD = parse_world(
    {
        "hops": {"gw": {"ipv4": "198.51.100.1", "ipv6": "2001:db8:1::1"}},
        "targets": {
            "web": {
                "ipv4": "192.0.2.1",
                "ipv6": "2001:db8::1",
                "path": ["gw"],
                "udp": "quic",
                "tcp": "open",
            }
        },
    }
)


def reference_checksum(data: bytes) -> int:
    """RFC 1071 section 4.1, word by word."""
    total: int = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total


@given(st.binary(max_size=200))
def test_the_checksum_is_that_of_the_rfc(data: bytes) -> None:
    """The remainder by 65535 and the sum of words agreed, also on zeros and all ones."""
    assert p.checksum(data) == reference_checksum(data)
    assert p.checksum(b"\xff" * len(data)) == reference_checksum(b"\xff" * len(data))


@given(st.binary(max_size=100))
def test_what_is_written_is_read_again(payload: bytes) -> None:
    """UDP packets of both families came back with their ports, TTL and addresses."""
    for source, destination, version in ((HERE, THERE, 4), (HERE6, THERE6, 6)):
        packet = p.parse(p.udp_packet(source, destination, (1000, 2000), 9, payload))
        assert packet is not None
        assert (packet.version, packet.ttl, packet.first, packet.second) == (version, 9, 1000, 2000)
        assert (packet.source, packet.destination) == (source, destination)
        assert packet.data[packet.header + 8 :] == payload


@given(st.binary(max_size=120), st.sampled_from([b"", b"\x45", b"\x46", b"\x60"]))
def test_no_packet_of_a_host_can_stop_the_simulator(data: bytes, start: bytes) -> None:
    """Junk was ignored, or dealt with like any other packet."""
    packet = p.parse(start + data)
    if packet is not None:
        network = Network(WORLD)
        network.handle(packet, 0)
        network.tcp_closing(packet)


@given(
    st.sampled_from([(HERE, THERE), (HERE6, THERE6)]),
    st.sampled_from([p.ICMP, p.ICMPV6, p.UDP, p.TCP]),
    st.integers(1, 64),
    st.binary(max_size=64),
)
def test_nor_can_one_that_is_meant_for_a_target(
    ends: tuple[bytes, bytes], protocol: int, ttl: int, payload: bytes
) -> None:
    """Whatever followed the IP header, no answer was malformed."""
    packet = p.parse(p.ip_packet(*ends, protocol, ttl, payload))
    outcome = packet and Network(WORLD).handle(packet, 0)
    if outcome and outcome.answer:
        answer = p.parse(outcome.answer)
        assert answer is not None
        assert answer.destination == ends[0]
        assert answer.version == 6 or p.checksum(answer.data[: answer.header]) == 0


def test_later_fragments_and_stumps_are_no_probes() -> None:
    """Without a header of its own a packet told nothing."""
    whole = p.udp_packet(HERE, THERE, (1, 2), 9, b"payload")
    fragment = whole[:6] + b"\x00\x10" + whole[8:]
    assert p.parse(fragment) is None
    assert p.parse(whole[:27]) is None
    assert p.parse(b"\x4f" + whole[1:]) is None
    assert p.parse(p.ip_packet(HERE, THERE, p.TCP, 9, bytes(19))) is None


def test_the_ttl_of_a_quote_is_corrected_with_its_checksum() -> None:
    """Nine hops on, the header said so and still added up."""
    packet = p.parse(p.udp_packet(HERE, THERE, (1, 2), 10, b""))
    assert packet is not None
    seen = p.with_ttl(packet, 1)
    assert (seen[8], p.checksum(seen[:20])) == (1, 0)


def test_an_extended_error_has_its_length_in_words() -> None:
    """A short quote was padded to 128 bytes: 32 words in IPv4, 16 in IPv6 (RFC 4884)."""
    extension = p.extension_structure((ExtensionObject(2, 3, b"four"),))
    assert extension[4:] == b"\0\x08\x02\x03four"
    assert p.checksum(extension) == 0
    four = p.icmp_error(4, 11, 0, b"q" * 28, extension)
    six = p.icmp_error(6, 3, 0, b"q" * 48, extension)
    assert (four[5], six[4]) == (32, 16)
    assert four[8:136] == b"q" * 28 + bytes(100)
    assert (four[136:], six[136:]) == (extension, extension)


def test_an_extended_error_never_grows_too_large() -> None:
    """A long quote gave way to the extensions, in whole words."""
    extension = p.extension_structure((ExtensionObject(2, 3, b"four"),))
    four = p.icmp_error(4, 11, 0, b"q" * 2000, extension)
    six = p.icmp_error(6, 3, 0, b"q" * 2000, extension)
    assert len(four) + 20 <= 576
    assert len(six) + 40 <= 1280
    assert (len(four) - 8 - len(extension)) == four[5] * 4
    assert (len(six) - 8 - len(extension)) == six[4] * 8


def test_the_mtu_stands_beside_the_length_in_ipv4_and_alone_in_ipv6() -> None:
    """Packet too big has no room for a length, so it came without extensions (RFC 4884)."""
    label = MplsEntry(16, 0, True, 1)
    node = Node("a", Addresses("198.51.100.1", "2001:db8::9"), mpls=(label,), mtu=1400)
    state = NodeState(node)
    for source, destination in ((HERE, THERE), (HERE6, THERE6)):
        packet = p.parse(p.udp_packet(source, destination, (1, 2), 9, bytes(1400)))
        assert packet is not None
        answer = state.too_big(packet, 1)
        assert answer is not None
        error = answer[20:] if packet.version == 4 else answer[40:]
        assert int.from_bytes(error[6:8], "big") == 1400
        assert (error[5] > 32) if packet.version == 4 else error[4:6] == b"\0\0"


def test_a_segment_acknowledges_all_that_came() -> None:
    """SYN and FIN counted one each, data its bytes."""
    head = struct.pack("!HHIIBBHHH", 1000, 443, 7, 99, 0x50, p.FIN | p.ACK, 65535, 0, 0)
    packet = p.parse(p.ip_packet(HERE, THERE, p.TCP, 64, head + b"data"))
    assert packet is not None
    answer = p.tcp_answer(packet, 60, p.RST | p.ACK)
    ports = struct.unpack_from("!HHII", answer, 20)
    assert ports == (443, 1000, 99, 7 + 4 + 1)


def test_only_an_unknown_version_in_a_large_datagram_is_negotiated() -> None:
    """Short headers, known versions, and datagrams under 1,200 bytes stayed unanswered."""
    asked = b"\xc0\x1a\x2a\x3a\x4a\x02AB\x03CDE"
    assert p.version_negotiation(asked.ljust(1200, b"\0")) == b"\xc0\0\0\0\0\x03CDE\x02AB\0\0\0\1"
    assert p.version_negotiation(asked.ljust(1199, b"\0")) is None
    assert p.version_negotiation(b"\x40" + asked[1:].ljust(1200, b"\0")) is None
    for known in p.QUIC_VERSIONS:
        assert p.version_negotiation((b"\xc0" + known + asked[5:]).ljust(1200, b"\0")) is None
