"""The one interface of all reports, so that the command need not care which one it feeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol as Interface

from exporter.model import Family, HostInfo, Protocol, Response, Trace


@dataclass(frozen=True, slots=True)
class Heading:
    """What a trace is about to do. `rounds` is the number of probes for each hop."""

    host: str
    address: str
    family: Family
    protocol: Protocol
    backend: str
    max_hops: int
    rounds: int
    first_hop: int = 1


class Report(Interface):
    """Takes the events of one trace after the other. Writes may raise `OSError`."""

    def start(self, heading: Heading) -> None:
        """A trace begins. Not called where the host has no address or no socket opens."""
        ...

    def response(self, response: Response, info: HostInfo | None) -> None:
        """A probe was answered; `info` is None while the look-ups of its address are under way."""
        ...

    def info(self, address: str, info: HostInfo, *, complete: bool = False) -> None:
        """The look-ups of an address have brought something; `complete` where all have ended."""
        ...

    def finish(self, trace: Trace, infos: Mapping[str, HostInfo]) -> None:
        """The trace has ended; what it holds stands above all said before."""
        ...
