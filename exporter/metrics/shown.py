"""Pure: what is shown of a target, taken from its `View` once a cycle: numbers, and few strings.

Nothing of it changes afterwards, so that a scrape that takes a while still shows one moment.
"""

from __future__ import annotations

from typing import NamedTuple

from exporter.metrics.columns import HopsShown, Responders, hops_shown, responders_shown
from exporter.metrics.text import Buckets, escape
from exporter.model import Trace
from exporter.monitoring.view import PathFacts, View
from exporter.reading.path import Path, as_path, links, path_id


class Shown(NamedTuple):
    """All that is shown of a target over one family. `labels` are those of the path, no braces.

    `latest` is the trace of the latest cycle, None before there was one; `identity` holds the
    labels of the path, `links` the line of each link, from the value of `hop` on.
    `errors` are counts by reason.
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
    hops: HopsShown
    responders: Responders
    links: tuple[str, ...]


def shown(view: View, labels: str, former: Shown | None = None) -> Shown:
    """Take from `view` what is to be shown; strings that stay are those of `former`."""
    trace, tally = view.trace, view.tally
    hops = () if trace is None else trace.hops
    path, numbers = view.path, as_path(view.path, view.infos)
    responders = responders_shown(view, hops, None if former is None else former.responders)
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
        Buckets.of(tally.rtt),
        Buckets.of(tally.duration),
        hops_shown(view, hops, responders),
        responders,
        () if trace is None else _links(trace, responders, former),
    )


def _identity(path: Path, numbers: tuple[int, ...], former: Shown | None) -> str:
    if former is not None and former.path == path and former.as_path == numbers:
        return former.identity
    return f'path_id="{path_id(path)}",as_path="{" ".join(map(str, numbers))}"'


def _links(trace: Trace, responders: Responders, former: Shown | None) -> tuple[str, ...]:
    """Where at each hop one answers, the same as before, the links are the same as well."""
    if (
        former is not None
        and former.responders.addresses is responders.addresses
        and responders.one_each
    ):
        return former.links
    return tuple(
        [
            f'{ttl}",source="{escape(source)}",destination="{escape(destination)}"}} 1\n'
            for ttl, source, destination in links(trace)
        ]
    )
