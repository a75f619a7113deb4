"""What the Windows backend asks of Windows: one small interface, and the memory that goes with it.

`windows_library` is the real thing; tests put another in its place, on every platform.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol as Interface

from exporter.model import Family
from exporter.sockets.windows_reply import REPLY_BYTES

_AF_INET6 = 23
_SOCKADDR_IN6 = struct.Struct("=HHI16sI")
_IO_STATUS_BLOCK_BYTES = 16
_ICMP_ERROR_BYTES = 1280


class IpOptions(ctypes.Structure):
    """`IP_OPTION_INFORMATION`, in the width of this process: 16 bytes on 64 bits, else 8."""

    _fields_ = (
        ("ttl", ctypes.c_ubyte),
        ("tos", ctypes.c_ubyte),
        ("flags", ctypes.c_ubyte),
        ("size", ctypes.c_ubyte),
        ("data", ctypes.c_void_p),
    )


class Echo:
    """One request and the memory that Windows reads and writes until it signals the event."""

    __slots__ = ("data", "destination", "family", "options", "reply", "source", "timeout_ms")

    def __init__(
        self, family: Family, ends: tuple[str, str], data: bytes, ttl: int, timeout_ms: int
    ) -> None:
        self.family = family
        self.source, self.destination = (_address(family, end) for end in ends)
        self.data = data
        self.options = IpOptions(ttl=ttl)
        self.reply = ctypes.create_string_buffer(
            REPLY_BYTES[family] + len(data) + _ICMP_ERROR_BYTES + _IO_STATUS_BLOCK_BYTES
        )
        self.timeout_ms = timeout_ms


def _address(family: Family, text: str) -> bytes:
    """An address as the calls want it: four bytes, or a `sockaddr_in6`."""
    if family is Family.IPV4:
        return socket.inet_pton(socket.AF_INET, text)
    return _SOCKADDR_IN6.pack(_AF_INET6, 0, 0, socket.inet_pton(socket.AF_INET6, text), 0)


@dataclass(frozen=True, slots=True)
class Watch:
    """An event, and the wait for it."""

    key: int
    event: int
    wait: int


class Api(Interface):
    """What the backend asks of Windows. Handles are numbers; error numbers are those of Windows."""

    def open(self, family: Family) -> int:
        """A handle to send many requests with. Raises `OSError`."""
        ...

    def close(self, handle: int) -> None:
        """Give a handle back that no request uses any more."""
        ...

    def watch(self, done: Callable[[], None]) -> Watch:
        """An event that calls `done` once, from a foreign thread. Raises `OSError`.

        All that `done` refers to stays in memory until `unwatch`.
        """
        ...

    def unwatch(self, watch: Watch, *, running: bool = False) -> None:
        """Give the event back; waits for a call of `done` that may be `running`."""
        ...

    def send(self, handle: int, echo: Echo, watch: Watch) -> int:
        """Start a request; gives 0 where the event will be signalled, else the error."""
        ...

    def parse(self, echo: Echo) -> int:
        """Once, after the event: 0 where the buffer holds a reply, else the status without one."""
        ...
