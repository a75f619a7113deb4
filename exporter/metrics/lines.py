"""Pure: the lines of every metric of a target, made of what is `Shown` when somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

from exporter.metrics import families
from exporter.metrics.family import MetricFamily
from exporter.metrics.shown import Shown
from exporter.metrics.text import Buckets, escape, histogram_lines, number
from exporter.reading.words import reason_in_words

Lines = Callable[[Shown], str]
"""What one metric has to show of a target."""

_Row = tuple[MetricFamily, Lines]


def _single(family: MetricFamily, value: Callable[[Shown], float | None]) -> _Row:
    """A metric without labels of its own; None where there is nothing to show."""

    def lines(shown: Shown) -> str:
        found = value(shown)
        return "" if found is None else f"{family.name}{{{shown.labels}}} {number(found)}\n"

    return family, lines


def _labelled(family: MetricFamily, more: Callable[[Shown], str | None]) -> _Row:
    """An info metric: `more` gives the labels of its own, None where there is nothing to show."""

    def lines(shown: Shown) -> str:
        labels = more(shown)
        return "" if labels is None else f"{family.name}{{{shown.labels},{labels}}} 1\n"

    return family, lines


def _histogram(family: MetricFamily, buckets: Callable[[Shown], Buckets]) -> _Row:
    return family, lambda shown: histogram_lines(family.name, shown.labels, buckets(shown))


def _hops(family: MetricFamily, tails: Callable[[Shown], Sequence[str]]) -> _Row:
    """A metric of hops: `tails` are its lines from the value of `hop` on."""

    def lines(shown: Shown) -> str:
        found = tails(shown)
        head = f'{family.name}{{{shown.labels},hop="'
        return head + head.join(found) if found else ""

    return family, lines


def _of_hops(family: MetricFamily, column: str) -> _Row:
    """A metric with one series for each TTL that has a number in this column."""
    values: Callable[[Shown], Sequence[float | None]] = attrgetter(f"hops.{column}")
    return _hops(
        family,
        lambda shown: [
            f'{ttl}"}} {found!r}\n'
            for ttl, found in zip(shown.hops.ttls, values(shown), strict=True)
            if found is not None
        ],
    )


def _of_responders(family: MetricFamily, column: str) -> _Row:
    """A metric with one series for each address that answered."""
    values: Callable[[Shown], Sequence[object]] = attrgetter(f"responders.{column}")
    return _hops(
        family,
        lambda shown: [
            f"{who}}} {found}\n"
            for who, found in zip(shown.responders.who, values(shown), strict=True)
        ],
    )


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
    hops = shown.hops
    return [f"{at}}} {loss}\n" for at, loss in zip(hops.loss_at, hops.loss, strict=True)]


def _hop_distribution(shown: Shown) -> str:
    name, heard = families.HOP_RTT_HISTOGRAM.name, shown.responders
    if not heard.buckets:
        return ""
    return "".join(
        [
            histogram_lines(name, f'{shown.labels},hop="{who}', buckets)
            for who, buckets in zip(heard.who, heard.buckets, strict=True)
        ]
    )


def _hop_return(shown: Shown) -> list[str]:
    heard = shown.responders
    return [
        f'{ttl}",address="{escape(address)}"}} {back}\n'
        for ttl, address, back in zip(heard.ttls, heard.addresses, heard.back, strict=True)
        if back is not None
    ]


def _hop_info(shown: Shown) -> list[str]:
    heard = shown.responders
    return [
        f'{who},as_name="{escape(known.as_name or "")}"'
        f',prefix="{escape(known.prefix or "")}"'
        f',country="{escape(known.country or "")}"'
        f',hostname="{escape(known.hostname or "")}",mpls="{mpls}"}} 1\n'
        for who, known, mpls in zip(heard.who, heard.known, heard.mpls, strict=True)
    ]


def _errors(shown: Shown) -> str:
    head = f"{families.ERRORS.name}{{{shown.labels},reason="
    return "".join([f'{head}"{escape(reason)}"}} {count}\n' for reason, count in shown.errors])


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
    yield _hops(families.HOP_LOSS, _hop_loss)
    yield _of_hops(families.HOP_FORWARD_LOSS, "forward")
    yield _hops(families.HOP_RETURN, _hop_return)
    yield _hops(families.HOP_INFO, _hop_info)
    yield _hops(families.LINK_INFO, field("links"))
    yield families.ERRORS, _errors
    yield _single(families.TRACES, field("traces"))
    yield _single(families.TRACES_SKIPPED, field("skipped"))
    yield _histogram(families.TRACE_DURATION, field("duration"))


LINES: Mapping[str, Lines] = {family.name: lines for family, lines in _rows()}
"""What every metric has to show of a target, by name, in the order of the exposition."""
