"""Pure: what one cycle means for a path, in records that every reader shares.

A path is one address per TTL, None for a hop that is not known; `first_ttl` says where it begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from exporter.reading.jsonform import rfc3339
from exporter.reading.path import Path

AsPath = tuple[int, ...]


class Balancing(StrEnum):
    """How traffic is spread at a TTL: within one flow, between flows (or not at once), or not."""

    NONE = "none"
    PER_FLOW = "per_flow"
    PER_PACKET = "per_packet"


class Suspicion(StrEnum):
    """Why a cycle should be repeated at once: what it showed is a change, an outage, or nothing."""

    NEW_ADDRESS = "new_address"
    NEW_LENGTH = "new_length"
    DESTINATION_SILENT = "destination_silent"
    LOSS = "loss"


@dataclass(frozen=True, slots=True)
class Difference:
    """What one TTL showed before and shows now: all parallel addresses; empty where unknown."""

    ttl: int
    old: tuple[str, ...]
    new: tuple[str, ...]

    def __str__(self) -> str:
        if not self.new:
            return f"hop {self.ttl}: {_either(self.old)} is not seen any more"
        if not self.old:
            return f"hop {self.ttl}: {_either(self.new)} is new"
        return f"hop {self.ttl}: {_either(self.new)} instead of {_either(self.old)}"


def _either(addresses: tuple[str, ...]) -> str:
    return " or ".join(addresses)


@dataclass(frozen=True, slots=True)
class PathChange:
    """A confirmed change of path. Wall-clock seconds: confirmed `at`, first seen `since`.

    `old_hops` and `new_hops` are the TTLs of the destination; None where that was not heard.
    """

    at: float
    since: float
    first_ttl: int
    old: Path
    new: Path
    old_hops: int | None
    new_hops: int | None
    differences: tuple[Difference, ...]

    @property
    def words(self) -> str:
        """What changed, in one line."""
        parts = [str(each) for each in self.differences[:3]]
        more = len(self.differences) - len(parts)
        if more:
            parts.append(f"{more} more hops differ" if more > 1 else "1 more hop differs")
        if self.old_hops and self.new_hops and self.old_hops != self.new_hops:
            longer = self.new_hops > self.old_hops
            word = "longer" if longer else "shorter"
            parts.insert(0, f"{word}: {self.new_hops} hops instead of {self.old_hops}")
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class AsPathChange:
    """A confirmed change of the AS path, `at` in wall-clock seconds."""

    at: float
    old: AsPath
    new: AsPath

    @property
    def words(self) -> str:
        """What changed, in one line."""
        return f"AS path {_numbers(self.new)} instead of {_numbers(self.old)}"


def _numbers(path: AsPath) -> str:
    return " ".join(map(str, path))


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is known of a path: all that outlives a cycle.

    `path` is the confirmed one, from `first_ttl` on. `hops` is the destination's TTL on it, None
    while it was never heard. `branches` counts the distinct parallel paths known: at least one.
    `addresses` has all that are known of each TTL, the one on `path` first; `balancing` those TTLs
    where traffic is spread.
    """

    path: Path = ()
    first_ttl: int = 1
    hops: int | None = None
    branches: int = 1
    addresses: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    balancing: Mapping[int, Balancing] = field(default_factory=dict)
    as_path: AsPath = ()


NOTHING_LEARNT = Knowledge()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one cycle means.

    `change` and `as_change` are there in the one cycle that confirmed them. A `suspicion` asks for
    a confirming cycle at once; `unsettled` says that what such cycles are about is still open: this
    one neither confirmed nor refuted it. `outage` holds from the cycle on that confirmed the
    silence of a destination known to answer, until it answers. `news` says that the watcher's state
    is worth saving.
    """

    known: Knowledge
    change: PathChange | None = None
    as_change: AsPathChange | None = None
    suspicion: Suspicion | None = None
    unsettled: bool = False
    outage: bool = False
    news: bool = False

    @property
    def suspicious(self) -> bool:
        """Whether a confirming cycle should follow at once."""
        return self.suspicion is not None


def change_json(verdict: Verdict) -> dict[str, object] | None:
    """What one cycle changed, in the one JSON form for it; None where nothing changed.

    `old_as_path` and `new_as_path` are the same where only the path changed, `old_path` and
    `new_path` where only the AS path did.
    """
    change, as_change = verdict.change, verdict.as_change
    if change is None and as_change is None:
        return None
    known = verdict.known
    words = [each.words for each in (change, as_change) if each is not None]
    return {
        "since": rfc3339(change.since if change else as_change.at if as_change else 0.0),
        "words": "; ".join(words),
        "first_ttl": known.first_ttl,
        "old_path": list(change.old if change else known.path),
        "new_path": list(change.new if change else known.path),
        "old_as_path": list(as_change.old if as_change else known.as_path),
        "new_as_path": list(as_change.new if as_change else known.as_path),
        "differences": [
            {"ttl": each.ttl, "old": list(each.old), "new": list(each.new)}
            for each in (change.differences if change else ())
        ],
    }
