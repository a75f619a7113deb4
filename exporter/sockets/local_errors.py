"""What it means when this host itself cannot send a probe; the same on every Unix."""

from __future__ import annotations

import errno
import socket

from exporter.errors import ErrorReason, ProbeError, SendBlocked, TooBig
from exporter.model import Family

BLOCKED = {errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM}
_NO_ROUTE = {
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
    errno.EHOSTDOWN,
    errno.ENETDOWN,
    errno.EADDRNOTAVAIL,
}
_FORBIDDEN = {errno.EPERM, errno.EACCES}


def send_error(error: OSError, destination: str, mtu: int | None = None) -> ProbeError:
    """What a failed send means to the tracer; `mtu` is that of the first link, if known."""
    message = f"cannot send to {destination}: {error.strerror}"
    if error.errno in BLOCKED:
        return SendBlocked(message)
    if error.errno in _NO_ROUTE:
        return ProbeError(ErrorReason.UNREACHABLE_NETWORK, message)
    if error.errno in _FORBIDDEN:
        return ProbeError(ErrorReason.PERMISSION, message)
    if error.errno == errno.EMSGSIZE:
        return TooBig(message, mtu)
    return ProbeError(ErrorReason.SEND, message)


def no_neighbour(destination: str) -> ProbeError:
    """The kernel's own unreachable: nobody answers ARP or neighbour discovery."""
    message = f"cannot send to {destination}: the next hop does not answer on its link"
    return ProbeError(ErrorReason.UNREACHABLE_NETWORK, message)


def is_own_address(family: Family, address: str) -> bool:
    """Whether this host has the address."""
    inet = socket.AF_INET if family is Family.IPV4 else socket.AF_INET6
    try:
        with socket.socket(inet, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
