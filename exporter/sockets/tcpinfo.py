"""Decoding of `struct tcp_info` (linux/tcp.h): what the kernel knows of one TCP connection."""

from __future__ import annotations

import struct
from typing import NamedTuple

TCP_INFO_BYTES = 104
"""As much of it as is read here; every kernel since 2.6.2 fills so much."""
_SYN_SENT, _CLOSE = 2, 7
_CONGESTION_WINDOW_REDUCED = 2
_STATES = struct.Struct("=BB")
_RTT_OFFSET, _RETRANSMISSIONS_OFFSET = 68, 100
_NUMBER = struct.Struct("=I")


class TcpInfo(NamedTuple):
    """`established` says that it is, or was, connected; `rtt` is in seconds, 0 where unmeasured.

    `congested` says that this host's own queue dropped a segment. `retransmissions` counts those
    that really left.
    """

    established: bool
    congested: bool
    rtt: float
    retransmissions: int


def parse_tcp_info(data: bytes) -> TcpInfo:
    """Decode at least `TCP_INFO_BYTES`. Raises `struct.error` where there are fewer."""
    state, congestion = _STATES.unpack_from(data)
    (microseconds,) = _NUMBER.unpack_from(data, _RTT_OFFSET)
    (retransmissions,) = _NUMBER.unpack_from(data, _RETRANSMISSIONS_OFFSET)
    return TcpInfo(
        established=state not in (_SYN_SENT, _CLOSE) or microseconds > 0,
        congested=congestion == _CONGESTION_WINDOW_REDUCED,
        rtt=microseconds / 1e6,
        retransmissions=retransmissions,
    )
