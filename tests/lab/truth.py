"""Reads the simulator's log: what really happened to every probe.

One JSON object a line, one line a probe, in the order in which things were decided or sent:
`received_ns` (kernel stamp, wall clock), `target`, `destination`, `family`, `protocol`, `ttl`,
`first` and `second` (ports, or echo id and sequence), `size` (bytes, IP header included),
`position` and `hop` and `address` (who decided or answered), `kind` (a `Kind`, or `too_big`),
`fate` (below), and for answers `sent_ns`, `sent_after_ns`: the clock right before and after.

Fates: `answered`; `lost` (the answer), `dropped` (the probe, `forward_loss`), `rate_limited`,
`silent`, `blackholed`, `looped` (for ever, beyond 255 hops), `unknown` (no such target), `unsent`
(the simulator ended first), `error N` (errno of a failed send).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Record:
    """One probe and what became of it; fields as in the log, None where not known."""

    received_ns: int
    target: str | None
    destination: str
    family: str
    protocol: str
    ttl: int
    first: int
    second: int
    size: int
    position: int
    fate: str
    hop: str | None = None
    address: str | None = None
    kind: str | None = None
    sent_ns: int = 0
    sent_after_ns: int = 0

    @property
    def answered(self) -> bool:
        """Whether an answer left."""
        return self.fate == "answered"

    @property
    def rtt(self) -> float:
        """Seconds between the probe's arrival and the moment its answer began to leave."""
        return (self.sent_ns - self.received_ns) / 1e9

    @property
    def rtt_bound(self) -> float:
        """The same until the answer had certainly left: no true RTT is longer."""
        return (self.sent_after_ns - self.received_ns) / 1e9


class Truth:
    """Records with the usual questions; every question gives records or a smaller `Truth`."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.records = tuple(records)

    @classmethod
    def read(cls, path: Path) -> Truth:
        """Read a log; the simulator must have written it out (`Lab.truth` sees to that)."""
        with path.open() as lines:
            return cls(Record(**json.loads(line)) for line in lines)

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def only(self, **fields: object) -> Truth:
        """Those whose fields have these values, as `only(target="web", ttl=3)`."""
        wanted = fields.items()
        return Truth(
            record
            for record in self.records
            if all(getattr(record, name) == value for name, value in wanted)
        )

    def between(self, start_ns: int, end_ns: int) -> Truth:
        """Those whose probe arrived at or after `start_ns` and before `end_ns`."""
        return Truth(each for each in self.records if start_ns <= each.received_ns < end_ns)

    @property
    def answered(self) -> Truth:
        """Those that were answered."""
        return self.only(fate="answered")

    @property
    def sent(self) -> int:
        """How many probes arrived."""
        return len(self.records)

    @property
    def lost(self) -> int:
        """How many were not answered."""
        return len(self.records) - len(self.answered)

    @property
    def rtts(self) -> tuple[float, ...]:
        """Seconds, of those that were answered."""
        return tuple(record.rtt for record in self.answered)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Distinct responders, in the order in which they first answered."""
        return tuple(dict.fromkeys(each.address for each in self.answered if each.address))

    @property
    def ttls(self) -> tuple[int, ...]:
        """Distinct TTLs, ascending."""
        return tuple(sorted({record.ttl for record in self.records}))

    def by_ttl(self) -> dict[int, Truth]:
        """Split by TTL, ascending."""
        groups: dict[int, list[Record]] = {ttl: [] for ttl in self.ttls}
        for record in self.records:
            groups[record.ttl].append(record)
        return {ttl: Truth(records) for ttl, records in groups.items()}

    def path(self) -> tuple[tuple[str, ...], ...]:
        """The responders of each TTL from the lowest to the highest; none where all were silent."""
        return tuple(part.addresses for part in self.by_ttl().values())

    def probe(self, ttl: int, first: int, second: int) -> Record:
        """The one probe with these numbers. Raises `LookupError` where it is not exactly one."""
        found = self.only(ttl=ttl, first=first, second=second).records
        if len(found) != 1:
            raise LookupError(f"{len(found)} probes with ttl {ttl} and numbers {first}, {second}")
        return found[0]
