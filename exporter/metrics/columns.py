"""Pure: what is shown of the hops of a target, in columns, as the metrics need it.

A number whose text takes long to make, or serves several metrics, is text already.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from exporter.metrics.text import Buckets, escape
from exporter.model import NOTHING_KNOWN, Hop, HostInfo, Response
from exporter.monitoring.view import View
from exporter.reading.returnpath import return_hops
from exporter.sockets.extensions import mpls_stack

_MPLS_LABELS_SHOWN = 16
_AT_ONCE = "0"
"""The standard deviation of a single answer."""

At = tuple[int, str, int | None]
"""TTL, address and AS number of a responder."""


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

    `who` is the end of its labels, from the value of `hop` on. `mean`, `least`, `most`, `deviation`
    and `seconds` are texts of round-trip times in seconds, equal ones one object. `back` is the
    length of the way back, None where it cannot be known. `buckets` is empty without histograms.
    """

    at: tuple[At, ...]
    who: tuple[str, ...]
    mean: Sequence[str]
    least: Sequence[str]
    most: Sequence[str]
    deviation: Sequence[str]
    replies: Sequence[int]
    seconds: Sequence[str]
    back: Sequence[int | None]
    known: Sequence[HostInfo]
    mpls: Sequence[str]
    buckets: Sequence[Buckets]


def hops_shown(view: View, hops: Sequence[Hop], responders: Responders) -> HopsShown:
    """What is shown of these hops, which are those of the latest trace."""
    forward = view.tally.window.loss.forward
    ttls = [hop.ttl for hop in hops]
    return HopsShown(
        ttls,
        *view.tally.hops.probes(ttls),
        [forward.get(ttl) for ttl in ttls],
        *_loss(hops, ttls, responders),
    )


def _loss(
    hops: Sequence[Hop], ttls: list[int], responders: Responders
) -> tuple[Sequence[str], Sequence[str]]:
    """The ends of labels, and the loss as text."""
    ratios = [repr(max(0, hop.lost) / hop.sent) if hop.sent else "" for hop in hops]
    if [ttl for ttl, _, _ in responders.at] == ttls and "" not in ratios:
        return responders.who, ratios
    who = iter(responders.who)
    loss_at: list[str] = []
    loss: list[str] = []
    for hop, ratio in zip(hops, ratios, strict=True):
        heard = [next(who) for _ in hop.addresses]
        if ratio:
            loss_at += heard or [f'{hop.ttl}",address="",asn=""}} ']
            loss += [ratio] * len(heard) or ["1"]
    return loss_at, loss


def responders_shown(view: View, hops: Sequence[Hop], former: Responders | None) -> Responders:
    """What is shown of those who answered; strings that stay are those of `former`."""
    heard = [(hop.ttl, *each) for hop in hops for each in _by_address(hop.responses)]
    responses = [each for _, _, each in heard]
    known = [view.infos.get(address, NOTHING_KNOWN) for _, address, _ in heard]
    at = tuple(
        [(ttl, address, info.asn) for (ttl, address, _), info in zip(heard, known, strict=True)]
    )
    same = former if former is not None and former.at == at else None
    replies, seconds, histograms = view.tally.hops.replies([(ttl, each) for ttl, each, _ in heard])
    return Responders(
        at if same is None else same.at,
        tuple(map(_who, at)) if same is None else same.who,
        *_round_trips(responses),
        replies,
        list(map(repr, seconds)),
        [return_hops(each[-1].reply_ttl) for each in responses],
        known,
        [_mpls(each) for each in responses],
        list(map(Buckets.of, histograms)),
    )


def _by_address(responses: Sequence[Response]) -> Iterable[tuple[str, Sequence[Response]]]:
    if len(responses) == 1:
        return ((responses[0].address, responses),)
    found: dict[str, list[Response]] = {}
    for response in responses:
        found.setdefault(response.address, []).append(response)
    return found.items()


def _who(at: At) -> str:
    ttl, address, asn = at
    return f'{ttl}",address="{escape(address)}",asn="{"" if asn is None else asn}"}} '


def _round_trips(
    responders: Sequence[Sequence[Response]],
) -> tuple[list[str], list[str], list[str], list[str]]:
    """Mean, least, most and standard deviation of each."""
    if max(map(len, responders), default=1) == 1:
        rtts = [repr(response.rtt) for (response,) in responders]
        return rtts, rtts, rtts, [_AT_ONCE] * len(rtts)
    mean, least, most, deviation = zip(*map(_of_several, responders), strict=True)
    return list(mean), list(least), list(most), list(deviation)


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
