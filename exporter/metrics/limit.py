"""Pure: what is left out of a target that has too many series, and in which order."""

from __future__ import annotations

from collections.abc import Mapping

from exporter.metrics import families
from exporter.metrics.lines import LINES
from exporter.metrics.shown import Shown

_FIRST_TO_GO = tuple(
    family.name
    for family in (
        *(families.LINK_INFO, families.HOP_RETURN, families.HOP_INFO, families.HOP_RTT_HISTOGRAM),
        *(families.HOP_RTT_STDDEV, families.HOP_RTT_MAX, families.HOP_RTT_MIN),
        *(families.HOP_REPLY_SECONDS, families.HOP_REPLIES, families.HOP_RTT),
        *(families.HOP_LOSS, families.HOP_FORWARD_LOSS),
        *(families.HOP_LOST, families.HOP_SENT),
    )
)
"""These go, in this order, farthest hops first; what is not about hops always stays."""
_OF_A_TARGET, _OF_A_HOP, _OF_A_RESPONDER = 20, 4, 9
"""The most series of each, histograms and errors aside."""


def cuts(shown: Shown, limit: int) -> tuple[Mapping[str, int], int]:
    """How many lines of a metric may stay, by its name, where not all may; how many series go.

    No histogram is cut in the middle.
    """
    if _at_most(shown) <= limit:
        return {}, 0
    found = {name: lines(shown).count("\n") for name, lines in LINES.items()}
    excess = sum(found.values()) - limit
    left: dict[str, int] = {}
    dropped = 0
    for name in _FIRST_TO_GO:
        if dropped >= excess:
            break
        if found[name]:
            each = _of_histogram(shown) if name == families.HOP_RTT_HISTOGRAM.name else 1
            gone = min(found[name], -(-(excess - dropped) // each) * each)
            left[name] = found[name] - gone
            dropped += gone
    return left, dropped


def _of_histogram(shown: Shown) -> int:
    """The series of one histogram of round-trip times."""
    return len(shown.rtt.counts) + 2


def _at_most(shown: Shown) -> int:
    """No fewer series than the target has, counted without making them."""
    histogram = _of_histogram(shown)
    return (
        _OF_A_TARGET
        + len(shown.errors)
        + histogram
        + (len(shown.duration.counts) + 2)
        + len(shown.hops.ttls) * _OF_A_HOP
        + len(shown.responders.ttls) * _OF_A_RESPONDER
        + len(shown.responders.buckets) * histogram
        + len(shown.links)
    )
