"""Pure: the lines of every hop of the latest cycle, and of the links between them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from exporter.extensions import mpls_stack
from exporter.metrics import families
from exporter.metrics.text import escape, histogram_lines, number
from exporter.model import NOTHING_KNOWN, Hop, HostInfo, Response
from exporter.path import links
from exporter.returnpath import return_hops
from exporter.tally import AddressTally
from exporter.view import View

Lines = dict[str, list[str]]
"""By metric name, what it has to show: each entry is one line, or all lines of a histogram."""

_RTT = families.HOP_RTT.name
_RTT_MIN = families.HOP_RTT_MIN.name
_RTT_MAX = families.HOP_RTT_MAX.name
_RTT_STDDEV = families.HOP_RTT_STDDEV.name
_RTT_HISTOGRAM = families.HOP_RTT_HISTOGRAM.name
_REPLIES = families.HOP_REPLIES.name
_REPLY_SECONDS = families.HOP_REPLY_SECONDS.name
_SENT = families.HOP_SENT.name
_LOST = families.HOP_LOST.name
_LOSS = families.HOP_LOSS.name
_FORWARD_LOSS = families.HOP_FORWARD_LOSS.name
_RETURN = families.HOP_RETURN.name
_INFO = families.HOP_INFO.name
_LINK = families.LINK_INFO.name

_MPLS_LABELS_SHOWN = 16


def add_hops(lines: Lines, view: View, labels: str) -> None:
    """Every hop that the latest trace probed; `labels` are those of the path, without braces."""
    if view.trace is None:
        return
    forward = view.tally.window.loss.forward
    for hop in view.trace.hops:
        ratio = forward.get(hop.ttl)
        if ratio is not None:
            at = f'{{{labels},hop="{hop.ttl}"}}'
            lines[_FORWARD_LOSS].append(f"{_FORWARD_LOSS}{at} {number(ratio)}\n")
        _add_hop(lines, f'{labels},hop="{hop.ttl}"', hop, view)


def add_links(lines: Lines, view: View, labels: str) -> None:
    """Every edge of the path that the latest trace showed."""
    if view.trace is None:
        return
    lines[_LINK] += [
        f'{_LINK}{{{labels},hop="{ttl}",source="{escape(source)}",'
        f'destination="{escape(destination)}"}} 1\n'
        for ttl, source, destination in links(view.trace)
    ]


def _add_hop(lines: Lines, at: str, hop: Hop, view: View) -> None:
    tally = view.tally.hops[hop.ttl]
    lines[_SENT].append(f"{_SENT}{{{at}}} {tally.sent}\n")
    lines[_LOST].append(f"{_LOST}{{{at}}} {tally.lost}\n")
    if not hop.responses:
        if hop.sent:
            lines[_LOSS].append(f'{_LOSS}{{{at},address="",asn=""}} 1\n')
        return
    by_address: dict[str, list[Response]] = {}
    for response in hop.responses:
        by_address.setdefault(response.address, []).append(response)
    loss = f" {number(max(0, hop.lost) / hop.sent)}\n" if hop.sent else ""
    for address, responses in by_address.items():
        info = view.infos.get(address, NOTHING_KNOWN)
        near = f'{{{at},address="{escape(address)}"'
        who = f'{near},asn="{"" if info.asn is None else info.asn}"'
        if loss:
            lines[_LOSS].append(f"{_LOSS}{who}}}{loss}")
        _add_round_trips(lines, who + "} ", responses)
        _add_replies(lines, who, tally.addresses[address])
        _add_return(lines, near, responses)
        lines[_INFO].append(f"{_INFO}{who}{_info(info, responses)}")


def _add_round_trips(lines: Lines, who: str, responses: Sequence[Response]) -> None:
    if len(responses) == 1:
        text = number(responses[0].rtt)
        mean, least, most, deviation = text, text, text, "0"
    else:
        rtts = [response.rtt for response in responses]
        average = sum(rtts) / len(rtts)
        variance = sum((rtt - average) * (rtt - average) for rtt in rtts) / len(rtts)
        mean, least, most = number(average), number(min(rtts)), number(max(rtts))
        deviation = number(math.sqrt(variance))
    lines[_RTT].append(f"{_RTT}{who}{mean}\n")
    lines[_RTT_MIN].append(f"{_RTT_MIN}{who}{least}\n")
    lines[_RTT_MAX].append(f"{_RTT_MAX}{who}{most}\n")
    lines[_RTT_STDDEV].append(f"{_RTT_STDDEV}{who}{deviation}\n")


def _add_replies(lines: Lines, who: str, tally: AddressTally) -> None:
    lines[_REPLIES].append(f"{_REPLIES}{who}}} {tally.replies}\n")
    lines[_REPLY_SECONDS].append(f"{_REPLY_SECONDS}{who}}} {number(tally.seconds)}\n")
    if tally.histogram is not None:
        lines[_RTT_HISTOGRAM].append(histogram_lines(_RTT_HISTOGRAM, who[1:], tally.histogram))


def _add_return(lines: Lines, near: str, responses: Sequence[Response]) -> None:
    hops = return_hops(responses[-1].reply_ttl)
    if hops is not None:
        lines[_RETURN].append(f"{_RETURN}{near}}} {hops}\n")


def _info(info: HostInfo, responses: Sequence[Response]) -> str:
    return (
        f',as_name="{escape(info.as_name or "")}",prefix="{escape(info.prefix or "")}"'
        f',country="{escape(info.country or "")}",hostname="{escape(info.hostname or "")}"'
        f',mpls="{_mpls(responses)}"}} 1\n'
    )


def _mpls(responses: Sequence[Response]) -> str:
    """`24017/16`; a forged answer may stack hundreds of labels, which no label should show."""
    for response in reversed(responses):
        if response.extensions:
            stack = mpls_stack(response.extensions)
            if stack:
                return "/".join(str(entry.label) for entry in stack[:_MPLS_LABELS_SHOWN])
    return ""
