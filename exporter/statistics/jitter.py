"""Pure: how much round-trip times vary from one to the next, as RFC 3550 estimates it."""

from __future__ import annotations

from collections.abc import Iterable

from exporter.model import Trace

_GAIN = 1 / 16
"""RFC 3550 section 6.4.1: noise is reduced well, and the estimate still converges quickly."""


class Jitter:
    """The running mean of the difference between consecutive round trips to one destination.

    That of RFC 3550 section 6.4.1 (and appendix A.8), with round-trip in place of transit times, so
    that both ways count. `seconds` is None until there were two round trips.
    """

    __slots__ = ("_address", "_latest", "seconds")

    def __init__(self) -> None:
        self._address: str | None = None
        self._latest: float | None = None
        self.seconds: float | None = None

    def add(self, trace: Trace) -> None:
        """Take in a cycle; a destination of another address starts anew."""
        if trace.address is None:
            return
        if trace.address != self._address:
            self._address, self._latest, self.seconds = trace.address, None, None
        self.observe(_of_one_flow(trace))

    def observe(self, round_trips: Iterable[float]) -> None:
        """Take in round trips, in seconds, in the order of their arrival."""
        for rtt in round_trips:
            if self._latest is not None:
                former = self.seconds or 0.0
                self.seconds = former + (abs(rtt - self._latest) - former) * _GAIN
            self._latest = rtt


def _of_one_flow(trace: Trace) -> Iterable[float]:
    """The round trips of flow 0: those of other flows may differ because their paths do."""
    answers = trace.hops[-1].responses if trace.hops else ()
    if not any(response.probe.flow for response in answers):
        return trace.destination_rtts
    return [each.rtt for each in answers if each.reached and not each.probe.flow]
