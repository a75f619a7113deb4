"""What may differ between ICMP sockets of two platforms, and how to read what they tell. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

_INT = struct.Struct("@i")


class TtlBy(Enum):
    """How a probe gets its TTL."""

    MESSAGE = "ancillary data of the send"
    OPTION = "a socket option, set just before"
    HEADER = "an IPv4 header of our own in front (IP_HDRINCL)"


class Option(NamedTuple):
    """A socket option with its value."""

    level: int
    number: int
    value: int | bytes = 1


@dataclass(frozen=True, slots=True)
class Stamps:
    """Receive stamps: `option` switches them on, the control `message` holds one.

    `layout` is that of seconds and fractions, of which `scale` nanoseconds make one.
    """

    option: Option
    message: int
    layout: str
    scale: int


@dataclass(frozen=True, slots=True)
class Quirks:
    """One platform's ICMP socket of one family.

    `ttl` is the number by which a TTL is set in the way of `ttl_by`. `header_in_front`: what is
    received starts with the IPv4 header. `checked`: the kernel has verified the ICMP checksum.
    `receive_ttl` and `ttl_message` bring the TTL of an answer where no header does. `whole` forbids
    fragments for the socket, `whole_message` with each send, `divisible` permits them again;
    `header_order` is the byte order of a header of our own. `interface` binds to one, by name or
    else by index. `error_queue`: send stamps come by MSG_ERRQUEUE. `shared`: no
    filter knows echo ids, all get everything. `filters` keep other types of ICMP away.
    """

    level: int
    ttl_by: TtlBy
    ttl: int
    traffic_class: int
    stamps: Stamps
    header_in_front: bool = False
    checked: bool = True
    receive_ttl: int | None = None
    ttl_message: int | None = None
    whole: Option | None = None
    divisible: Option | None = None
    whole_message: int | None = None
    header_order: str = "!"
    interface: Option | None = None
    interface_by_name: bool = False
    error_queue: bool = False
    shared: bool = False
    filters: tuple[Option, ...] = ()


class Control(NamedTuple):
    """The control messages of an answer: receive stamp in nanoseconds since the epoch, and TTL."""

    stamp: int | None
    ttl: int | None


def parse_control(quirks: Quirks, messages: Iterable[tuple[int, int, bytes]]) -> Control:
    """Decode control messages; unknown ones are passed over, as are ones cut short."""
    stamp = ttl = None
    stamps = quirks.stamps
    for level, number, data in messages:
        if (level, number) == (stamps.option.level, stamps.message):
            if len(data) >= struct.calcsize(stamps.layout):
                seconds, fraction = struct.unpack_from(stamps.layout, data)
                stamp = seconds * 1_000_000_000 + fraction * stamps.scale or None
        elif (level, number) == (quirks.level, quirks.ttl_message) and len(data) >= _INT.size:
            (ttl,) = _INT.unpack_from(data)
    return Control(stamp, ttl)
