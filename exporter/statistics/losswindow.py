"""Pure: what was sent and lost at each TTL over the latest cycles, and the loss that follows."""

from __future__ import annotations

from array import array
from functools import lru_cache

from exporter.model import Trace
from exporter.statistics.loss import HopCounts, PathLoss, assess

CYCLES = 20
"""The window spans so many cycles."""
PROBES = 60
"""It spans more cycles where these hold fewer probes for each hop,"""
MOST_CYCLES = 60
"""but never more than these."""
_END_TO_END = 0
_MOST = 0xFFFF


class LossWindow:
    """Counts of one target over one address family; a destination of another address starts anew.

    `probes` is the number of rounds in a cycle. A cycle takes six bytes for each hop, and hardly
    any where another was like it of late, of whatever target; where it is like the one it replaces,
    nothing is computed.
    """

    __slots__ = ("_address", "_cycles", "_end", "_heard", "_loss", "_sums", "span")

    def __init__(self, probes: int) -> None:
        self.span = min(max(CYCLES, -(-PROBES // probes)), MOST_CYCLES)
        self._address: str | None = None
        self._end: int | None = None
        self._heard = 0
        self._cycles: list[bytes] = []
        self._sums = array("i")
        self._loss: PathLoss | None = None

    @property
    def loss(self) -> PathLoss:
        """The loss on the path as these cycles show it."""
        if self._loss is None:
            self._loss = self._assess()
        return self._loss

    def add(self, trace: Trace) -> None:
        """Take in a cycle, in place of the oldest; one that sent nothing is none."""
        if not trace.hops:
            return
        if trace.address != self._address:
            self._forget()
            self._address = trace.address
        known = self._end, self._heard
        if trace.reached:
            self._end = trace.path_hops
        cycle, heard = _counts(trace)
        self._heard |= heard
        if self._push(cycle) or known != (self._end, self._heard):
            self._loss = None

    def _push(self, cycle: bytes) -> bool:
        """Whether the sums are others now."""
        cycles = self._cycles
        cycle = cycles[-1] if cycles and cycles[-1] == cycle else _shared(cycle)
        cycles.append(cycle)
        if len(cycles) > self.span:
            oldest = cycles.pop(0)
            if oldest == cycle:
                return False
            self._sum(oldest, -1)
        self._sum(cycle, 1)
        return True

    def _sum(self, cycle: bytes, sign: int) -> None:
        numbers = array("H", cycle)
        sums, missing = self._sums, 2 * (max(numbers[::3]) + 1) - len(self._sums)
        if missing > 0:
            sums.extend([0] * missing)
        for ttl, sent, lost in zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True):
            sums[2 * ttl] += sign * sent
            sums[2 * ttl + 1] += sign * lost

    def _forget(self) -> None:
        self._end = None
        self._heard = 0
        self._cycles.clear()
        self._sums = array("i")

    def _assess(self) -> PathLoss:
        sums = self._sums
        hops = [
            HopCounts(ttl, sums[2 * ttl], sums[2 * ttl + 1], bool(self._heard >> ttl & 1))
            for ttl in range(_END_TO_END + 1, len(sums) // 2)
            if sums[2 * ttl]
        ]
        if self._end is None:
            return assess(hops, None)
        return assess(hops, HopCounts(self._end, sums[0], sums[1]))


@lru_cache(maxsize=512)
def _shared(cycle: bytes) -> bytes:
    """One for all that are equal: most targets lose nothing, most of the time."""
    return cycle


def _counts(trace: Trace) -> tuple[bytes, int]:
    """TTL, probes sent and probes lost, two bytes each, end to end first; a bit for each TTL heard.

    What does not fit is cut.
    """
    heard, counts = 0, [_END_TO_END, trace.destination_sent, trace.destination_lost]
    for hop in trace.hops:
        ttl, sent, answered = hop.ttl, hop.sent, len(hop.responses)
        counts += (ttl, sent, sent - answered)
        if answered:
            heard |= 1 << ttl
    try:
        return array("H", counts).tobytes(), heard
    except OverflowError:
        return _bounded(counts), heard


def _bounded(counts: list[int]) -> bytes:
    """All within two bytes, and no more lost than sent, whatever was counted."""
    for at in range(1, len(counts), 3):
        sent = counts[at] = min(max(counts[at], 0), _MOST)
        counts[at + 1] = min(max(counts[at + 1], 0), sent)
    return array("H", counts).tobytes()
