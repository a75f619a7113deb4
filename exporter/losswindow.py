"""Pure: what was sent and lost at each TTL over the latest cycles, and the loss that follows."""

from __future__ import annotations

from array import array
from collections import deque

from exporter.loss import HopCounts, PathLoss, assess
from exporter.model import Trace

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
    any where it is like the one before; where it is like the one it replaces, nothing is computed.
    """

    __slots__ = ("_address", "_cycles", "_end", "_heard", "_loss", "_sums", "span")

    def __init__(self, probes: int) -> None:
        self.span = min(max(CYCLES, -(-PROBES // probes)), MOST_CYCLES)
        self._address: str | None = None
        self._end: int | None = None
        self._heard = 0
        self._cycles: deque[bytes] = deque()
        self._sums: dict[int, list[int]] = {}
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
        for hop in trace.hops:
            if hop.responses:
                self._heard |= 1 << hop.ttl
        if self._push(_counts(trace)) or known != (self._end, self._heard):
            self._loss = None

    def _push(self, cycle: bytes) -> bool:
        """Whether the sums are others now."""
        cycles = self._cycles
        if cycles and cycles[-1] == cycle:
            cycle = cycles[-1]
        cycles.append(cycle)
        if len(cycles) > self.span:
            oldest = cycles.popleft()
            if oldest == cycle:
                return False
            self._sum(oldest, -1)
        self._sum(cycle, 1)
        return True

    def _sum(self, cycle: bytes, sign: int) -> None:
        numbers = iter(array("H", cycle))
        for ttl, sent, lost in zip(numbers, numbers, numbers, strict=True):
            sums = self._sums.setdefault(ttl, [0, 0])
            sums[0] += sign * sent
            sums[1] += sign * lost

    def _forget(self) -> None:
        self._end = None
        self._heard = 0
        self._cycles.clear()
        self._sums.clear()

    def _assess(self) -> PathLoss:
        hops = [
            HopCounts(ttl, sent, lost, bool(self._heard >> ttl & 1))
            for ttl, (sent, lost) in sorted(self._sums.items())
            if ttl != _END_TO_END
        ]
        if self._end is None:
            return assess(hops, None)
        sent, lost = self._sums[_END_TO_END]
        return assess(hops, HopCounts(self._end, sent, lost))


def _counts(trace: Trace) -> bytes:
    """TTL, probes sent and probes lost, two bytes each, end to end first."""
    counts = [_END_TO_END, *_bounded(trace.destination_sent, trace.destination_lost)]
    for hop in trace.hops:
        counts.append(hop.ttl)
        counts += _bounded(hop.sent, hop.sent - len(hop.responses))
    return array("H", counts).tobytes()


def _bounded(sent: int, lost: int) -> tuple[int, int]:
    """Both within two bytes, and no more lost than sent, whatever was counted."""
    if 0 <= lost <= sent <= _MOST:
        return sent, lost
    sent = min(max(sent, 0), _MOST)
    return sent, min(max(lost, 0), sent)
