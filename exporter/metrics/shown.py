"""Pure: what is shown of a target, taken from its `View` once a cycle: numbers, and few strings.

Nothing of it changes afterwards, so that a scrape that takes a while still shows one moment.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from exporter.metrics.text import Buckets, escape
from exporter.model import NOTHING_KNOWN, HostInfo, Response, Trace
from exporter.monitoring.view import PathFacts, View
from exporter.reading.path import Link, Path, as_path, links, path_id
from exporter.reading.returnpath import return_hops
from exporter.sockets.extensions import mpls_stack
from exporter.statistics.histogram import Histogram
from exporter.statistics.hoptally import AddressTally

_MPLS_LABELS_SHOWN = 16


class HopShown(NamedTuple):
    """One TTL of the latest cycle; `loss` is that cycle's, None where nothing was sent.

    `responders` says how many answered, `forward` is None where the forward loss is not known.
    """

    ttl: int
    sent: int
    lost: int
    loss: float | None
    forward: float | None
    responders: int


class Responder(NamedTuple):
    """One address that answered at one TTL in the latest cycle. RTTs in seconds.

    `who` is the middle of its labels, from the value of `hop` on; `back` is the length of the way
    back, None where it cannot be known.
    """

    ttl: int
    address: str
    asn: int | None
    who: str
    mean: float
    least: float
    most: float
    deviation: float
    replies: int
    seconds: float
    buckets: Buckets | None
    back: int | None
    known: HostInfo
    mpls: str


@dataclass(frozen=True, slots=True)
class Shown:
    """All that is shown of a target over one family. `labels` are those of the path, no braces.

    `latest` is the trace of the latest cycle, None before there was one; `identity` holds the
    labels of the path. `errors` are counts by reason.
    """

    labels: str
    host: str
    latest: Trace | None
    path: Path
    as_path: tuple[int, ...]
    identity: str
    facts: PathFacts
    sent: int
    lost: int
    traces: int
    skipped: int
    jitter: float | None
    errors: tuple[tuple[str, int], ...]
    rtt: Buckets
    duration: Buckets
    hops: tuple[HopShown, ...]
    responders: tuple[Responder, ...]
    links: tuple[Link, ...]


def shown(view: View, labels: str, former: Shown | None = None) -> Shown:
    """Take from `view` what is to be shown; strings that stay are those of `former`."""
    trace, tally = view.trace, view.tally
    hops, responders = _hops(view, former)
    path, numbers = view.path, as_path(view.path, view.infos)
    return Shown(
        labels,
        view.target.host,
        trace,
        path,
        numbers,
        _identity(path, numbers, former),
        view.facts,
        tally.sent,
        tally.lost,
        tally.traces,
        tally.skipped,
        tally.jitter.seconds,
        tuple(tally.errors.items()),
        _buckets(tally.rtt),
        _buckets(tally.duration),
        hops,
        responders,
        () if trace is None else links(trace),
    )


def _identity(path: Path, numbers: tuple[int, ...], former: Shown | None) -> str:
    if former is not None and former.path == path and former.as_path == numbers:
        return former.identity
    return f'path_id="{path_id(path)}",as_path="{" ".join(map(str, numbers))}"'


def _buckets(histogram: Histogram) -> Buckets:
    return Buckets(histogram.bounds, tuple(histogram.counts), histogram.sum)


def _hops(view: View, former: Shown | None) -> tuple[tuple[HopShown, ...], tuple[Responder, ...]]:
    """Every TTL of the latest trace, and every address that answered there."""
    tallies, forward = view.tally.hops, view.tally.window.loss.forward
    before = iter(() if former is None else former.responders)
    hops: list[HopShown] = []
    responders: list[Responder] = []
    for hop in () if view.trace is None else view.trace.hops:
        ttl, heard = hop.ttl, _by_address(hop.responses)
        loss = max(0, hop.lost) / hop.sent if hop.sent else None
        hops.append(HopShown(ttl, *tallies.probes(ttl), loss, forward.get(ttl), len(heard)))
        for address, responses in heard:
            info = view.infos.get(address, NOTHING_KNOWN)
            count, last = tallies.address(ttl, address), next(before, None)
            responders.append(_responder(ttl, address, responses, count, info, last))
    return tuple(hops), tuple(responders)


def _by_address(responses: Sequence[Response]) -> Collection[tuple[str, Sequence[Response]]]:
    if len(responses) == 1:
        return ((responses[0].address, responses),)
    found: dict[str, list[Response]] = {}
    for response in responses:
        found.setdefault(response.address, []).append(response)
    return found.items()


def _responder(
    ttl: int,
    address: str,
    responses: Sequence[Response],
    count: AddressTally,
    info: HostInfo,
    former: Responder | None,
) -> Responder:
    return Responder(
        ttl,
        address,
        info.asn,
        _who(ttl, address, info.asn, former),
        *_round_trips(responses),
        count.replies,
        count.seconds,
        None if count.histogram is None else _buckets(count.histogram),
        return_hops(responses[-1].reply_ttl),
        info,
        _mpls(responses),
    )


def _who(ttl: int, address: str, asn: int | None, former: Responder | None) -> str:
    if former is not None and former[:3] == (ttl, address, asn):
        return former.who
    return f'{ttl}",address="{escape(address)}",asn="{"" if asn is None else asn}"'


def _round_trips(responses: Sequence[Response]) -> tuple[float, float, float, float]:
    """Mean, least, most and standard deviation."""
    if len(responses) == 1:
        rtt = responses[0].rtt
        return rtt, rtt, rtt, 0
    rtts = [response.rtt for response in responses]
    mean = sum(rtts) / len(rtts)
    variance = sum((rtt - mean) * (rtt - mean) for rtt in rtts) / len(rtts)
    return mean, min(rtts), max(rtts), math.sqrt(variance)


def _mpls(responses: Sequence[Response]) -> str:
    """`24017/16`; a forged answer may stack hundreds of labels, which no label should show."""
    for response in reversed(responses):
        if response.extensions and (stack := mpls_stack(response.extensions)):
            return "/".join(str(entry.label) for entry in stack[:_MPLS_LABELS_SHOWN])
    return ""
