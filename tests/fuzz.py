"""Hostile bytes for every decoder: `scripts/fuzz [--inputs N] [--seed N]`.

Each decoder may raise its own error, or none; it must not read beyond what it was given. Hypothesis
draws inputs by their structure, and each is tried with mutants of its own: bits flipped, bytes cut
off, put in, doubled or made extreme. All that is drawn from one seed is printed where it fails.
"""

from __future__ import annotations

import argparse
import random
import struct
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from exporter.errors import MalformedPacket
from exporter.model import ExtensionObject, Family
from exporter.reading.interfaces import interface_info, other_objects
from exporter.sockets.errqueue import (
    OPTIONS,
    SO_TIMESTAMPING,
    SOL_SOCKET,
    Origin,
    QueuedError,
    parse_ancillary,
    parse_extended_error,
    quoted_extensions,
)
from exporter.sockets.extensions import internet_checksum, mpls_stack, parse_extensions
from exporter.sockets.wire import EchoWire, Wire
from exporter.sockets.wire_dns import DnsWire
from exporter.sockets.wire_ntp import NtpWire
from exporter.sockets.wire_quic import QuicWire
from exporter.sockets.wire_udp import PayloadWire, UdpWire
from tests.fuzz_icmp import PLATFORMS, controls, packets, whole_packets
from tests.watched import Watched

CHUNK = 2500
"""Inputs to draw from one seed."""
MUTANTS = 19
"""How many each brings along."""
_EXTREMES = (b"\0\0", b"\xff\xff", b"\0\4", b"\x7f\xff", b"\x80\0")
_LONGEST = 300
_COOKIE = bytes.fromhex("c00c1e0123456789")


_WIRES: tuple[Wire, ...] = (
    *(EchoWire(family, size, _COOKIE) for family in Family for size in (None, 28, 36)),
    *(UdpWire(family, None, _COOKIE, port) for family in Family for port in (None, 9)),
    *(wire(family, _COOKIE) for family in Family for wire in (DnsWire, NtpWire)),
    QuicWire(Family.IPV4, None, _COOKIE),
    PayloadWire(b"payload", 9),
)
_LEVELS = (
    0xFFFF,
    SOL_SOCKET,
    *(each.level for each in OPTIONS.values()),
)
_NUMBERS = (
    *(each[family].stamps.message for each in PLATFORMS for family in Family),
    SO_TIMESTAMPING,
    *(each.ttl for each in OPTIONS.values()),
    *(each.receive_errors for each in OPTIONS.values()),
)


def _object(number: int, c_type: int, payload: bytes) -> bytes:
    return struct.pack("!HBB", 4 + len(payload), number, c_type) + payload


def _checked(body: bytes) -> bytes:
    """The structure of these objects with its right checksum."""
    structure = b"\x20\0\0\0" + body
    return structure[:2] + struct.pack("!H", internet_checksum(structure)) + structure[4:]


_OBJECTS = st.lists(
    st.builds(_object, st.sampled_from([1, 2, 2, 3]), st.integers(0, 255), st.binary(max_size=40)),
    max_size=4,
).map(b"".join)
_STRUCTURES = (
    st.binary(max_size=120)
    | st.binary(max_size=120).map(b"\x20\0\0\0".__add__)
    | _OBJECTS.map(_checked)
    | st.tuples(_OBJECTS, st.binary(max_size=6)).map(lambda parts: b"\x20\0\0\0" + b"".join(parts))
)
_ERRORS = st.binary(max_size=60) | st.tuples(
    st.sampled_from([0, 1, 2, 3, 4]), st.sampled_from([2, 10, 0]), st.binary(max_size=40)
).map(lambda e: struct.pack("=IBBBBII", 113, e[0], 11, 0, 0, 0, 0) + struct.pack("=H", e[1]) + e[2])


def _look(objects: tuple[ExtensionObject, ...]) -> None:
    """All that is read out of extension objects."""
    for each in interface_info(objects):
        assert each.name is None or each.name.isprintable()
    stack = mpls_stack(objects)
    assert 4 * len(stack) <= sum(len(each.payload) for each in objects)
    assert len(other_objects(objects)) <= len(objects)


def structures(data: bytes) -> None:
    """RFC 4884: every byte belongs to one object, or the structure is malformed."""
    try:
        objects = parse_extensions(Watched(data))
    except MalformedPacket:
        return
    assert 4 + sum(4 + len(each.payload) for each in objects) == len(data)
    _look(objects)


def interfaces(parts: tuple[int, bytes]) -> None:
    """RFC 5837: an object is understood as a whole, or kept as it is."""
    found = (ExtensionObject(2, parts[0], Watched(parts[1])),)
    assert len(interface_info(found)) + len(other_objects(found)) == 1
    _look(found)


def ancillary(messages: list[tuple[int, int, bytes]]) -> None:
    """Control messages: values fit for what they are used for."""
    found = parse_ancillary(messages)
    assert found.ttl is None or -(2**31) <= found.ttl < 2**31
    assert found.error is None or 0 <= found.error.icmp_type <= 255


