"""Hostile whole ICMP packets and control messages, for every platform; see `fuzz.py`."""

from __future__ import annotations

from hypothesis import strategies as st

from exporter.errors import MalformedPacket
from exporter.model import ExtensionObject, Family
from exporter.sockets.icmp_platforms import BSD, DARWIN, LINUX
from exporter.sockets.icmp_quirks import parse_control
from exporter.sockets.ip_packet import QuotedEcho, read_packet
from tests.packet_bytes import delivered, echo, error, quoted, reply, with_options
from tests.watched import Watched

PLATFORMS = (LINUX, DARWIN, *BSD.values())
_OBJECTS = st.lists(
    st.builds(ExtensionObject, st.integers(0, 3), st.integers(0, 3), st.binary(max_size=40)),
    max_size=2,
)


@st.composite
def whole_packets(draw: st.DrawFn) -> tuple[int, Family, bytes]:
    """Answers as they come, and anything."""
    family = draw(st.sampled_from(list(Family)))
    platform = draw(st.integers(0, len(PLATFORMS) - 1))
    request = echo(family, 7, body=draw(st.binary(max_size=24)))
    quote = quoted(family, request, draw(st.sampled_from([None, 0, 44, 60, 17])))
    if family is Family.IPV4 and draw(st.booleans()):
        quote = with_options(quote)
    objects = draw(
        st.lists(st.builds(ExtensionObject, *[st.integers(0, 3)] * 2, st.binary()), max_size=2)
    )
    message = draw(
        st.sampled_from([reply(family, request), error(family, quote, extensions=tuple(objects))])
        | st.binary(max_size=80)
    )
    return platform, family, draw(st.sampled_from([message, delivered(family, message)]))


def packets(parts: tuple[int, Family, bytes]) -> None:
    """An echo of ours with its id and a quote that holds it, or nothing; never more than came."""
    platform, family, data = parts
    quirks = PLATFORMS[platform][family]
    try:
        found, ttl = read_packet(quirks, family, Watched(data))
    except MalformedPacket:
        return
    assert ttl is None or ttl == data[8]
    if isinstance(found, QuotedEcho):
        assert 8 <= len(found.quote) <= len(data) - 28
        assert len(found.destination) == (4 if family is Family.IPV4 else 16)
        assert 4 * len(found.extensions) <= len(data)
    assert found is None or 0 <= found.identifier <= 0xFFFF


def controls(messages: list[tuple[int, int, bytes]]) -> None:
    """A stamp and a TTL fit for what they are used for, on any platform."""
    for platform in PLATFORMS:
        for family in Family:
            found = parse_control(platform[family], messages)
            assert found.stamp is None or isinstance(found.stamp, int)
            assert found.ttl is None or -(2**31) <= found.ttl < 2**31
