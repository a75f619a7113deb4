"""The kernel's filter of raw ICMP sockets: run by the kernel, over arbitrary packets."""

from __future__ import annotations

import asyncio
import select
import socket
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.errors import MalformedPacket
from exporter.model import Family, Probe
from exporter.sockets.icmp_platforms import LINUX
from exporter.sockets.ip_packet import read_packet
from exporter.sockets.linux_filter import attach, echo_filter
from tests.conftest import LabFactory
from tests.packet_bytes import delivered, echo, error, quoted, reply, with_options
from tests.probing import BACKENDS, WEB, Backend, Recorder, run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a facility of Linux")
each_family = pytest.mark.parametrize("family", list(Family))
OURS = 0x2B67


def passes(family: Family, packet: bytes) -> bool:
    """Whether the kernel lets it through to a socket with our filter."""
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sender, receiver:
        attach(receiver, echo_filter(family, OURS))
        sender.send(packet)
        return bool(select.select([receiver], [], [], 0)[0])


def ours(family: Family, packet: bytes) -> bool | None:
    """What the program itself would say; None where the packet is malformed."""
    try:
        found, _ = read_packet(LINUX[family], family, packet)
    except MalformedPacket:
        return None
    return found is not None and found.identifier == OURS


@each_family
@pytest.mark.parametrize("identifier", [OURS, OURS ^ 1, OURS ^ 0x8000])
def test_only_our_id_passes(family: Family, identifier: int) -> None:
    """Replies and errors, whatever options stand in the headers in front of the id."""
    request = echo(family, identifier)
    packets = [reply(family, request), error(family, quoted(family, request))]
    if family is Family.IPV4:
        packets.append(error(family, with_options(quoted(family, request))))
    for message in packets:
        packet = delivered(family, message)
        assert passes(family, packet) is (identifier == OURS)
        if family is Family.IPV4:
            assert passes(family, with_options(packet)) is (identifier == OURS)


def test_quotes_with_extension_headers_are_left_to_the_program() -> None:
    """No loop in BPF: what may be ours passes; behind a header that is none of them it does not."""
    for header in (0, 43, 44, 60):
        quote = quoted(Family.IPV6, bytes((58,)) + bytes(7) + echo(Family.IPV6, OURS), header)
        assert passes(Family.IPV6, error(Family.IPV6, quote))
    quote = quoted(Family.IPV6, bytes(8) + echo(Family.IPV6, OURS), 17)
    assert not passes(Family.IPV6, error(Family.IPV6, quote))


@st.composite
def mutants(draw: st.DrawFn) -> tuple[Family, bytes]:
    """Packets of ours and of others, some with a byte changed or cut off."""
    family = draw(st.sampled_from(list(Family)))
    request = echo(family, draw(st.sampled_from([OURS, OURS ^ 1])))
    message = draw(
        st.sampled_from([reply(family, request), error(family, quoted(family, request))])
    )
    packet = bytearray(delivered(family, message))
    for _ in range(draw(st.integers(0, 2))):
        packet[draw(st.integers(0, len(packet) - 1))] = draw(st.integers(0, 255))
    return family, bytes(packet[: draw(st.integers(1, len(packet)))])


@settings(max_examples=400, deadline=None)
@given(mutants() | st.tuples(st.sampled_from(list(Family)), st.binary(min_size=1, max_size=100)))
def test_filter_loses_nothing_that_is_ours(case: tuple[Family, bytes]) -> None:
    """What the program would take for its own always passes."""
    family, packet = case
    if ours(family, packet):
        assert passes(family, packet)


@each_family
def test_foreign_ping_wakes_nobody(lab_factory: LabFactory, family: Family) -> None:
    """Another program pings, and traces, the same destination: its reply and its errors are not

    even seen by our raw socket, whereas one without a filter is woken by each.
    """
    lab_factory("small")
    ways = {each.candidate.backend: each for each in BACKENDS if each.family is family}

    async def test() -> None:
        def opened(backend: Backend) -> tuple[Recorder, Any]:
            recorder = Recorder()
            return recorder, backend.open(backend.request(WEB[family]), recorder)

        quiet, raw = opened(ways["raw-icmp"])
        _, unfiltered = opened(ways["as-bsd"])
        foreign, ping = opened(ways["linux-icmp"])
        loop = asyncio.get_running_loop()
        sockets = raw._channel.socket, unfiltered._channel.socket
        for each in sockets:
            loop.remove_reader(each.fileno())
        for ttl in range(1, 5):
            ping.send(Probe(1, 0, ttl))
        await foreign.until_responses(4)
        assert select.select(sockets, [], [], 0)[0] == [sockets[1]]
        loop.add_reader(sockets[0].fileno(), raw._channel._readable)
        raw.send(Probe(1, 0, 4))
        await quiet.until_responses(1)
        assert quiet.strangers == 0
        for each in (raw, unfiltered, ping):
            each.close()

    run(test())
