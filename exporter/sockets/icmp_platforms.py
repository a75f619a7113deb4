"""The ICMP sockets of each platform: one frozen record for each and each family. Pure.

Numbers are written out, since Python's socket module has many of them on no platform, and so that
what one platform delivers can be read in tests on any other. Sources: linux/in.h, linux/in6.h,
linux/icmp.h, linux/icmpv6.h; bsd/sys/socket.h, bsd/netinet/in.h, bsd/netinet6/in6.h of xnu-11417;
sys/socket.h, netinet/in.h, netinet6/in6.h of FreeBSD, OpenBSD, NetBSD and DragonFly.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import replace

from exporter.model import Family
from exporter.sockets.errqueue import (
    IPV6_HOPLIMIT,
    IPV6_MTU_DISCOVER,
    IPV6_RECVHOPLIMIT,
    IPV6_TCLASS,
    SO_TIMESTAMPING,
    STAMP_WITH_ID,
)
from exporter.sockets.icmp_quirks import Option, Quirks, Stamps, TtlBy

_IP, _IPV6, _ICMPV6 = 0, 41, 58
_ANSWERS = {Family.IPV4: (0, 3, 11, 12), Family.IPV6: (1, 2, 3, 4, 129)}


def _bits(types: Iterable[int], words: int) -> list[int]:
    """A bit set of ICMP types in 32-bit words."""
    bits = [0] * words
    for each in types:
        bits[each >> 5] |= 1 << (each & 31)
    return bits


def _passing(family: Family) -> bytes:
    """`struct icmp6_filter` of the BSDs: a set bit passes (RFC 3542 section 3.2)."""
    return struct.pack("=8I", *_bits(_ANSWERS[family], 8))


def _blocking(family: Family) -> bytes:
    """The filters of Linux: a set bit blocks; that for IPv4 is one word long."""
    words = 1 if family is Family.IPV4 else 8
    return struct.pack(
        f"={words}I", *(~word & 0xFFFFFFFF for word in _bits(_ANSWERS[family], words))
    )


_LINUX_STAMPS = Stamps(Option(1, SO_TIMESTAMPING, STAMP_WITH_ID), SO_TIMESTAMPING, "@ll", 1)
_BIND_TO_DEVICE = Option(1, 25)
_RAW, _ICMP_FILTER, _ICMPV6_FILTER = 255, 1, 1
_DONT, _PROBE = 0, 3

LINUX = {
    Family.IPV4: Quirks(
        _IP,
        TtlBy.MESSAGE,
        ttl=2,
        traffic_class=1,
        stamps=_LINUX_STAMPS,
        header_in_front=True,
        checked=False,
        whole=Option(_IP, 10, _PROBE),
        divisible=Option(_IP, 10, _DONT),
        interface=_BIND_TO_DEVICE,
        interface_by_name=True,
        error_queue=True,
        filters=(Option(_RAW, _ICMP_FILTER, _blocking(Family.IPV4)),),
    ),
    Family.IPV6: Quirks(
        _IPV6,
        TtlBy.MESSAGE,
        ttl=IPV6_HOPLIMIT,
        traffic_class=IPV6_TCLASS,
        stamps=_LINUX_STAMPS,
        receive_ttl=IPV6_RECVHOPLIMIT,
        ttl_message=IPV6_HOPLIMIT,
        whole=Option(_IPV6, IPV6_MTU_DISCOVER, _PROBE),
        divisible=Option(_IPV6, IPV6_MTU_DISCOVER, _DONT),
        interface=_BIND_TO_DEVICE,
        interface_by_name=True,
        error_queue=True,
        filters=(Option(_ICMPV6, _ICMPV6_FILTER, _blocking(Family.IPV6)),),
    ),
}

_SOL_SOCKET = 0xFFFF
_IP_HDRINCL, _IP_TOS, _IP_TTL = 2, 3, 4
_IPV6_RECVHOPLIMIT, _IPV6_HOPLIMIT, _IPV6_DONTFRAG = 37, 47, 62
_ICMP6_FILTER = Option(_ICMPV6, 18, _passing(Family.IPV6))


def _timeval(option: int, message: int, layout: str) -> Stamps:
    return Stamps(Option(_SOL_SOCKET, option), message, layout, 1000)


_BSD_STAMPS = {
    "freebsd": _timeval(0x0400, 0x02, "@ll"),
    "dragonfly": _timeval(0x0400, 0x02, "@ll"),
    "openbsd": _timeval(0x0800, 0x04, "@ll"),
    "netbsd": _timeval(0x2000, 0x08, "@li"),
}
"""`struct timeval`: the microseconds are an int on macOS and NetBSD, else a long."""

_BSD_IPV4 = Quirks(
    _IP, TtlBy.OPTION, _IP_TTL, _IP_TOS, _BSD_STAMPS["freebsd"], header_in_front=True, shared=True
)
_BSD_IPV6 = Quirks(
    _IPV6,
    TtlBy.MESSAGE,
    ttl=_IPV6_HOPLIMIT,
    traffic_class=61,
    stamps=_BSD_STAMPS["freebsd"],
    receive_ttl=_IPV6_RECVHOPLIMIT,
    ttl_message=_IPV6_HOPLIMIT,
    shared=True,
    filters=(_ICMP6_FILTER,),
)
BSD = {
    platform: {
        Family.IPV4: replace(_BSD_IPV4, stamps=stamps),
        Family.IPV6: replace(_BSD_IPV6, stamps=stamps),
    }
    for platform, stamps in _BSD_STAMPS.items()
}

_DARWIN_STAMPS = _timeval(0x0400, 0x02, "@li")
DARWIN = {
    Family.IPV4: replace(
        _BSD_IPV4,
        # A content filter keeps a packet back, and it then gets the TTL that the socket has by
        # the time it is let go; ping(8) of macOS writes a header of its own as well.
        ttl_by=TtlBy.HEADER,
        ttl=_IP_HDRINCL,
        header_order="=",
        stamps=_DARWIN_STAMPS,
        interface=Option(_IP, 25),
    ),
    Family.IPV6: replace(
        _BSD_IPV6,
        traffic_class=36,
        stamps=_DARWIN_STAMPS,
        whole_message=_IPV6_DONTFRAG,
        interface=Option(_IPV6, 125),
    ),
}


def quirks_of(platform: str, family: Family) -> Quirks:
    """Those of a platform, by the beginning of its `sys.platform`. Raises `KeyError`."""
    tables = {"linux": LINUX, "darwin": DARWIN, **BSD}
    for name, quirks in tables.items():
        if platform.startswith(name):
            return quirks[family]
    raise KeyError(platform)
