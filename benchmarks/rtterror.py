"""How far the daemon's round-trip times are from those that the simulator knows. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from benchmarks.simulator import Record

METRIC = "ftr_hop_rtt_seconds"
_LINE = re.compile(rb'target="t(\d+)".*hop="(\d+)".*} (\S+)')


def rtt_errors(lines: Iterable[bytes], records: Iterable[Record], settled_ns: int) -> list[float]:
    """Seconds by which each hop's RTT in `lines` of `METRIC` is too long, negative if too short.

    A hop has one probe a cycle, so its RTT is that of its newest one. Targets that were probed at
    or after `settled_ns` are left out: which of their cycles the lines show is not certain.
    """
    newest: dict[tuple[int, int], int] = {}
    unsettled: set[int] = set()
    for record in records:
        if record.received_ns >= settled_ns:
            unsettled.add(record.target)
        elif record.answered and record.ttl == record.position:
            newest[record.target, record.ttl] = record.sent_ns - record.received_ns
    errors = []
    for line in lines:
        if found := _LINE.search(line):
            target, hop = int(found[1]), int(found[2])
            if target not in unsettled:
                errors.append(float(found[3]) - newest[target, hop] / 1e9)
    return errors
