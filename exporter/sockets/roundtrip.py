"""How long a probe and its answer took, by the best clocks there are."""

from __future__ import annotations

from exporter.sockets.pending import Sent

_CLOCK_STEP_NS = 1_000_000


def round_trip(sent: Sent, received: int | None, now: int, monotonic: int) -> float:
    """Seconds from sending to receiving, by kernel stamps where there are both.

    Stamps are wall-clock time. Where that clock was set in between (its distance from the monotonic
    clock differs from the one at sending), or the stamps contradict the order of events, the
    monotonic clock decides, read by this process before sending and after receiving.
    """
    step = (now - monotonic) - (sent.wall_ns - sent.monotonic_ns)
    elapsed = monotonic - sent.monotonic_ns
    if received is not None and abs(step) < _CLOCK_STEP_NS + elapsed // 1000:
        rtt = received - (sent.stamp_ns or sent.wall_ns)
        if 0 <= rtt <= elapsed + _CLOCK_STEP_NS:
            return rtt / 1e9
    return elapsed / 1e9
