"""Pure: what is shown of the hops of a target, in columns, as the metrics need it.

A number whose text serves several metrics is text already. Of ten thousand targets every byte
counts, so equal columns and texts are one object.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from exporter.metrics.text import Buckets, escape
from exporter.model import NOTHING_KNOWN, Hop, HostInfo, Response
from exporter.monitoring.view import View
from exporter.reading.returnpath import return_hops
from exporter.sockets.extensions import mpls_stack

_MPLS_LABELS_SHOWN = 16
_AT_ONCE = "0"
"""The standard deviation of a single answer."""


class HopsShown(NamedTuple):
    """Columns of what is shown of each TTL of the latest cycle.

    `forward` is None where the forward loss is not known. `loss`, as text, has an entry for each
    responder, and one for a silent hop; `loss_at` are the ends of its labels, as `Responders.who`.
    """

    ttls: Sequence[int]
    sent: Sequence[int]
    lost: Sequence[int]
    forward: Sequence[float | None]
    loss_at: Sequence[str]
    loss: Sequence[str]


class Responders(NamedTuple):
    """Columns of what is shown of each address that answered at each TTL in the latest cycle.

    `who` is the end of its labels, from the value of `hop` on. `mean`, `least`, `most` and
    `deviation` are texts of round-trip times in seconds, `seconds` is the sum of all so far. `back`
    is the length of the way back, None where it cannot be known. `buckets` is empty without
    histograms.
    """

    ttls: tuple[int, ...]
    addresses: tuple[str, ...]
    asns: tuple[int | None, ...]
    who: tuple[str, ...]
    mean: tuple[str, ...]
    least: tuple[str, ...]
    most: tuple[str, ...]
    deviation: tuple[str, ...]
    replies: Sequence[int]
    seconds: Sequence[float]
    back: tuple[int | None, ...]
    known: tuple[HostInfo, ...]
    mpls: tuple[str, ...]
    buckets: tuple[Buckets, ...]

    @property
    def one_each(self) -> bool:
        """Whether no two of them answered at one TTL."""
        return len(set(self.ttls)) == len(self.ttls)


def hops_shown(view: View, hops: Sequence[Hop], responders: Responders) -> HopsShown:
    """What is shown of these hops, which are those of the latest trace."""
    forward = view.tally.window.loss.forward
    ttls = tuple([hop.ttl for hop in hops])
    if ttls == responders.ttls:
        ttls = responders.ttls
    return HopsShown(
        ttls,
        *view.tally.hops.probes(ttls),
        tuple(map(forward.get, ttls)),
        *_loss(hops, ttls, responders),
    )


def _loss(
    hops: Sequence[Hop], ttls: tuple[int, ...], responders: Responders
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The ends of labels, and the loss as text."""
    ratios = tuple([_ratio(hop.sent, len(hop.responses)) for hop in hops])
    if ttls == responders.ttls and "" not in ratios:
        return responders.who, ratios
    who = iter(responders.who)
    loss_at: list[str] = []
    loss: list[str] = []
    for hop, ratio in zip(hops, ratios, strict=True):
        heard = [next(who) for _ in hop.addresses]
        if ratio:
            loss_at += heard or [f'{hop.ttl}",address="",asn=""']
            loss += [ratio] * len(heard) or ["1"]
    return tuple(loss_at), tuple(loss)


@lru_cache(maxsize=1024)
def _ratio(sent: int, answered: int) -> str:
    """Of these probes, the share without an answer; empty where none was sent."""
    return repr(max(0, sent - answered) / sent) if sent else ""


def responders_shown(view: View, hops: Sequence[Hop], former: Responders | None) -> Responders:
    """What is shown of those who answered; strings that stay are those of `former`."""
    heard = [(hop.ttl, *each) for hop in hops for each in _by_address(hop.responses)]
    responses = [each for _, _, each in heard]
    known = tuple([view.infos.get(address, NOTHING_KNOWN) for _, address, _ in heard])
    replies, seconds, histograms = view.tally.hops.replies([(ttl, each) for ttl, each, _ in heard])
    return Responders(
        *_named(
            tuple([ttl for ttl, _, _ in heard]),
            tuple([address for _, address, _ in heard]),
            tuple([info.asn for info in known]),
            former,
        ),
        *_round_trips(responses),
        replies,
        seconds,
        tuple([return_hops(each[-1].reply_ttl) for each in responses]),
        known,
        _shared(tuple([_mpls(each) for each in responses])),
        tuple(map(Buckets.of, histograms)),
    )


def _named(
    ttls: tuple[int, ...],
    addresses: tuple[str, ...],
    asns: tuple[int | None, ...],
    former: Responders | None,
) -> tuple[tuple[int, ...], tuple[str, ...], tuple[int | None, ...], tuple[str, ...]]:
    """These columns, and with them the ends of labels: as they were, where they are as before."""
    if former is not None and (ttls, addresses, asns) == former[:3]:
        return former[:4]
    return ttls, addresses, asns, tuple(map(_who, ttls, addresses, asns))


def _by_address(responses: Sequence[Response]) -> Iterable[tuple[str, Sequence[Response]]]:
    if len(responses) == 1:
        return ((responses[0].address, responses),)
    found: dict[str, list[Response]] = {}
    for response in responses:
        found.setdefault(response.address, []).append(response)
    return found.items()


def _who(ttl: int, address: str, asn: int | None) -> str:
    return f'{ttl}",address="{escape(address)}",asn="{"" if asn is None else asn}"'


def _round_trips(
    responders: Sequence[Sequence[Response]],
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Mean, least, most and standard deviation of each."""
    if max(map(len, responders), default=1) == 1:
        rtts = tuple([repr(response.rtt) for (response,) in responders])
        return rtts, rtts, rtts, _shared((_AT_ONCE,) * len(rtts))
    mean, least, most, deviation = zip(*map(_of_several, responders), strict=True)
    return mean, least, most, deviation


def _of_several(responses: Sequence[Response]) -> tuple[str, str, str, str]:
    if len(responses) == 1:
        rtt = repr(responses[0].rtt)
        return rtt, rtt, rtt, _AT_ONCE
    rtts = [response.rtt for response in responses]
    mean = sum(rtts) / len(rtts)
    variance = sum([(rtt - mean) * (rtt - mean) for rtt in rtts]) / len(rtts)
    return repr(mean), repr(min(rtts)), repr(max(rtts)), repr(math.sqrt(variance))


def _mpls(responses: Sequence[Response]) -> str:
    """`24017/16`; a forged answer may stack hundreds of labels, which no label should show."""
    for response in reversed(responses):
        if response.extensions and (stack := mpls_stack(response.extensions)):
            return "/".join(str(entry.label) for entry in stack[:_MPLS_LABELS_SHOWN])
    return ""


@lru_cache(maxsize=1024)
def _shared(column: tuple[str, ...]) -> tuple[str, ...]:
    """One for all that are equal."""
    return column
