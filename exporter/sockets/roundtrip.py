"""How long a probe and its answer took, and when that came, by the best clocks there are."""

from __future__ import annotations

from exporter.sockets.pending import Sent

_CLOCK_STEP_NS = 1_000_000


def round_trip(sent: Sent, received: int | None, now: int, monotonic: int) -> float:
    """Seconds from sending to receiving, by kernel stamps where there are both.

    Stamps are wall-clock time. Where that clock was set in between (its distance from the monotonic
    clock differs from the one at sending), or the stamps contradict the order of events, the
    monotonic clock decides, read by this process before sending and after receiving. A clock that
    was set and set back again in between goes unnoticed, where the RTT stays possible.
    """
    step = (now - monotonic) - (sent.wall_ns - sent.monotonic_ns)
    elapsed = monotonic - sent.monotonic_ns
    if received is not None and abs(step) < _CLOCK_STEP_NS + elapsed // 1000:
        rtt = received - (sent.stamp_ns or sent.wall_ns)
        if 0 <= rtt <= elapsed + _CLOCK_STEP_NS:
            return rtt / 1e9
    return elapsed / 1e9


def received_at(sent: Sent, received: int | None, now: int, monotonic: int) -> float:
    """When the kernel had the answer, in seconds of the monotonic clock.

    Where the wall clock was set after the kernel's stamp, so that this would be before the probe
    was sent or in the future, it is when this process read the answer.
    """
    waited = 0 if received is None else now - received
    if not 0 <= waited <= monotonic - sent.monotonic_ns + _CLOCK_STEP_NS:
        waited = 0
    return (monotonic - waited) / 1e9
