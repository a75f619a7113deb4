"""Picks the way to probe: the one place that knows which backend serves which platform."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module

from exporter.errors import ErrorReason, SocketUnavailable
from exporter.model import Family, Protocol
from exporter.sockets import table
from exporter.sockets.base import Listener, ProbeSocket, SocketRequest
from exporter.sockets.table import Candidate

Opener = Callable[[SocketRequest, Listener], ProbeSocket]
_LOOPBACK = {Family.IPV4: "127.0.0.1", Family.IPV6: "::1"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a backend opens here, and where not, why and what would help."""

    backend: str
    protocol: Protocol
    family: Family
    refused: SocketUnavailable | None


def open_probe_socket(request: SocketRequest, listener: Listener) -> ProbeSocket:
    """Open the first backend that this host permits.

    Raises `SocketUnavailable` that names each candidate with the reason why it was refused.
    """
    refusals: list[SocketUnavailable] = []
    tried = table.candidates(request.protocol, request.family)
    for candidate in tried:
        try:
            return open_candidate(candidate, request, listener)
        except SocketUnavailable as refusal:
            refusals.append(refusal)
    if not tried:
        message = f"no backend for protocol {request.protocol} on {sys.platform}"
        raise SocketUnavailable(ErrorReason.SOCKET, f"{message} over {request.family}")
    raise SocketUnavailable(
        refusals[0].reason,
        "; ".join(
            f"{candidate.backend}: {refusal}"
            for candidate, refusal in zip(tried, refusals, strict=True)
        ),
        "; ".join(refusal.remedy for refusal in refusals if refusal.remedy),
    )


def open_candidate(candidate: Candidate, request: SocketRequest, listener: Listener) -> ProbeSocket:
    """Open this backend and no other. Raises `SocketUnavailable`."""
    obstacles = candidate.obstacles(table.options_of(request))
    if obstacles:
        raise SocketUnavailable(ErrorReason.SOCKET, "; ".join(obstacles))
    opener: Opener = getattr(import_module(candidate.module), candidate.opener)
    return opener(request, listener)


def survey() -> Iterator[Verdict]:
    """Open and close every backend of this platform for its families, sending nothing.

    Needs a running event loop.
    """
    for candidate in table.CANDIDATES:
        for family in candidate.families:
            if not candidate.serves(candidate.protocol, family, sys.platform):
                continue
            refused = None
            try:
                request = SocketRequest(_LOOPBACK[family], family, candidate.protocol)
                open_candidate(candidate, request, _Nobody()).close()
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
