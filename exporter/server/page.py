"""The pages: a script draws them; without, tables show all targets or one's latest trace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from urllib.parse import quote

from exporter.model import NOTHING_KNOWN, Hop, HostInfo, Trace
from exporter.monitoring.view import View
from exporter.reading.jsonform import rfc3339
from exporter.reading.path import as_path
from exporter.reading.words import outcome_in_words
from exporter.server.api import loss, mean_rtt
from exporter.server.frame import END, app, encode, top
from exporter.server.source import TargetState
from exporter.sockets.extensions import mpls_stack

_TARGETS = ("Target", "Host", "Family", "Address", "State", "RTT", "Loss", "Hops", "AS path")
_HOPS = ("Hop", "Address", "Name", "AS", "Loss", "Sent", "Best", "Mean", "Worst", "MPLS")
_NUMBERS = frozenset({"RTT", "Loss", "Hops", "Hop", "Sent", "Best", "Mean", "Worst"})


def home_pieces(states: Iterable[TargetState], *, telemetry_path: str) -> Iterator[bytes]:
    """The page at `/`, one piece for each target, so that ten thousand stall nobody."""
    head = top("Targets", root="./", telemetry_path=telemetry_path)
    table = _table_top("Every target and its latest trace", _TARGETS)
    yield encode(head + app("home.js", root="./") + _PLAIN + table)
    for state in states:
        views: Iterable[View | None] = state.views or (None,)
        yield encode("".join(_target_row(state, view) for view in views))
    yield encode(_TABLE_END + _PLAIN_END + END)


def target_page(state: TargetState, *, root: str, telemetry_path: str) -> bytes:
    """The page of one target: its latest trace over each family, hop by hop."""
    name = state.target.name
    text = [top(name, root=root, telemetry_path=telemetry_path, target=name)]
    text += [app("target.js", root=root), _PLAIN, _facts(state)]
    text += [_family(view) for view in state.views]
    if not state.views:
        text.append("<p>No trace has ended yet.</p>\n")
    return encode("".join([*text, _PLAIN_END, END]))


def missing_page(message: str, *, root: str, telemetry_path: str) -> bytes:
    """What `/targets/NAME` says where there is no such target."""
    head = top("Not found", root=root, telemetry_path=telemetry_path)
    return encode(f"{head}<p>{escape(message)}</p>\n{END}")


def _target_row(state: TargetState, view: View | None) -> str:
    target = state.target
    segment = quote(target.name, safe="", errors="replace")
    link = f'<a href="targets/{segment}">{escape(target.name)}</a>'
    cells = [link, escape(target.host)]
    if view is None or view.trace is None:
        family = "" if view is None else view.family.value
        return _row([*cells, family, "", "waiting for the first trace", "", "", "", ""], _TARGETS)
    trace = view.trace
    cells += [view.family.value, escape(trace.address or ""), _state(trace)]
    cells += [_milliseconds(mean_rtt(trace)), _percent(loss(trace)), str(trace.path_hops or "")]
    return _row([*cells, " ".join(map(str, as_path(view.path, view.infos)))], _TARGETS)


def _state(trace: Trace) -> str:
    if trace.reached:
        return "reached"
    return f'<span class="bad">{escape(outcome_in_words(trace))}</span>'


def _facts(state: TargetState) -> str:
    target = state.target
    labels = "".join(f"<li>{escape(name)}: {escape(value)}</li>\n" for name, value in target.labels)
    return f"<p>Host {escape(target.host)}, traced every {target.module.interval:g} s.</p>\n" + (
        f"<ul>\n{labels}</ul>\n" if labels else ""
    )


def _family(view: View) -> str:
    title = f"<h2>{view.family.value} by {view.protocol.value}</h2>\n"
    trace = view.trace
    if trace is None:
        return f"{title}<p>No trace has ended yet.</p>\n"
    words = [
        f"To {escape(trace.address)}" if trace.address else "No address",
        f"through {escape(trace.backend)}" if trace.backend else "",
        f"at {rfc3339(trace.started_at)}",
        f"in {trace.duration:.3f} s",
    ]
    facts = f"<p>{' '.join(filter(None, words))}: {_state(trace)}.</p>\n"
    rows = [row for hop in trace.hops for row in _hop_rows(hop, view.infos)]
    caption = f"Hops of the latest trace over {view.family.value}"
    return "".join([title, facts, _table_top(caption, _HOPS), *rows, _TABLE_END])


def _hop_rows(hop: Hop, infos: Mapping[str, HostInfo]) -> Iterator[str]:
    loss_text = _percent(hop.lost / hop.sent if hop.sent else None)
    if not hop.responses:
        yield _row([str(hop.ttl), "*", "", "", loss_text, str(hop.sent), "", "", "", ""], _HOPS)
    for number, address in enumerate(hop.addresses):
        info = infos.get(address, NOTHING_KNOWN)
        responses = [each for each in hop.responses if each.address == address]
        rtts = [each.rtt for each in responses]
        stack = mpls_stack(responses[-1].extensions)
        yield _row(
            [
                str(hop.ttl) if number == 0 else "",
                escape(address),
                escape(info.hostname or ""),
                escape(_origin(info)),
                *((loss_text, str(hop.sent)) if number == 0 else ("", "")),
                *map(_milliseconds, (min(rtts), sum(rtts) / len(rtts), max(rtts))),
                " ".join(str(entry.label) for entry in stack),
            ],
            _HOPS,
        )


def _origin(info: HostInfo) -> str:
    if info.asn is None:
        return ""
    return f"AS{info.asn} {info.as_name}" if info.as_name else f"AS{info.asn}"


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:.2f} ms"


def _percent(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio * 100:.3g} %"


def _row(cells: Iterable[str], columns: tuple[str, ...]) -> str:
    tagged = (
        f'<td class="number">{cell}</td>' if column in _NUMBERS else f"<td>{cell}</td>"
        for cell, column in zip(cells, columns, strict=True)
    )
    return f"<tr>{''.join(tagged)}</tr>\n"


def _table_top(caption: str, columns: tuple[str, ...]) -> str:
    heads = "".join(
        f'<th scope="col"{_NUMBER_CLASS if column in _NUMBERS else ""}>{column}</th>'
        for column in columns
    )
    return (
        f'<div class="scroll">\n<table>\n<caption>{caption}</caption>\n'
        f"<thead>\n<tr>{heads}</tr>\n</thead>\n<tbody>\n"
    )


_NUMBER_CLASS = ' class="number"'
_PLAIN, _PLAIN_END = "<noscript>\n", "</noscript>\n"
_TABLE_END = "</tbody>\n</table>\n</div>\n"
