"""What the exporter tells of itself, through a registry of its own."""

from __future__ import annotations

import math
import platform
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import NamedTuple, TypeVar

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    Metric,
    PlatformCollector,
    generate_latest,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector

from exporter import __version__
from exporter.metrics import own_families as families
from exporter.metrics.family import MetricFamily
from exporter.metrics.process import ProcessCollector
from exporter.metrics.text import number
from exporter.statistics.histogram import Histogram
from exporter.trace.tracer import ResponseCounts

PROCESSING_BUCKETS = (
    *(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025),
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0),
)
LOOKUP_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
PROBE_RESULTS = ("done", "cut_short", "denied", "invalid", "busy")
_EOF = b"# EOF\n"
_T = TypeVar("_T")
Labels = tuple[str, ...]


class SourceCounts(NamedTuple):
    """A source of targets: how many it lists, how often it failed, whether the latest try did."""

    name: str
    targets: int
    failures: int
    ok: bool


class OwnMetrics:
    """Takes what the daemon notes about itself, and renders it with `process_*` and `python_*`.

    Everything that happens for each answer costs a few additions: no lock, no object. To be used
    from one thread. At each scrape `cache_entries` is asked for the entries by kind of look-up,
    `storage_errors` for the failures of the store, `sources` for the sources of targets, and
    `web_config_good`, where there is a web configuration, whether the newest is in use;
    `responses` may be written by whoever counts answers.
    """

    def __init__(
        self,
        cache_entries: Callable[[], dict[str, int]] = dict,
        storage_errors: Callable[[], int] = int,
        sources: Callable[[], Iterable[SourceCounts]] = tuple,
    ) -> None:
        self.cache_entries = cache_entries
        self.storage_errors = storage_errors
        self.sources = sources
        self.web_config_good: Callable[[], bool] | None = None
        self.responses = ResponseCounts()
        self._processing = Histogram(PROCESSING_BUCKETS)
        self._lag = 0.0
        self._targets = 0
        self._dropped = 0
        self._loaded: bool | None = None
        self._loaded_at: float | None = None
        self._lookups: dict[tuple[str, str], int] = {}
        self._lookup_durations: dict[str, Histogram] = {}
        self._probes = dict.fromkeys(PROBE_RESULTS, 0)
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Lazy(self._collect))
        self._registry.register(ProcessCollector())
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    # -- what the daemon notes ---------------------------------------------------------------

    def response_recorded(self, seconds: float) -> None:
        """A hop was recorded this long after the kernel received the answer."""
        histogram = self._processing
        histogram.counts[bisect_left(PROCESSING_BUCKETS, seconds)] += 1
        if seconds > 0.0:
            histogram.sum += seconds

    def scheduler_lag(self, seconds: float) -> None:
        """A cycle started this long after its time."""
        self._lag = seconds

    def lookup(self, kind: str, result: str, seconds: float) -> None:
        """A look-up ended; kinds and results are few and fixed."""
        self._lookups[kind, result] = self._lookups.get((kind, result), 0) + 1
        histogram = self._lookup_durations.get(kind)
        if histogram is None:
            histogram = self._lookup_durations[kind] = Histogram(LOOKUP_BUCKETS)
        histogram.observe(seconds)

    def set_targets(self, count: int) -> None:
        """The configuration in use has so many targets."""
        self._targets = count

    def config_loaded(self, ok: bool, wall_time: float) -> None:
        """The configuration was loaded, or was not, at `wall_time` (seconds since the epoch)."""
        self._loaded = ok
        if ok:
            self._loaded_at = wall_time

    def series_dropped(self, count: int) -> None:
        """So many series of a target were left out."""
        self._dropped += count

    def probe_request(self, result: str) -> None:
        """A request to `/probe` was answered; results are those of `PROBE_RESULTS`."""
        self._probes[result] += 1

    # -- what a scrape sees ------------------------------------------------------------------

    def render(self, openmetrics: bool, names: Collection[str] | None = None) -> bytes:
        """All of it, or the metrics that have one of these names; without `# EOF`."""
        source: Collector = self._registry
        if names is not None:
            wanted = frozenset(names)
            source = _Lazy(lambda: _named(self._registry.collect(), wanted))
        if openmetrics:
            text: bytes = generate_openmetrics(source)  # type: ignore[no-untyped-call]
            return text.removesuffix(_EOF)
        return generate_latest(source)

    def _collect(self) -> Iterator[Metric]:
        yield _gauge(families.BUILD_INFO, [((__version__, platform.python_version()), 1)])
        if self._loaded is not None:
            yield _gauge(families.RELOAD_SUCCESSFUL, [((), self._loaded)])
        if self._loaded_at is not None:
            yield _gauge(families.RELOAD_TIMESTAMP, [((), self._loaded_at)])
        if self.web_config_good is not None:
            yield _gauge(families.WEB_RELOAD_SUCCESSFUL, [((), self.web_config_good())])
        yield _gauge(families.TARGETS, [((), self._targets)])
        sources = [((each.name,), each) for each in self.sources()]
        yield _gauge(families.DISCOVERY_TARGETS, [(k, each.targets) for k, each in sources])
        yield _gauge(families.DISCOVERY_SUCCESSFUL, [(k, each.ok) for k, each in sources])
        yield _counter(families.DISCOVERY_FAILURES, [(k, each.failures) for k, each in sources])
        yield _counter(families.PROBE_REQUESTS, _by_kind(self._probes))
        yield _histogram(families.RESPONSE_PROCESSING, [((), self._processing)])
        yield _counter(families.RESPONSES_UNMATCHED, [((), self.responses.unmatched)])
        yield _counter(families.RESPONSES_LATE, [((), self.responses.late)])
        yield _gauge(families.SCHEDULER_LAG, [((), self._lag)])
        yield _counter(families.LOOKUPS, self._lookups.items())
        yield _histogram(families.LOOKUP_DURATION, _by_kind(self._lookup_durations))
        yield _gauge(families.CACHE_ENTRIES, _by_kind(self.cache_entries()))
        yield _counter(families.SERIES_DROPPED, [((), self._dropped)])
        yield _counter(families.STORAGE_ERRORS, [((), self.storage_errors())])


class _Lazy(Collector):
    """A collector whose metrics are computed when they are asked for."""

    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self._collect = collect

    def collect(self) -> Iterable[Metric]:
        return self._collect()


def _named(metrics: Iterable[Metric], wanted: frozenset[str]) -> Iterator[Metric]:
    for metric in metrics:
        samples = {sample.name for sample in metric.samples}
        if metric.name in wanted or not wanted.isdisjoint(samples):
            yield metric


def _by_kind(values: Mapping[str, _T]) -> Iterator[tuple[Labels, _T]]:
    return (((kind,), value) for kind, value in values.items())


def _gauge(family: MetricFamily, values: Iterable[tuple[Labels, float]]) -> Metric:
    metric = GaugeMetricFamily(family.name, family.help, labels=family.labels)
    for labels, value in values:
        metric.add_metric(labels, value)
    return metric


def _counter(family: MetricFamily, values: Iterable[tuple[Labels, int]]) -> Metric:
    metric = CounterMetricFamily(family.base_name, family.help, labels=family.labels)
    for labels, value in values:
        metric.add_metric(labels, value)
    return metric


def _histogram(family: MetricFamily, values: Iterable[tuple[Labels, Histogram]]) -> Metric:
    metric = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    for labels, found in values:
        bounds = map(number, (*found.bounds, math.inf))
        buckets = list(zip(bounds, accumulate(map(float, found.counts)), strict=True))
        metric.add_metric(labels, buckets, found.sum)
    return metric
