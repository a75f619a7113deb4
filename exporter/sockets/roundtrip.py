"""How long a probe and its answer took, and when that came, by the best clocks there are."""

from __future__ import annotations

from exporter.sockets.pending import Sent

_CLOCK_STEP_NS = 1_000_000


def times(sent: Sent, received: int | None, now: int, monotonic: int) -> tuple[float, float]:
    """Seconds from sending to receiving, and when the kernel had the answer on the monotonic clock.

    By kernel stamps where there are both; arguments in nanoseconds, results in seconds.

    Stamps are wall-clock time. Where that clock was set in between (its distance from the monotonic
    clock differs from the one at sending), or the stamps contradict the order of events, the
    monotonic clock decides, read by this process before sending and after receiving. A clock that
    was set and set back again in between goes unnoticed, where the RTT stays possible. Where it was
    set after the kernel's stamp, so that the answer would have come before the probe was sent or
    in the future, it came when this process read it.
    """
    elapsed = monotonic - sent.monotonic_ns
    if received is None:
        return elapsed / 1e9, monotonic / 1e9
    rtt, waited = received - (sent.stamp_ns or sent.wall_ns), now - received
    step = (now - monotonic) - (sent.wall_ns - sent.monotonic_ns)
    most = elapsed + _CLOCK_STEP_NS
    if abs(step) >= _CLOCK_STEP_NS + elapsed // 1000 or not 0 <= rtt <= most:
        rtt = elapsed
    if not 0 <= waited <= most:
        waited = 0
    return rtt / 1e9, (monotonic - waited) / 1e9
