"""Tools for tests of TCP probes: sockets to the hosts of a world, and descriptors counted."""

from __future__ import annotations

import os
from typing import Any

import pytest

from exporter.model import Family, Protocol
from exporter.sockets.base import ProbeSocket
from tests.probing import Recorder, preferred

each_family = pytest.mark.parametrize("family", list(Family))
FAR = 20
"""A TTL that reaches every destination."""


def opened(
    recorder: Recorder, destination: dict[Family, str], family: Family, **options: Any
) -> ProbeSocket:
    """A TCP socket to a destination; `options` are other fields of the request."""
    backend = preferred(Protocol.TCP, family)
    return backend.open(backend.request(destination[family], **options), recorder)


def descriptors() -> int:
    """How many this process has."""
    return len(os.listdir("/proc/self/fd"))
