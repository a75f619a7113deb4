"""What systemd and the daemon tell each other: readiness, watchdog, sockets that are open already.

The protocols are those of sd_notify(3) and sd_listen_fds(3): a datagram, and inherited
descriptors. Where systemd did not start the process, all of this does nothing.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Final

from exporter.errors import FtrError

_FIRST_DESCRIPTOR: Final = 3
_LONGEST_WAIT: Final = 1.0


class NoSockets(FtrError):
    """systemd handed over no socket to serve on."""


def notify(*assignments: str) -> bool:
    """Tell systemd, as `READY=1`; False where it does not listen."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if path[:1] not in ("/", "@") or not hasattr(socket, "AF_UNIX"):
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(_LONGEST_WAIT)
            # An @ stands for the zero byte that begins an abstract address, unix(7).
            sock.connect("\0" + path[1:] if path[0] == "@" else path)
            sock.sendall("\n".join(assignments).encode())
    except OSError:
        return False
    return True


def watchdog_interval() -> float | None:
    """Seconds within which systemd wants a sign of life; None where it wants none."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    wanted_of = os.environ.get("WATCHDOG_PID") or str(os.getpid())
    if not microseconds.isdecimal() or int(microseconds) == 0 or wanted_of != str(os.getpid()):
        return None
    return int(microseconds) / 1e6


async def feed_watchdog(is_well: Callable[[], bool]) -> None:
    """Give signs of life from the event loop, so that there are none where it is stuck.

    Nor are there any while `is_well` says no.
    """
    interval = watchdog_interval()
    while interval is not None:
        if is_well():
            notify("WATCHDOG=1")
        await asyncio.sleep(interval / 3)


def inherited_sockets() -> list[socket.socket]:
    """The listening stream sockets that systemd opened for this process. Raises `NoSockets`.

    They are taken once: a child of ours inherits neither them nor the news of them.
    """
    pid, count = os.environ.pop("LISTEN_PID", ""), os.environ.pop("LISTEN_FDS", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count.isdecimal() or int(count) == 0:
        raise NoSockets("systemd handed over no socket; is there a .socket unit for this service?")
    descriptors = range(_FIRST_DESCRIPTOR, _FIRST_DESCRIPTOR + int(count))
    return [_listening(descriptor) for descriptor in descriptors]


def _listening(descriptor: int) -> socket.socket:
    try:
        os.set_inheritable(descriptor, False)
        sock = socket.socket(fileno=descriptor)
        listens = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise NoSockets(f"descriptor {descriptor} is no socket: {error.strerror}") from error
    if not listens or sock.type != socket.SOCK_STREAM:
        sock.close()
        raise NoSockets(f"descriptor {descriptor} is no listening stream socket")
    return sock
