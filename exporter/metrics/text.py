"""Pure: label values, numbers and histograms in the text that Prometheus and OpenMetrics share."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from exporter.model import Family, Protocol
from exporter.settings import Target
from exporter.statistics.histogram import Histogram


class Buckets(NamedTuple):
    """A histogram as it was: `counts` by bucket, with one more for all above the last bound."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    sum: float

    @classmethod
    def of(cls, histogram: Histogram) -> Buckets:
        """As it is now."""
        return cls(histogram.bounds, tuple(histogram.counts), histogram.sum)


def escape(value: str) -> str:
    """A label value fit to stand between quotes (text format 0.0.4, section Comments)."""
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return value


def number(value: float) -> str:
    """A sample value: as short as it can be read back exactly; `NaN`, `+Inf`, `-Inf`."""
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


def path_labels(target: Target, family: Family, protocol: Protocol) -> str:
    """The labels, without braces, that every series of a path carries."""
    pairs = [("target", target.name), ("family", family.value), ("protocol", protocol.value)]
    return ",".join(f'{name}="{escape(value)}"' for name, value in [*pairs, *target.labels])


def histogram_lines(name: str, labels: str, histogram: Histogram | Buckets) -> str:
    """All lines of one histogram; buckets are cumulative and end with `+Inf`."""
    head, totals = f"{name}_bucket{{{labels}", list(accumulate(histogram.counts))
    counted = zip(_bounds(histogram.bounds), totals, strict=True)
    buckets = head.join([f"{bound}{total}\n" for bound, total in counted])
    return (
        f"{head}{buckets}{name}_sum{{{labels}}} {number(histogram.sum)}\n"
        f"{name}_count{{{labels}}} {totals[-1]}\n"
    )


@lru_cache(maxsize=256)
def _bounds(bounds: tuple[float, ...]) -> tuple[str, ...]:
    """The label `le` of each bucket; OpenMetrics wants floats there, so 1 is `1.0`."""
    return tuple(f',le="{number(float(bound))}"}} ' for bound in (*bounds, math.inf))
