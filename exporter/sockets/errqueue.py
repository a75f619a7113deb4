"""Decoding of what recvmsg(2) returns beside the data: queued errors, time stamps, TTLs.

The layouts are those of linux/errqueue.h (`sock_extended_err`, `sock_ee_data_rfc4884`) and of
`scm_timestamping`; socket(7), ip(7), ipv6(7). Numbers that Python's socket module lacks are here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from exporter.model import ExtensionObject, Family
from exporter.sockets.extensions import extensions_at

SOL_SOCKET = 1
SO_TIMESTAMPING = 37
IP_LEVEL, IP_TTL, IP_RECVERR, IP_RECVTTL, IP_RECVERR_RFC4884 = 0, 2, 11, 12, 26
IP_TOS, IP_MTU_DISCOVER = 1, 10
IPV6_LEVEL, IPV6_RECVERR, IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT, IPV6_RECVERR_RFC4884 = (
    41,
    25,
    51,
    52,
    31,
)
IPV6_TCLASS, IPV6_MTU_DISCOVER = 67, 23

_TX_SOFTWARE, _RX_SOFTWARE, _SOFTWARE = 1 << 1, 1 << 3, 1 << 4
_OPT_ID, _OPT_CMSG, _OPT_TSONLY = 1 << 7, 1 << 10, 1 << 11
STAMP_WITHOUT_ID = _TX_SOFTWARE | _RX_SOFTWARE | _SOFTWARE | _OPT_CMSG | _OPT_TSONLY
STAMP_WITH_ID = STAMP_WITHOUT_ID | _OPT_ID
STAMP_RECEIVED = _RX_SOFTWARE | _SOFTWARE

_AF_INET, _AF_INET6 = 2, 10
_EXTENDED_ERR = struct.Struct("=iBBBBII")
_RFC4884 = struct.Struct("=HBB")
_RFC4884_INVALID = 1
_TIMESPEC = struct.Struct("@ll")
_INT = struct.Struct("@i")
_FAMILY = struct.Struct("=H")
_WORD = struct.Struct("=I")
_NANO = 1_000_000_000
_TTL_AT = {IP_LEVEL: IP_TTL, IPV6_LEVEL: IPV6_HOPLIMIT}
_ERROR_AT = {IP_LEVEL: IP_RECVERR, IPV6_LEVEL: IPV6_RECVERR}
_ORIGIN, _DATA = 4, 12
"""Where `ee_origin` and `ee_data` stand in a `sock_extended_err`."""


@dataclass(frozen=True, slots=True)
class FamilyOptions:
    """Socket option numbers of one address family."""

    level: int
    ttl: int
    receive_ttl: int
    receive_errors: int
    receive_extensions: int
    traffic_class: int
    mtu_discover: int


OPTIONS = {
    Family.IPV4: FamilyOptions(
        IP_LEVEL, IP_TTL, IP_RECVTTL, IP_RECVERR, IP_RECVERR_RFC4884, IP_TOS, IP_MTU_DISCOVER
    ),
    Family.IPV6: FamilyOptions(
        IPV6_LEVEL,
        IPV6_HOPLIMIT,
        IPV6_RECVHOPLIMIT,
        IPV6_RECVERR,
        IPV6_RECVERR_RFC4884,
        IPV6_TCLASS,
        IPV6_MTU_DISCOVER,
    ),
}


class Origin:
    """Values of `ee_origin`: who queued the error."""

    LOCAL = 1
    ICMP = 2
    ICMP6 = 3
    TIMESTAMP = 4


class QueuedError(NamedTuple):
    """A `sock_extended_err`; `offender` is who sent the ICMP error, None where nobody did."""

    errno: int
    origin: int
    icmp_type: int
    code: int
    info: int
    data: int
    offender: str | None


class Ancillary(NamedTuple):
    """The control messages of one item. `stamp` is in nanoseconds since the epoch."""

    stamp: int | None
    ttl: int | None
    error: QueuedError | None


def parse_ancillary(messages: Iterable[tuple[int, int, bytes]]) -> Ancillary:
    """Decode control messages; unknown ones are passed over, as are ones cut short."""
    stamp = ttl = error = None
    for level, number, data in messages:
        if level == SOL_SOCKET:
            if number == SO_TIMESTAMPING and len(data) >= _TIMESPEC.size:
                seconds, nanoseconds = _TIMESPEC.unpack_from(data)
                stamp = seconds * _NANO + nanoseconds or None
        elif number == _ERROR_AT.get(level):
            error = parse_extended_error(data)
        elif number == _TTL_AT.get(level) and len(data) >= _INT.size:
            (ttl,) = _INT.unpack_from(data)
    return Ancillary(stamp, ttl, error)


def send_stamp(messages: Iterable[tuple[int, int, bytes]]) -> tuple[int, int] | None:
    """Which send of the socket an item stamps, and when it left, in nanoseconds since the epoch.

    None where the item is no send stamp.
    """
    number = stamp = None
    for level, kind, data in messages:
        if kind == SO_TIMESTAMPING and level == SOL_SOCKET and len(data) >= _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack_from(data)
            stamp = seconds * _NANO + nanoseconds
        elif kind == _ERROR_AT.get(level) and len(data) >= _EXTENDED_ERR.size:
            if data[_ORIGIN] != Origin.TIMESTAMP:
                return None
            (number,) = _WORD.unpack_from(data, _DATA)
    return None if number is None or not stamp else (number, stamp)


@lru_cache(maxsize=65536)
def parse_extended_error(data: bytes) -> QueuedError | None:
    """Decode a `sock_extended_err` and the offender's address behind it; None if cut short.

    What a router says of a path is the same to the byte from cycle to cycle, hence the cache.
    """
    if len(data) < _EXTENDED_ERR.size:
        return None
    number, origin, icmp_type, code, _, info, more = _EXTENDED_ERR.unpack_from(data)
    offender = None if origin == Origin.TIMESTAMP else _offender(data[_EXTENDED_ERR.size :])
    return QueuedError(number, origin, icmp_type, code, info, more, offender)


def _offender(address: bytes) -> str | None:
    if len(address) < _FAMILY.size:
        return None
    (family,) = _FAMILY.unpack_from(address)
    if family == _AF_INET and len(address) >= 8:
        return str(IPv4Address(address[4:8]))
    if family == _AF_INET6 and len(address) >= 24:
        return str(IPv6Address(address[8:24]))
    return None


def quoted_extensions(
    payload: bytes, error: QueuedError, header_bytes: int
) -> tuple[ExtensionObject, ...]:
    """The extension objects behind the quote in `payload`; empty where there are none.

    `ee_rfc4884` gives their offset. Routers older than RFC 4884 leave the length field at zero and
    append the structure at byte 128 of the quote (section 5.5). `header_bytes` is what the kernel
    removed from the front of the quote.
    """
    if not error.data:
        offset = 128 - header_bytes
        return extensions_at(payload, offset, proven=True) if len(payload) > offset else ()
    offset, flags, _ = _RFC4884.unpack(_WORD.pack(error.data))
    old_style = not offset
    if old_style:
        offset = 128 - header_bytes
    if flags & _RFC4884_INVALID:
        return ()
    return extensions_at(payload, offset, proven=old_style)
