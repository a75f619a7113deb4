"""What the kernel hands to a user without privilege when a quote differs from the packet sent.

Each test sends a probe, catches it on the link, and lets a router quote it rewritten, as a
translator of addresses that leaves ICMP payloads alone does.
"""

from __future__ import annotations

import socket as sockets
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from ipaddress import ip_address

import pytest

from exporter.model import Family, Kind, Probe, Protocol, Response
from tests.conftest import LabFactory
from tests.lab.lab import Lab
from tests.lab.packets import Packet, parse
from tests.probing import (
    DARK,
    ROUTERS,
    Backend,
    Recorder,
    each_backend,
    each_connecting,
    each_connectionless,
    preferred,
    run,
)

ELSEWHERE = {Family.IPV4: "198.18.0.9", Family.IPV6: "2001:db8:900::9"}
EXPIRED = {Family.IPV4: 11, Family.IPV6: 3}
Rewrite = Callable[[Packet], bytes]


@contextmanager
def wire() -> Iterator[Callable[[], Packet]]:
    """Gives the next IP packet that arrives on the far end of the lab's link."""
    with closing(sockets.socket(sockets.AF_PACKET, sockets.SOCK_DGRAM, sockets.htons(3))) as tap:
        tap.bind(("lab1", 3))
        tap.settimeout(5)

        def next_probe() -> Packet:
            while True:
                packet = parse(tap.recv(65535))
                if packet is not None and packet.ttl == 7:
                    return packet

        yield next_probe


def at(offset: int, new: bytes) -> Rewrite:
    """Other bytes in the IP header."""
    return lambda packet: packet.data[:offset] + new + packet.data[offset + len(new) :]


def behind(offset: int) -> Rewrite:
    """One 16-bit number behind the IP header made another."""

    def rewrite(packet: Packet) -> bytes:
        start = packet.header + offset
        number = int.from_bytes(packet.data[start : start + 2], "big") ^ 0x0100
        return at(start, number.to_bytes(2, "big"))(packet)

    return rewrite


def address(family: Family, *, source: bool = False, length: int | None = None) -> Rewrite:
    """Another destination, or source; only `length` bytes quoted behind the IP header."""
    offset = {Family.IPV4: 16, Family.IPV6: 24}[family]
    new = ip_address(ELSEWHERE[family]).packed

    def rewrite(packet: Packet) -> bytes:
        quote = at(offset - len(new) if source else offset, new)(packet)
        return quote if length is None else quote[: packet.header + length]

    return rewrite


def quoted(lab: Lab, backend: Backend, rewrite: Rewrite) -> tuple[list[Response], int]:
    """What a probe quoted so gives: responses and strangers, before a probe to the first hop."""
    family = backend.family

    async def test() -> tuple[list[Response], int]:
        recorder = Recorder()
        socket = backend.open(backend.request(DARK[family]), recorder)
        with wire() as next_probe:
            socket.send(Probe(1, 0, 7))
            quote = rewrite(next_probe())
        lab.forge(ROUTERS[family][1], EXPIRED[family], 0, quote=quote.hex())
        socket.send(Probe(1, 1, 1))
        await recorder.until(lambda: any(r.probe.round == 1 for r in recorder.responses))
        socket.close()
        return [r for r in recorder.responses if r.probe.round == 0], recorder.strangers

    return run(test())


@each_connectionless
def test_other_destination_is_told(lab_factory: LabFactory, backend: Backend) -> None:
    """The kernel delivers by our own port or id, so we see where the probe went instead."""
    (response,), strangers = quoted(lab_factory("small"), backend, address(backend.family))
    assert (response.address, response.kind) == (ROUTERS[backend.family][1], Kind.TIME_EXCEEDED)
    assert (response.translated, strangers) == (True, 0)


@each_backend
def test_unchanged_quote_is_not_translated(lab_factory: LabFactory, backend: Backend) -> None:
    """The same way of testing, nothing rewritten."""
    (response,), _ = quoted(lab_factory("small"), backend, lambda packet: packet.data)
    assert not response.translated


@pytest.mark.parametrize("family", list(Family))
def test_other_destination_port_is_told(lab_factory: LabFactory, family: Family) -> None:
    """UDP: the port that the probe was sent on to."""
    (response,), strangers = quoted(
        lab_factory("small"), preferred(Protocol.UDP, family), behind(2)
    )
    assert (response.translated, strangers) == (True, 0)


@each_connectionless
def test_other_source_address_cannot_be_seen(lab_factory: LabFactory, backend: Backend) -> None:
    """The kernel hands over no quoted IP header; the answer counts as any other."""
    rewrite = address(backend.family, source=True)
    (response,), _ = quoted(lab_factory("small"), backend, rewrite)
    assert not response.translated


@each_connectionless
def test_other_source_port_or_id_never_arrives(lab_factory: LabFactory, backend: Backend) -> None:
    """That is how the kernel finds the socket: not even an unmatched answer comes of it."""
    offset = 4 if backend.protocol is Protocol.ICMP else 0
    assert quoted(lab_factory("small"), backend, behind(offset)) == ([], 0)


@each_connectionless
def test_short_quote_to_elsewhere_is_nobodys(lab_factory: LabFactory, backend: Backend) -> None:
    """Eight bytes do not hold the cookie: it may be forged, and counts as unmatched."""
    rewrite = address(backend.family, length=8)
    assert quoted(lab_factory("small"), backend, rewrite) == ([], 1)


@each_connecting
def test_tcp_hears_of_nothing_rewritten(lab_factory: LabFactory, backend: Backend) -> None:
    """The kernel wants addresses, ports and sequence number of the SYN: else the hop is silent."""
    lab, family = lab_factory("small"), backend.family
    for rewrite in (address(family), address(family, source=True), *map(behind, (0, 2, 4))):
        assert quoted(lab, backend, rewrite) == ([], 0)
