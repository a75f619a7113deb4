"""What the kernel says of a connection, as caught from Linux 6.18."""

from __future__ import annotations

import struct

import pytest

from exporter.sockets.tcpinfo import TCP_INFO_BYTES, TcpInfo, parse_tcp_info


def info(state: int, *, congestion: int = 0, rtt: int = 0, total_retransmissions: int = 0) -> bytes:
    """A `struct tcp_info` with these fields, as it stands in linux/tcp.h."""
    head = struct.pack("=8B", state, congestion, 0, 0, 0, 7, 0, 0)
    numbers = [0] * 24
    numbers[15], numbers[23] = rtt, total_retransmissions
    return head + struct.pack("=24I", *numbers)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (info(1, rtt=3842), TcpInfo(True, False, 0.003842, 0)),
        (info(2), TcpInfo(False, False, 0.0, 0)),
        (info(2, congestion=2), TcpInfo(False, True, 0.0, 0)),
        (info(7), TcpInfo(False, False, 0.0, 0)),
        (info(7, rtt=3842), TcpInfo(True, False, 0.003842, 0)),
        (info(1, congestion=4, total_retransmissions=1), TcpInfo(True, False, 0.0, 1)),
        (info(8, rtt=1) + bytes(100), TcpInfo(True, False, 1e-6, 0)),
    ],
)
def test_states_and_numbers(data: bytes, expected: TcpInfo) -> None:
    """Open, waiting, dropped by our own queue, ended, open then reset, repeated, half closed."""
    assert parse_tcp_info(data) == expected


def test_too_little_is_malformed() -> None:
    """No kernel gives less."""
    with pytest.raises(struct.error):
        parse_tcp_info(info(1)[: TCP_INFO_BYTES - 1])
