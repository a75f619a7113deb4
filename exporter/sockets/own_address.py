"""Whether an address is one of this host's own, asked in the one way that every system answers."""

from __future__ import annotations

import socket

from exporter.model import Family


def is_own_address(family: Family, address: str) -> bool:
    """Whether this host has the address: only then can a socket be bound to it."""
    inet = socket.AF_INET if family is Family.IPV4 else socket.AF_INET6
    try:
        with socket.socket(inet, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
