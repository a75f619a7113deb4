"""Pure: counts what the traces of one target over one address family add up to.

Every count only ever grows, so that it can be exposed as a counter; what the latest cycles show
beside them (`jitter`, `window`, `recent`) moves both ways. Local errors are counted by reason and
nowhere else: they are never loss. Memory is bounded whatever the network answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from exporter.errors import ErrorReason
from exporter.model import Trace
from exporter.settings import Module
from exporter.statistics.histogram import Histogram
from exporter.statistics.hoptally import HopTallies
from exporter.statistics.jitter import Jitter
from exporter.statistics.losswindow import LossWindow
from exporter.statistics.recent import Recent

DURATION_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds in seconds of the histogram of trace durations."""
_NO_ERRORS: Mapping[str, int] = MappingProxyType({reason.value: 0 for reason in ErrorReason})


class Tally:
    """All counters of one target over one address family.

    They go on as long as this object lives: also those of a hop or an address that is not on the
    path now, so that they continue where they were when it returns.
    """

    __slots__ = (
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
        self.traces = 0
        self.skipped = 0
        self.sent = 0
        self.lost = 0
        self.rtt = Histogram(module.rtt_buckets)
        self.duration = Histogram(DURATION_BUCKETS)
        self.errors: Mapping[str, int] = _NO_ERRORS
        self.hops = HopTallies(_hop_bounds(module))
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
        self.hops.add(trace.hops, confirming=confirming)
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
        tally.hops.use(_hop_bounds(module))
        return tally

    def skip(self, cycles: int = 1) -> None:
        """Count cycles that could not start since the one before still ran."""
        self.skipped += cycles


def _hop_bounds(module: Module) -> tuple[float, ...] | None:
    return module.rtt_buckets if module.hop_histograms else None
