"""All that the metrics, the API and the page show of one target over one address family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from exporter.model import Family, HostInfo, Protocol, Trace
from exporter.reading.path import Path
from exporter.settings import Target
from exporter.statistics.tally import Tally
from exporter.trace.mtu import PathMtu
from exporter.watch.verdict import NOTHING_LEARNT, Knowledge

Key = tuple[str, Family]


@dataclass(frozen=True, slots=True)
class PathFacts:
    """What is known of a path beyond its latest trace.

    `changes` and `as_changes` count confirmed changes since the start; `changed_at` is when the
    latest of either was confirmed, in seconds since the epoch; `history` has the latest of them in
    JSON form, newest first. `known` is the path with its branches; `outage` says that a destination
    known to answer has gone silent, confirmed. `mtu` is the path MTU, None where not known.
    """

    changes: int = 0
    as_changes: int = 0
    changed_at: float | None = None
    known: Knowledge = NOTHING_LEARNT
    outage: bool = False
    mtu: PathMtu | None = None
    history: tuple[Mapping[str, object], ...] = ()

    @property
    def branches(self) -> int | None:
        """How many parallel paths are known; None before any is."""
        return self.known.branches if self.known.path else None


@dataclass(frozen=True, slots=True)
class View:
    """The outcome of the latest cycle, and the counters since the start.

    `protocol` is the one spoken. `trace` is None before the first cycle has ended. `infos` covers
    the addresses of the trace and of the path, as far as anything is known of them. `tally` has
    counted `trace`.
    """

    target: Target
    family: Family
    protocol: Protocol
    trace: Trace | None
    path: Path
    infos: Mapping[str, HostInfo]
    tally: Tally
    facts: PathFacts = PathFacts()

    @property
    def key(self) -> Key:
        """Name of the target and family: at most one view exists for each."""
        return self.target.name, self.family
