"""Which source ports TCP probes leave from: arithmetic over the ports that others leave free."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.sockets.source_ports import SourcePorts

USUAL = range(32768, 61000)
BASES = st.integers(1, 65535)
RANGES = st.tuples(st.integers(1, 65536), st.integers(1, 65536)).map(
    lambda ends: range(*sorted(ends))
)


@given(BASES, RANGES)
def test_no_two_ttls_share_a_port(base: int, ephemeral: range) -> None:
    """Whatever the base and the range that the kernel keeps for others; 64 ports for each TTL."""
    ports = SourcePorts(base, 443, ephemeral)
    offered = {ttl: list(ports.offer(ttl)) for ttl in (1, 2, 3, 30, 254, 255)}
    assert {len(found) for found in offered.values()} == {64}
    everything = [port for found in offered.values() for port in found]
    assert len(set(everything)) == len(everything)
    assert all(20_000 <= port <= 65535 for port in everything)


@given(BASES, st.integers(1, 255))
def test_ports_of_other_programs_are_left_out(base: int, ttl: int) -> None:
    """With the usual range enough ports remain."""
    assert not set(SourcePorts(base, 443, USUAL).offer(ttl)) & set(USUAL)


@pytest.mark.parametrize("ephemeral", [range(1024, 65536), range(15_000, 64_000)])
def test_range_that_leaves_too_little_is_used(ephemeral: range) -> None:
    """Better a port that may be taken than none for a probe."""
    assert len(list(SourcePorts(30_000, 443, ephemeral).offer(1))) == 64
    assert next(SourcePorts(30_000, 443, ephemeral).offer(1)) == 30_000


def test_neighbouring_ttls_have_neighbouring_ports() -> None:
    """The base is that of TTL 1; a base among the ports of others has a free one instead."""
    assert [next(SourcePorts(25_000, 443, USUAL).offer(ttl)) for ttl in (1, 2, 30)] == [
        25_000,
        25_001,
        25_029,
    ]
    assert next(SourcePorts(50_000, 443, USUAL).offer(1)) not in USUAL


def test_destination_port_is_never_a_source_port() -> None:
    """A socket that connects to itself, on a host of our own, would look like an open port."""
    assert 25_002 not in SourcePorts(25_000, 25_002, USUAL).offer(3)
    assert next(SourcePorts(25_000, 25_002, USUAL).offer(3)) == 25_002 + 256


def test_port_in_flight_is_not_offered() -> None:
    """It is again once its probe is answered; other TTLs do not care."""
    ports = SourcePorts(25_000, 443, USUAL)
    ports.take(25_001)
    assert next(ports.offer(2)) == 25_001 + 256
    assert next(ports.offer(1)) == 25_000
    ports.give_back(25_001)
    assert next(ports.offer(2)) == 25_001


def test_only_the_own_port_moves() -> None:
    """A refusal of a port that was offered besides changes nothing."""
    ports = SourcePorts(25_000, 443, USUAL)
    ports.refuse(2, 25_001 + 256)
    assert next(ports.offer(2)) == 25_001
    ports.refuse(2, 25_001)
    assert next(ports.offer(2)) == 25_001 + 256
    assert next(ports.offer(1)) == 25_000


def test_ports_go_round() -> None:
    """However often somebody else has the next one, there is another."""
    ports = SourcePorts(25_000, 443, USUAL)
    seen = []
    for _ in range(200):
        port = next(ports.offer(1))
        seen.append(port)
        ports.refuse(1, port)
    assert len(set(seen)) == 67
    assert seen[67] == 25_000
