"""Which options an ICMP socket of another platform gets, noted by a stand-in for its kernel."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest

from exporter.model import Family
from exporter.sockets.base import SocketRequest
from exporter.sockets.icmp_platforms import BSD, DARWIN
from exporter.sockets.icmp_quirks import Quirks
from exporter.sockets.icmp_socket import open_icmp

LOOPBACK = {Family.IPV4: "127.0.0.1", Family.IPV6: "::1"}
BUFFER = (socket.SOL_SOCKET, socket.SO_RCVBUF)


class Kernel:
    """Sockets that note what is set; `refused` maps options to error numbers."""

    def __init__(self) -> None:
        self.opened: list[tuple[int, ...]] = []
        self.options: list[tuple[int, int, Any]] = []
        self.refused: dict[tuple[int, int], int] = {}
        self.bound: list[tuple[str, int]] = []
        self.largest_buffer = 1 << 30
        self.closed = 0

    def __call__(self, *arguments: int) -> Kernel:
        self.opened.append(arguments)
        return self

    def setsockopt(self, level: int, number: int, value: Any) -> None:
        """Note it, or refuse."""
        if (level, number) in self.refused:
            raise OSError(self.refused[level, number], "refused")
        if (level, number) == BUFFER and value > self.largest_buffer:
            raise OSError(errno.ENOBUFS, "refused")
        self.options.append((level, number, value))

    def setblocking(self, flag: bool) -> None:
        """Never blocking."""
        assert not flag

    def bind(self, address: tuple[str, int]) -> None:
        """Note the source."""
        self.bound.append(address)

    def close(self) -> None:
        """Count it."""
        self.closed += 1


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """The stand-in."""
    stand_in = Kernel()
    monkeypatch.setattr(socket, "socket", stand_in)
    return stand_in


def opened(kernel: Kernel, quirks: Quirks, family: Family, **options: Any) -> set[Any]:
    """What is set on a new socket, but for its buffer."""
    request = SocketRequest(LOOPBACK[family], family, **options)
    open_icmp(socket.SOCK_DGRAM, quirks, request, 7)
    return {each for each in kernel.options if each[:2] != BUFFER}


def test_macos_ipv4(kernel: Kernel) -> None:
    """Own header and stamps; DSCP and fragments stand in the header; an interface by its index."""
    lo = socket.if_nameindex()[0]
    found = opened(
        kernel, DARWIN[Family.IPV4], Family.IPV4, dscp=46, dont_fragment=True, interface=lo[1]
    )
    assert found == {(0, 2, 1), (0xFFFF, 0x0400, 1), (0, 25, lo[0])}
    assert kernel.opened == [(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)]
    assert kernel.bound == []


def test_macos_ipv6(kernel: Kernel) -> None:
    """A filter by type, hop limits of answers, stamps, traffic class."""
    passed = bytearray(32)
    for kind in (1, 2, 3, 4, 129):
        passed[kind // 32 * 4 + kind % 32 // 8] |= 1 << kind % 8
    found = opened(kernel, DARWIN[Family.IPV6], Family.IPV6, dscp=46, source="::1")
    filtering = (58, 18, bytes(passed))
    assert found == {filtering, (41, 37, 1), (0xFFFF, 0x0400, 1), (41, 36, 46 << 2)}
    assert kernel.opened == [(socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6)]
    assert kernel.bound == [("::1", 0)]


@pytest.mark.parametrize(
    ("system", "stamp"),
    [("freebsd", 0x0400), ("dragonfly", 0x0400), ("openbsd", 0x0800), ("netbsd", 0x2000)],
)
def test_bsd_ipv4(kernel: Kernel, system: str, stamp: int) -> None:
    """Traffic class and stamps; the TTL is set when a probe is sent."""
    assert opened(kernel, BSD[system][Family.IPV4], Family.IPV4, dscp=1) == {
        (0, 3, 4),
        (0xFFFF, stamp, 1),
    }


def test_stamps_may_be_missing(kernel: Kernel) -> None:
    """Round trips are then measured by this process."""
    kernel.refused[0xFFFF, 0x0400] = errno.ENOPROTOOPT
    assert opened(kernel, DARWIN[Family.IPV4], Family.IPV4) == {(0, 2, 1)}
    assert kernel.closed == 0


@pytest.mark.parametrize("option", [(0, 2), (0xFFFF, 0x0400)])
def test_other_refusals_close_the_socket(kernel: Kernel, option: tuple[int, int]) -> None:
    """The error is the kernel's; no descriptor is left."""
    kernel.refused[option] = errno.EPERM
    with pytest.raises(PermissionError):
        opened(kernel, DARWIN[Family.IPV4], Family.IPV4)
    assert kernel.closed == 1


def test_unknown_interface_closes_the_socket(kernel: Kernel) -> None:
    """Where the kernel wants an index, a name without one is refused here."""
    with pytest.raises(OSError, match="interface"):
        opened(kernel, DARWIN[Family.IPV4], Family.IPV4, interface="nowhere0")
    assert kernel.closed == 1


@pytest.mark.parametrize(("largest", "taken"), [(1 << 30, 1 << 20), (200_000, 1 << 16), (9, None)])
def test_largest_buffer_that_is_allowed(kernel: Kernel, largest: int, taken: int | None) -> None:
    """The BSDs refuse what is more than their limit; the least is then the system's own."""
    kernel.largest_buffer = largest
    opened(kernel, DARWIN[Family.IPV4], Family.IPV4)
    buffers = [value for *option, value in kernel.options if tuple(option) == BUFFER]
    assert buffers == ([] if taken is None else [taken])
