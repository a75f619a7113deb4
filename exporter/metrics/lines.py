"""Pure: the lines of every metric of a target, made of what is `Shown` when somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import Any

from exporter.metrics import families
from exporter.metrics.family import MetricFamily
from exporter.metrics.shown import HopShown, Responder, Shown
from exporter.metrics.text import Buckets, escape, histogram_lines, number
from exporter.reading.words import reason_in_words

Lines = Callable[[Shown], list[str]]
"""What one metric has to show of a target: each entry is one line, or all lines of a histogram."""

_Row = tuple[MetricFamily, Lines]


def _single(family: MetricFamily, value: Callable[[Shown], float | None]) -> _Row:
    """A metric without labels of its own; None where there is nothing to show."""

    def lines(shown: Shown) -> list[str]:
        found = value(shown)
        return [] if found is None else [f"{family.name}{{{shown.labels}}} {number(found)}\n"]

    return family, lines


def _labelled(family: MetricFamily, more: Callable[[Shown], str | None]) -> _Row:
    """An info metric: `more` gives the labels of its own, None where there is nothing to show."""

    def lines(shown: Shown) -> list[str]:
        labels = more(shown)
        return [] if labels is None else [f"{family.name}{{{shown.labels},{labels}}} 1\n"]

    return family, lines


def _histogram(family: MetricFamily, buckets: Callable[[Shown], Buckets]) -> _Row:
    return family, lambda shown: [histogram_lines(family.name, shown.labels, buckets(shown))]


def _of_hops(family: MetricFamily, field: str) -> _Row:
    """A metric with one series for each TTL that has this field."""
    value: Callable[[HopShown], float | None] = attrgetter(field)

    def lines(shown: Shown) -> list[str]:
        head = _head(family, shown)
        return [
            f'{head}{hop.ttl}"}} {found!r}\n'
            for hop in shown.hops
            if (found := value(hop)) is not None
        ]

    return family, lines


def _of_responders(family: MetricFamily, field: str) -> _Row:
    """A metric with one series for each address that answered."""
    value: Callable[[Responder], float] = attrgetter(field)

    def lines(shown: Shown) -> list[str]:
        head = _head(family, shown)
        return [f"{head}{each.who}}} {value(each)!r}\n" for each in shown.responders]

    return family, lines


def _head(family: MetricFamily, shown: Shown) -> str:
    """A line up to the value of the label `hop`, without its end."""
    return f'{family.name}{{{shown.labels},hop="'


def _target_info(shown: Shown) -> str:
    latest = shown.latest
    address, backend = ("", "") if latest is None else (latest.address or "", latest.backend)
    return f'host="{escape(shown.host)}",address="{escape(address)}",backend="{escape(backend)}"'


def _reached(shown: Shown) -> int | None:
    return None if shown.latest is None else int(shown.latest.reached)


def _unreached(shown: Shown) -> str | None:
    latest = shown.latest
    if latest is None or latest.reached:
        return None
    return f'reason="{latest.stop_reason}",meaning="{escape(reason_in_words(latest))}"'


def _target_loss(shown: Shown) -> float | None:
    latest = shown.latest
    if latest is None or latest.destination_sent <= 0:
        return None
    return max(0, latest.destination_lost) / latest.destination_sent


def _path_hops(shown: Shown) -> int | None:
    return shown.latest.path_hops if shown.latest is not None and shown.latest.hops else None


def _path_info(shown: Shown) -> str | None:
    return shown.identity if _path_hops(shown) else None


def _mtu(shown: Shown) -> int | None:
    return None if shown.facts.mtu is None else shown.facts.mtu.size


def _hop_loss(shown: Shown) -> list[str]:
    """A silent hop has a series too, of no address."""
    head, responders = _head(families.HOP_LOSS, shown), iter(shown.responders)
    lines: list[str] = []
    for hop in shown.hops:
        heard = [next(responders) for _ in range(hop.responders)]
        if hop.loss is not None:
            who = [each.who for each in heard] or [f'{hop.ttl}",address="",asn=""']
            loss = f"}} {hop.loss!r}\n" if heard else "} 1\n"
            lines += [f"{head}{each}{loss}" for each in who]
    return lines


def _hop_distribution(shown: Shown) -> list[str]:
    name, at = families.HOP_RTT_HISTOGRAM.name, f'{shown.labels},hop="'
    return [
        histogram_lines(name, at + each.who, each.buckets)
        for each in shown.responders
        if each.buckets is not None
    ]


def _hop_return(shown: Shown) -> list[str]:
    head = _head(families.HOP_RETURN, shown)
    return [
        f'{head}{each.ttl}",address="{escape(each.address)}"}} {each.back}\n'
        for each in shown.responders
        if each.back is not None
    ]


def _hop_info(shown: Shown) -> list[str]:
    head = _head(families.HOP_INFO, shown)
    return [
        f'{head}{each.who},as_name="{escape(each.known.as_name or "")}"'
        f',prefix="{escape(each.known.prefix or "")}"'
        f',country="{escape(each.known.country or "")}"'
        f',hostname="{escape(each.known.hostname or "")}",mpls="{each.mpls}"}} 1\n'
        for each in shown.responders
    ]


def _links(shown: Shown) -> list[str]:
    head = _head(families.LINK_INFO, shown)
    return [
        f'{head}{ttl}",source="{escape(source)}",destination="{escape(destination)}"}} 1\n'
        for ttl, source, destination in shown.links
    ]


def _errors(shown: Shown) -> list[str]:
    head = f"{families.ERRORS.name}{{{shown.labels},reason="
    return [f'{head}"{escape(reason)}"}} {count}\n' for reason, count in shown.errors]


def _rows() -> Iterator[_Row]:
    field: Callable[[str], Any] = attrgetter
    yield _labelled(families.TARGET_INFO, _target_info)
    yield _single(families.TARGET_REACHED, _reached)
    yield _labelled(families.TARGET_UNREACHED, _unreached)
    yield _histogram(families.TARGET_RTT, field("rtt"))
    yield _single(families.TARGET_JITTER, field("jitter"))
    yield _single(families.TARGET_SENT, field("sent"))
    yield _single(families.TARGET_LOST, field("lost"))
    yield _single(families.TARGET_LOSS, _target_loss)
    yield _single(families.PATH_HOPS, _path_hops)
    yield _labelled(families.PATH_INFO, _path_info)
    yield _single(families.PATH_CHANGES, field("facts.changes"))
    yield _single(families.PATH_AS_CHANGES, field("facts.as_changes"))
    yield _single(families.PATH_LAST_CHANGE, field("facts.changed_at"))
    yield _single(families.PATH_BRANCHES, field("facts.branches"))
    yield _single(families.PATH_MTU, _mtu)
    yield _of_responders(families.HOP_RTT, "mean")
    yield _of_responders(families.HOP_RTT_MIN, "least")
    yield _of_responders(families.HOP_RTT_MAX, "most")
    yield _of_responders(families.HOP_RTT_STDDEV, "deviation")
    yield families.HOP_RTT_HISTOGRAM, _hop_distribution
    yield _of_responders(families.HOP_REPLIES, "replies")
    yield _of_responders(families.HOP_REPLY_SECONDS, "seconds")
    yield _of_hops(families.HOP_SENT, "sent")
    yield _of_hops(families.HOP_LOST, "lost")
    yield families.HOP_LOSS, _hop_loss
    yield _of_hops(families.HOP_FORWARD_LOSS, "forward")
    yield families.HOP_RETURN, _hop_return
    yield families.HOP_INFO, _hop_info
    yield families.LINK_INFO, _links
    yield families.ERRORS, _errors
    yield _single(families.TRACES, field("traces"))
    yield _single(families.TRACES_SKIPPED, field("skipped"))
    yield _histogram(families.TRACE_DURATION, field("duration"))


LINES: Mapping[str, Lines] = {family.name: lines for family, lines in _rows()}
"""What every metric has to show of a target, by name, in the order of the exposition."""
