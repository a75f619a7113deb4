"""Pure: the latest cycles of one target over one address family, small enough for ten thousand.

A cycle takes `4 + 2 + 2 * probes` bytes, hops are summed over 24 cycles at a time in 13 bytes each:
six hours of a path of 15 hops at the defaults fit into 10 kB. Round trips are kept as logarithms in
two bytes, from 1 us to 100 s within 0.02 %.
"""

from __future__ import annotations

import math
import struct
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from exporter.model import Hop, Trace

CYCLES = 360
CYCLES_OF_A_SPAN = 24
MOST_RTTS = 5
"""Of a cycle with more round trips, five are kept that tell of all: least, quarters, greatest."""

_SPANS = CYCLES // CYCLES_OF_A_SPAN
_TICK = 0.1
_LEAST, _STEPS = 1e-6, 65534 / math.log(1e8)
_HEAD, _HOP = struct.Struct("<II"), struct.Struct("<BHHHHHH")
_FIELDS = 6
"""Of the sums of a hop: sent, answered, seconds, their squares, least, greatest."""


class Cycle(NamedTuple):
    """One cycle end to end: begun `at`, in seconds since the epoch; `rtts` in seconds, ascending.

    `sent` is 0 where nothing could be sent.
    """

    at: float
    sent: int
    lost: int
    rtts: tuple[float, ...]


class HopSum(NamedTuple):
    """What one TTL showed in some cycles, RTTs in seconds; None where it never answered."""

    ttl: int
    sent: int
    lost: int
    best: float | None = None
    mean: float | None = None
    worst: float | None = None
    stddev: float | None = None


class Span(NamedTuple):
    """The hops, summed over the cycles that began from `start` to `end`, both inclusive."""

    start: float
    end: float
    hops: tuple[HopSum, ...]


