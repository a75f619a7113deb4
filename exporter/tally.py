"""Pure: counts what the traces of one target over one address family add up to.

Every count only ever grows, so that it can be exposed as a counter; what the latest cycles show
beside them (`jitter`, `window`, `recent`) moves both ways. Local errors are counted by reason and
nowhere else: they are never loss. Memory is bounded whatever the network answers.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from math import inf
from types import MappingProxyType

from exporter.errors import ErrorReason
from exporter.jitter import Jitter
from exporter.losswindow import LossWindow
from exporter.model import Hop, Trace
from exporter.recent import Recent
from exporter.settings import Module

DURATION_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds in seconds of the histogram of trace durations."""
ADDRESSES_PER_HOP = 64
"""How many responders of a hop are remembered; those of the latest trace always are."""
_NO_ERRORS: Mapping[str, int] = MappingProxyType({reason.value: 0 for reason in ErrorReason})


class Histogram:
    """Observations in seconds by upper bound; `counts` has one more entry, for all above."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one observation; a bucket holds its own upper bound, as Prometheus wants it."""
        seconds = _never_back(seconds)
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds

    def over(self, bounds: tuple[float, ...]) -> Histogram:
        """The same observations by other bounds.

        Exact for bounds that were there before; an observation whose bucket is gone moves to the
        next higher one, so that no count of a bucket that stays, and no sum, ever falls.
        """
        if bounds == self.bounds:
            return self
        moved = Histogram(bounds)
        moved.sum = self.sum
        for bound, count in zip((*self.bounds, inf), self.counts, strict=True):
            moved.counts[bisect_left(bounds, bound)] += count
        return moved


class AddressTally:
    """What one address answered at one hop: how often, and the sum of its RTTs in seconds."""

    __slots__ = ("address", "histogram", "replies", "seconds")

    def __init__(self, address: str, bounds: tuple[float, ...] | None) -> None:
        self.address = address
        self.replies = 0
        self.seconds = 0.0
        self.histogram = None if bounds is None else Histogram(bounds)


class HopTally:
    """What was sent with one TTL, what was lost, and who answered, the longest unheard first.

    A hop with one address, as most are, takes no dict.
    """

    __slots__ = ("_all", "_only", "lost", "sent")

    def __init__(self) -> None:
        self.sent = 0
        self.lost = 0
        self._only: AddressTally | None = None
        self._all: dict[str, AddressTally] | None = None

    @property
    def addresses(self) -> Mapping[str, AddressTally]:
        """By address, the longest unheard first."""
        if self._all is not None:
            return self._all
        return {} if self._only is None else {self._only.address: self._only}

    def add(self, hop: Hop, bounds: tuple[float, ...] | None) -> None:
        """Count what a trace showed of this hop."""
        self.sent += hop.sent
        self.lost += max(0, hop.sent - len(hop.responses))
        for response in hop.responses:
            only = self._only
            if only is None or only.address != response.address:
                only = self._another(response.address, bounds)
            only.replies += 1
            only.seconds += _never_back(response.rtt)
            if only.histogram is not None:
                only.histogram.observe(response.rtt)
        if self._all is not None and len(self._all) > ADDRESSES_PER_HOP:
            _forget_longest_unheard(self._all, len(hop.addresses))

    def _another(self, address: str, bounds: tuple[float, ...] | None) -> AddressTally:
        """One of several addresses, moved to the end as the latest heard."""
        if self._all is None:
            one = AddressTally(address, bounds)
            if self._only is None:
                self._only = one
            else:
                self._all, self._only = {self._only.address: self._only, address: one}, None
            return one
        one = self._all.get(address) or AddressTally(address, bounds)
        self._all.pop(address, None)
        self._all[address] = one
        return one


class Tally:
    """All counters of one target over one address family.

    They go on as long as this object lives: also those of a hop or an address that is not on the
    path now, so that they continue where they were when it returns.
    """

    __slots__ = (
        "_hop_bounds",
        "duration",
        "errors",
        "hops",
        "jitter",
        "lost",
        "recent",
        "rtt",
        "sent",
        "skipped",
        "traces",
        "window",
    )

    def __init__(self, module: Module) -> None:
        self._hop_bounds = module.rtt_buckets if module.hop_histograms else None
        self.traces = 0
        self.skipped = 0
        self.sent = 0
        self.lost = 0
        self.rtt = Histogram(module.rtt_buckets)
        self.duration = Histogram(DURATION_BUCKETS)
        self.errors: Mapping[str, int] = _NO_ERRORS
        self.hops: dict[int, HopTally] = {}
        self.jitter = Jitter()
        self.window = LossWindow(module.probes)
        self.recent = Recent(module.probes)

    def add(self, trace: Trace, *, confirming: bool = False) -> None:
        """Count a finished trace, also one that failed before it could send.

        A `confirming` one belongs to the cycle before it: its probes count, the cycle does not.
        """
        if not confirming:
            self.traces += 1
        if trace.hops and not confirming:
            self.duration.observe(trace.duration)
        self.sent += trace.destination_sent
        self.lost += max(0, trace.destination_lost)
        for seconds in trace.destination_rtts:
            self.rtt.observe(seconds)
        for reason, count in trace.errors:
            self.errors = {**self.errors, reason: self.errors.get(reason, 0) + count}
        for hop in trace.hops:
            tally = self.hops.get(hop.ttl)
            if tally is None:
                tally = self.hops[hop.ttl] = HopTally()
            tally.add(hop, self._hop_bounds)
        self.jitter.add(trace)
        self.window.add(trace)
        self.recent.add(trace, confirming=confirming)

    def going_on(self, module: Module, *, alike: bool) -> Tally:
        """A tally for the same target that is now probed as `module` says: no count falls.

        What moves both ways goes on where probes are `alike` those before, else it starts anew.
        """
        tally = Tally(module)
        if alike:
            tally.jitter, tally.window, tally.recent = self.jitter, self.window, self.recent
        tally.traces, tally.skipped = self.traces, self.skipped
        tally.sent, tally.lost = self.sent, self.lost
        tally.rtt, tally.duration = self.rtt.over(module.rtt_buckets), self.duration
        tally.errors, tally.hops = self.errors, self.hops
        bounds = tally._hop_bounds
        for hop in tally.hops.values():
            for one in hop.addresses.values():
                known = one.histogram or Histogram(bounds or ())
                one.histogram = None if bounds is None else known.over(bounds)
        return tally

    def skip(self, cycles: int = 1) -> None:
        """Count cycles that could not start since the one before still ran."""
        self.skipped += cycles


def _forget_longest_unheard(addresses: dict[str, AddressTally], heard_now: int) -> None:
    """Make room, but never by an address of the latest trace: it is exposed."""
    surplus = len(addresses) - max(ADDRESSES_PER_HOP, heard_now)
    for address in list(addresses)[:surplus]:
        del addresses[address]


def _never_back(seconds: float) -> float:
    """A sum must not fall, though a clock that is set back can make a duration negative."""
    return seconds if seconds > 0.0 else 0.0
