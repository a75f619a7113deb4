"""Picks the way to probe: the one place that knows which backend serves which platform."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module

from exporter.errors import ErrorReason, SocketUnavailable
from exporter.model import Family, Protocol
from exporter.sockets.base import Listener, ProbeSocket, SocketRequest

Opener = Callable[[SocketRequest, Listener], ProbeSocket]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One backend; its module is imported only when it is tried."""

    backend: str
    platform: str
    protocol: Protocol
    module: str
    opener: str

    def load(self) -> Opener:
        """The function that opens it."""
        opener: Opener = getattr(import_module(self.module), self.opener)
        return opener


CANDIDATES = (
    Candidate(
        "linux-icmp", "linux", Protocol.ICMP, "exporter.sockets.linux_icmp", "open_linux_icmp"
    ),
    Candidate("linux-udp", "linux", Protocol.UDP, "exporter.sockets.linux_udp", "open_linux_udp"),
)
"""In the order in which `auto` tries them."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a backend opens here, and where not, why and what would help."""

    backend: str
    protocol: Protocol
    family: Family
    refused: SocketUnavailable | None


def candidates(protocol: Protocol, platform: str = sys.platform) -> tuple[Candidate, ...]:
    """Backends for a protocol on a platform, best first; `auto` takes every protocol."""
    return tuple(
        candidate
        for candidate in CANDIDATES
        if candidate.platform == platform and protocol in (Protocol.AUTO, candidate.protocol)
    )


def open_probe_socket(request: SocketRequest, listener: Listener) -> ProbeSocket:
    """Open the first backend that this host permits.

    Raises `SocketUnavailable` that names each candidate with the reason why it was refused.
    """
    refusals: list[SocketUnavailable] = []
    tried = candidates(request.protocol)
    for candidate in tried:
        try:
            return candidate.load()(request, listener)
        except SocketUnavailable as refusal:
            refusals.append(refusal)
    if not tried:
        message = f"no backend for protocol {request.protocol} on {sys.platform}"
        raise SocketUnavailable(ErrorReason.SOCKET, message)
    raise SocketUnavailable(
        refusals[0].reason,
        "; ".join(
            f"{candidate.backend}: {refusal}"
            for candidate, refusal in zip(tried, refusals, strict=True)
        ),
        "; ".join(refusal.remedy for refusal in refusals if refusal.remedy),
    )


def survey() -> Iterator[Verdict]:
    """Open and close every backend of this platform for both families, sending nothing.

    Needs a running event loop.
    """
    for candidate in candidates(Protocol.AUTO):
        for family, loopback in ((Family.IPV4, "127.0.0.1"), (Family.IPV6, "::1")):
            refused = None
            try:
                candidate.load()(SocketRequest(loopback, family), _Nobody()).close()
            except SocketUnavailable as refusal:
                refused = refusal
            yield Verdict(candidate.backend, candidate.protocol, family, refused)


class _Nobody:
    """A listener for sockets that send nothing."""

    def responded(self, response: object) -> None:
        """Nothing was asked."""

    def failed(self, probe: object, error: object) -> None:
        """Nothing was sent."""

    def unmatched(self) -> None:
        """Not ours."""