class Recent:
    """The latest `CYCLES` cycles; the oldest make room. `probes` is the number of rounds in each.

    What confirms a cycle belongs to that cycle.
    """

    __slots__ = ("_base", "_begun", "_count", "_kept", "_record", "_ring", "_spans", "_sums")

    def __init__(self, probes: int) -> None:
        self._kept = min(probes, MOST_RTTS)
        self._record = _record(self._kept)
        self._ring = bytearray()
        self._count = 0
        self._base = 0.0
        self._spans: tuple[bytes, ...] = ()
        self._sums = array("d")
        self._begun = 0

    def add(self, trace: Trace, *, confirming: bool = False) -> None:
        """Take in a finished trace."""
        if confirming and self._count:
            former = self._cycle(self._count - 1)
            self._write(
                self._count - 1,
                former.at,
                former.sent + trace.destination_sent,
                former.lost + trace.destination_lost,
                (*former.rtts, *trace.destination_rtts),
            )
        else:
            self._begin(trace.started_at)
            sent, lost = trace.destination_sent, trace.destination_lost
            self._write(self._count - 1, trace.started_at, sent, lost, trace.destination_rtts)
        self._sum(trace.hops)

    def cut(self) -> None:
        """Another path: hops are summed anew from here on."""
        if self._count > self._begun:
            self._spans = (*self._spans, self._packed())[1 - _SPANS :]
            self._sums = array("d")
            self._begun = self._count

    def cycles(self, latest: int = CYCLES) -> Iterator[Cycle]:
        """The latest cycles, the oldest first."""
        first = max(0, self._count - min(latest, CYCLES))
        return map(self._cycle, range(first, self._count))

    def spans(self) -> Iterator[Span]:
        """The hops over time, the oldest span first; the last one still grows."""
        if not self._count:
            return
        for each in (*self._spans, self._packed()):
            first, last = _HEAD.unpack_from(each)
            hops = tuple(_hop_sum(*fields) for fields in _HOP.iter_unpack(each[_HEAD.size :]))
            yield Span(self._time(first), self._time(last), hops)

    def _begin(self, at: float) -> None:
        if not self._count:
            self._base = at
        elif self._count - self._begun == CYCLES_OF_A_SPAN:
            self.cut()
        self._count += 1

    def _write(self, number: int, at: float, sent: int, lost: int, rtts: Iterable[float]) -> None:
        kept = _telling(sorted(rtts), self._kept)
        codes = [_code(rtt) for rtt in kept] + [0] * (self._kept - len(kept))
        place = number % CYCLES * self._record.size
        if place == len(self._ring):
            self._ring.extend(bytes(self._record.size))
        # Beyond one byte only the ratio counts.
        scale = max(1.0, sent / 255)
        counts = round(sent / scale), round(max(0, lost) / scale)
        self._record.pack_into(self._ring, place, self._ticks(at), *counts, *codes)

    def _cycle(self, number: int) -> Cycle:
        place = number % CYCLES * self._record.size
        ticks, sent, lost, *codes = self._record.unpack_from(self._ring, place)
        rtts = tuple(_seconds(code) for code in codes if code)
        return Cycle(self._time(ticks), sent, lost, rtts)

    def _ticks(self, at: float) -> int:
        """A clock that is set back before the first cycle must not break anything."""
        return min(max(0, round((at - self._base) / _TICK)), 0xFFFFFFFF)

    def _time(self, ticks: int) -> float:
        return round(self._base + ticks * _TICK, 3)

    def _sum(self, hops: Sequence[Hop]) -> None:
        sums = self._sums
        missing = _FIELDS * (max([hop.ttl for hop in hops], default=-1) + 1) - len(sums)
        if missing > 0:
            sums.extend([0.0] * missing)
        for hop in hops:
            place = hop.ttl * _FIELDS
            sums[place] += hop.sent
            for response in hop.responses:
                rtt = response.rtt if response.rtt > _LEAST else _LEAST
                answered = sums[place + 1]
                if not answered or rtt < sums[place + 4]:
                    sums[place + 4] = rtt
                sums[place + 1] = answered + 1
                sums[place + 2] += rtt
                sums[place + 3] += rtt * rtt
                if rtt > sums[place + 5]:
                    sums[place + 5] = rtt

    def _packed(self) -> bytes:
        first, last = self._cycle(min(self._begun, self._count - 1)), self._cycle(self._count - 1)
        parts = [_HEAD.pack(self._ticks(first.at), self._ticks(last.at))]
        for ttl in range(len(self._sums) // _FIELDS):
            sums = self._sums[ttl * _FIELDS : (ttl + 1) * _FIELDS]
            if sums[0]:
                parts.append(_pack_hop(ttl, *sums))
        return b"".join(parts)


@lru_cache
def _record(rtts: int) -> struct.Struct:
    """Time, probes sent and lost, and so many round trips."""
    return struct.Struct(f"<IBB{rtts}H")


def _pack_hop(
    ttl: int, sent: float, answered: float, total: float, squares: float, least: float, most: float
) -> bytes:
    sent, lost = min(sent, 0xFFFF), min(max(0.0, sent - answered), 0xFFFF)
    if not answered:
        return _HOP.pack(ttl, int(sent), int(lost), 0, 0, 0, 0)
    mean = total / answered
    stddev = math.sqrt(max(0.0, squares / answered - mean * mean))
    figures = (least, mean, most, stddev)
    return _HOP.pack(ttl, int(sent), int(lost), *map(_code, figures))


def _hop_sum(ttl: int, sent: int, lost: int, *codes: int) -> HopSum:
    if not codes[0]:
        return HopSum(ttl, sent, lost)
    best, mean, worst, stddev = map(_seconds, codes)
    return HopSum(ttl, sent, lost, best, mean, worst, stddev)


def _telling(rtts: list[float], most: int) -> list[float]:
    """All of them, or so many that lie evenly between the least and the greatest."""
    if len(rtts) <= most:
        return rtts
    if most == 1:
        return [rtts[len(rtts) // 2]]
    return [rtts[round(number * (len(rtts) - 1) / (most - 1))] for number in range(most)]


def _code(seconds: float) -> int:
    return min(1 + round(math.log(max(seconds, _LEAST) / _LEAST) * _STEPS), 0xFFFF)


def _seconds(code: int) -> float:
    return float(f"{_LEAST * math.exp((code - 1) / _STEPS):.4g}")
