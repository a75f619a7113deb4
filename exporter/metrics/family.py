"""What a metric is: name, type, labels, and what an operator needs to know of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

PATH_LABELS = ("target", "family", "protocol")
"""On every series of a path, followed by the target's own labels."""


class MetricType(StrEnum):
    """The types of Prometheus that are used here."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """One metric. `labels` are those beyond `PATH_LABELS`; a counter's name ends in `_total`."""

    name: str
    type: MetricType
    help: str
    labels: tuple[str, ...] = ()

    @property
    def base_name(self) -> str:
        """The name in `# TYPE` and `# HELP` of OpenMetrics, which leaves out `_total`."""
        return self.name.removesuffix("_total")

    @property
    def names(self) -> frozenset[str]:
        """Every name by which a reader may ask for it: its own and those of its samples."""
        own = {self.name, self.base_name}
        if self.type is MetricType.HISTOGRAM:
            own |= {f"{self.name}_{suffix}" for suffix in ("bucket", "sum", "count")}
        return frozenset(own)

    def header(self, openmetrics: bool) -> bytes:
        """The lines `# HELP` and `# TYPE`."""
        name = self.base_name if openmetrics else self.name
        return f"# HELP {name} {self.help}\n# TYPE {name} {self.type.value}\n".encode()


def counter(name: str, meaning: str, *labels: str) -> MetricFamily:
    """A counter and its help."""
    return MetricFamily(name, MetricType.COUNTER, meaning, labels)


def gauge(name: str, meaning: str, *labels: str) -> MetricFamily:
    """A gauge and its help."""
    return MetricFamily(name, MetricType.GAUGE, meaning, labels)


def histogram(name: str, meaning: str, *labels: str) -> MetricFamily:
    """A histogram and its help."""
    return MetricFamily(name, MetricType.HISTOGRAM, meaning, labels)
