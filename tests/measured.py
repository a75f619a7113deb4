"""Makes traces and views for tests, with as few words as each test needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count

from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from exporter.metrics.exposition import Exposition
from exporter.metrics.own import OwnMetrics
from exporter.model import (
    ExtensionObject,
    Family,
    Hop,
    HostInfo,
    Kind,
    Probe,
    Protocol,
    Response,
    StopReason,
    Trace,
)
from exporter.monitoring.view import View
from exporter.reading.path import Path, follow
from exporter.settings import Module, Target
from exporter.statistics.tally import Tally

TARGET = Target("example", "www.example.net", Module(rtt_buckets=(0.001, 0.01, 1.0)))
PATH_LABELS = {"target": "example", "family": "ipv4", "protocol": "icmp"}


def a_response(
    address: str = "198.51.100.1",
    rtt: float = 0.001,
    *,
    ttl: int = 1,
    number: int = 0,
    reply_ttl: int | None = None,
    extensions: tuple[ExtensionObject, ...] = (),
) -> Response:
    """An answer to the probe of round `number`."""
    return Response(
        Probe(1, number, ttl), address, Kind.TIME_EXCEEDED, rtt, 0.0, None, reply_ttl, extensions
    )


def a_hop(ttl: int, *answers: Response, sent: int | None = None) -> Hop:
    """A hop that sent as many probes as answered, at least one, unless `sent` says otherwise."""
    return Hop(ttl, max(1, len(answers)) if sent is None else sent, answers)


def a_trace(
    *hops: Hop,
    stop: StopReason = StopReason.DESTINATION,
    address: str | None = "192.0.2.1",
    sent: int = 0,
    rtts: tuple[float, ...] = (),
    errors: tuple[tuple[str, int], ...] = (),
    duration: float = 0.5,
) -> Trace:
    """A finished trace through these hops."""
    return Trace(
        "www.example.net",
        address,
        Family.IPV4,
        Protocol.ICMP,
        "linux-icmp" if address else "",
        1_769_860_800.0,
        duration,
        stop,
        hops,
        destination_sent=sent,
        destination_rtts=rtts,
        errors=errors,
    )


def along(*rounds: str | None, stop: StopReason = StopReason.DESTINATION) -> Trace:
    """A trace with one hop for each text: its responders round by round, `*` for a lost probe."""
    ttls = count(1)
    hops = []
    for text in rounds:
        ttl = next(ttls)
        names = (text or "*").split()
        answers = [
            a_response(name, ttl=ttl, number=number)
            for number, name in enumerate(names)
            if name != "*"
        ]
        hops.append(Hop(ttl, len(names), tuple(answers)))
    return a_trace(*hops, stop=stop, sent=1)


def a_view(
    *traces: Trace,
    target: Target = TARGET,
    family: Family = Family.IPV4,
    protocol: Protocol = Protocol.ICMP,
    infos: Mapping[str, HostInfo] | None = None,
    tally: Tally | None = None,
) -> View:
    """What is to be shown after these traces."""
    tally = tally or Tally(target.module)
    path: Path = ()
    for trace in traces:
        tally.add(trace)
        path = follow(path, trace)
    latest = traces[-1] if traces else None
    return View(target, family, protocol, latest, path, infos or {}, tally)


def no_bug(view: View) -> None:
    """What an `Exposition` is told of bugs, where there must be none."""
    raise AssertionError(f"{view.target.name} could not be shown")


def an_exposition(
    *views: View, limit: int = 2000, failed: Callable[[View], None] = no_bug
) -> Exposition:
    """An exposition that shows these views."""
    exposition = Exposition(OwnMetrics(), limit, failed)
    for view in views:
        exposition.update(view)
    return exposition


def shown(*views: View, limit: int = 2000) -> str:
    """The text that a scrape of these targets alone gets."""
    names = [view.target.name for view in views]
    return b"".join(an_exposition(*views, limit=limit).chunks(names, None, False)).decode()


def samples(text: str) -> list[Sample]:
    """All samples as an independent parser reads them."""
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def openmetrics_families(text: str) -> list[Metric]:
    """All metrics as an independent, strict parser of OpenMetrics reads them."""
    return list(parse(text))  # type: ignore[no-untyped-call]


def values(text: str, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """The values of one metric by those of the labels; fails where these tell no series apart."""
    found: dict[tuple[str, ...], float] = {}
    for sample in samples(text):
        if sample.name == name:
            key = tuple(sample.labels[label] for label in labels)
            assert key not in found, f"two series {name} with {key}"
            found[key] = sample.value
    return found


def names_in(text: str) -> set[str]:
    """Names of all samples."""
    return {sample.name for sample in samples(text)}