def extended_errors(data: bytes) -> None:
    """An error is there if its sixteen bytes are; an offender is an address."""
    found = parse_extended_error(data)
    assert (found is None) == (len(data) < 16)
    if found is not None and found.offender is not None:
        assert set(found.offender) <= set("0123456789abcdef.:")


def quotes(parts: tuple[bytes, bytes, int, int]) -> None:
    """Objects behind a quote never hold more than the payload does."""
    quote, structure, data, header_bytes = parts
    payload = quote + structure
    error = QueuedError(113, Origin.ICMP, 11, 0, 0, data, None)
    found = quoted_extensions(payload, error, header_bytes)
    assert sum(4 + len(each.payload) for each in found) <= max(0, len(payload) - 4)
    _look(found)


def wires(parts: tuple[int, bytes, bytes, int]) -> None:
    """A sequence number of 16 bits, -1 for "ours, but which?", or None."""
    wire = _WIRES[parts[0] % len(_WIRES)]
    for data in (parts[1] + parts[2], parts[1] + _COOKIE + parts[2]):
        for found in (wire.quoted(data, parts[3]), wire.answered(data, parts[3])):
            assert found is None or -1 <= found <= 0xFFFF


_CONTROLS = st.lists(
    st.tuples(
        st.sampled_from(_LEVELS) | st.integers(0, 60),
        st.sampled_from(_NUMBERS) | st.integers(0, 60),
        _ERRORS,
    ),
    max_size=4,
)
DECODERS: dict[str, tuple[Callable[[Any], None], st.SearchStrategy[Any]]] = {
    "extension structures": (structures, _STRUCTURES),
    "interface information": (interfaces, st.tuples(st.integers(0, 255), st.binary(max_size=80))),
    "control messages": (ancillary, _CONTROLS),
    "control messages by platform": (controls, _CONTROLS),
    "whole packets": (packets, whole_packets()),
    "extended errors": (extended_errors, _ERRORS),
    "quotes": (
        quotes,
        st.tuples(
            st.integers(0, 160).map(bytes) | st.binary(max_size=160),
            _STRUCTURES,
            st.integers(0, 200) | st.integers(0, 2**32 - 1),
            st.sampled_from([28, 48]),
        ),
    ),
    "wires": (
        wires,
        st.tuples(
            st.integers(0, 15),
            st.binary(max_size=12),
            st.binary(max_size=60),
            st.integers(0, 65535),
        ),
    ),
}
"""By name: what must hold, and the inputs to try."""


def mutants(value: Any, rng: random.Random) -> Iterator[Any]:
    """The value with some of its bytes changed, over and over again."""
    for _ in range(MUTANTS):
        value = _mutated(value, rng)
        yield value


def _mutated(value: Any, rng: random.Random) -> Any:
    if isinstance(value, bytes):
        return _mangled(value, rng)
    places = [place for place, each in enumerate(value) if isinstance(each, bytes | tuple | list)]
    if not places:
        return value
    place = rng.choice(places)
    changed = _mutated(value[place], rng)
    return type(value)((*value[:place], changed, *value[place + 1 :]))


def _mangled(data: bytes, rng: random.Random) -> bytes:
    """One of the changes; too long to grow for ever."""
    place = rng.randrange(len(data) + 1)
    head, tail = data[:place], data[place:]
    changes = (
        head,
        head + tail[1:],
        head + bytes([tail[0] ^ 1 << rng.randrange(8)]) + tail[1:] if tail else head,
        head + rng.randbytes(rng.randrange(1, 5)) + tail,
        head + rng.choice(_EXTREMES) + tail[2:],
        head + head[-8:] + tail,
    )
    return rng.choice(changes[1:] if rng.random() < 0.8 else changes)[:_LONGEST]


def fuzz(name: str, inputs: int, first_seed: int) -> int:
    """Try a decoder with so many inputs, at least; returns how many. Raises what it finds."""
    check, strategy = DECODERS[name]
    tried = 0

    def attempt(value: Any, number: int) -> None:
        nonlocal tried
        check(value)
        for mutant in mutants(value, random.Random(number)):
            check(mutant)
        tried += 1 + MUTANTS

    number = first_seed
    while tried < inputs:
        some = settings(
            max_examples=min(CHUNK, -(-(inputs - tried) // (1 + MUTANTS))),
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=tuple(HealthCheck),
        )
        try:
            some(seed(number)(given(strategy, st.integers(0, 2**32))(attempt)))()
        except BaseException:
            print(f"{name}: failed with --seed {number}", file=sys.stderr)
            raise
        number += 1
    return tried


def main() -> None:
    """Fuzz every decoder, share and share alike."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("--inputs", type=int, default=1_000_000, help="how many, over all decoders")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    asked = parser.parse_args()
    began = time.monotonic()
    total = 0
    for name in DECODERS:
        since = time.monotonic()
        tried = fuzz(name, -(-asked.inputs // len(DECODERS)), asked.seed)
        total += tried
        print(f"{name}: {tried} inputs in {time.monotonic() - since:.0f} s", flush=True)
    print(f"passed: {total} inputs in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
