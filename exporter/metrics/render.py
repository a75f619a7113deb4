"""Pure: turns a `View` into the lines of every metric, once, so that a scrape only joins bytes."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.metrics import families
from exporter.metrics.family import MetricFamily
from exporter.metrics.hops import Lines, add_hops, add_links
from exporter.metrics.text import escape, histogram_lines, number
from exporter.model import FamilyChoice, Trace
from exporter.path import as_path, path_id
from exporter.tally import Tally
from exporter.view import PathFacts, View

_NAMES = tuple(family.name for family in families.PATH_FAMILIES)

_FIRST_TO_GO = tuple(
    family.name
    for family in (
        *(families.LINK_INFO, families.HOP_RETURN, families.HOP_INFO, families.HOP_RTT_HISTOGRAM),
        *(families.HOP_RTT_STDDEV, families.HOP_RTT_MAX, families.HOP_RTT_MIN),
        *(families.HOP_REPLY_SECONDS, families.HOP_REPLIES, families.HOP_RTT),
        *(families.HOP_LOSS, families.HOP_FORWARD_LOSS),
        *(families.HOP_LOST, families.HOP_SENT),
    )
)
"""Where a target has too many series: these go, in this order, farthest hops first."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """The lines by metric name, only of metrics that have any, and how many were left out."""

    chunks: dict[str, bytes]
    dropped: int = 0


def render(view: View, labels: str, limit: int) -> Rendering:
    """Render all that `view` shows; `labels` is what `path_labels` makes of it.

    At most `limit` series for a target, so half of it for each of two families; those of the
    target itself always stay.
    """
    lines: Lines = {name: [] for name in _NAMES}
    _add_target(lines, view, labels)
    _add_tally(lines, view.tally, labels)
    _add_facts(lines, view.facts, labels)
    if view.trace is not None:
        _add_latest(lines, view, view.trace, labels)
    add_hops(lines, view, labels)
    add_links(lines, view, labels)
    if view.target.module.family is FamilyChoice.BOTH:
        limit //= 2
    dropped = _shorten(lines, view.tally, limit)
    return Rendering(
        {name: "".join(found).encode("utf-8", "replace") for name, found in lines.items() if found},
        dropped,
    )


def _add_target(lines: Lines, view: View, labels: str) -> None:
    address = backend = ""
    if view.trace is not None:
        address, backend = view.trace.address or "", view.trace.backend
    _add(
        lines,
        families.TARGET_INFO,
        f'{labels},host="{escape(view.target.host)}",address="{escape(address)}"'
        f',backend="{escape(backend)}"',
        "1",
    )


def _add_tally(lines: Lines, tally: Tally, labels: str) -> None:
    _add(lines, families.TARGET_SENT, labels, str(tally.sent))
    _add(lines, families.TARGET_LOST, labels, str(tally.lost))
    _add(lines, families.TRACES, labels, str(tally.traces))
    _add(lines, families.TRACES_SKIPPED, labels, str(tally.skipped))
    if tally.jitter.seconds is not None:
        _add(lines, families.TARGET_JITTER, labels, number(tally.jitter.seconds))
    for reason, count in tally.errors.items():
        _add(lines, families.ERRORS, f'{labels},reason="{escape(reason)}"', str(count))
    for family, histogram in (
        (families.TARGET_RTT, tally.rtt),
        (families.TRACE_DURATION, tally.duration),
    ):
        lines[family.name].append(histogram_lines(family.name, labels, histogram))


def _add_facts(lines: Lines, facts: PathFacts, labels: str) -> None:
    _add(lines, families.PATH_CHANGES, labels, str(facts.changes))
    _add(lines, families.PATH_AS_CHANGES, labels, str(facts.as_changes))
    if facts.changed_at is not None:
        _add(lines, families.PATH_LAST_CHANGE, labels, number(facts.changed_at))
    if facts.branches is not None:
        _add(lines, families.PATH_BRANCHES, labels, str(facts.branches))
    if facts.mtu is not None:
        _add(lines, families.PATH_MTU, labels, str(facts.mtu.size))


def _add_latest(lines: Lines, view: View, trace: Trace, labels: str) -> None:
    _add(lines, families.TARGET_REACHED, labels, "1" if trace.reached else "0")
    if trace.destination_sent > 0:
        ratio = max(0, trace.destination_lost) / trace.destination_sent
        _add(lines, families.TARGET_LOSS, labels, number(ratio))
    hops = trace.path_hops
    if trace.hops:
        _add(lines, families.PATH_HOPS, labels, str(hops))
    if hops:
        numbers = " ".join(map(str, as_path(view.path, view.infos)))
        identity = f'{labels},path_id="{path_id(view.path)}",as_path="{numbers}"'
        _add(lines, families.PATH_INFO, identity, "1")


def _add(lines: Lines, family: MetricFamily, labels: str, value: str) -> None:
    lines[family.name].append(f"{family.name}{{{labels}}} {value}\n")


def _shorten(lines: Lines, tally: Tally, limit: int) -> int:
    """Drop hop series until no more than `limit` are left; returns how many went."""
    weights = dict.fromkeys(_NAMES, 1)
    weights[families.TARGET_RTT.name] = len(tally.rtt.counts) + 2
    weights[families.HOP_RTT_HISTOGRAM.name] = len(tally.rtt.counts) + 2
    weights[families.TRACE_DURATION.name] = len(tally.duration.counts) + 2
    excess = sum(len(found) * weights[name] for name, found in lines.items()) - limit
    dropped = 0
    for name in _FIRST_TO_GO:
        if dropped >= excess:
            break
        found, weight = lines[name], weights[name]
        gone = min(len(found), -(-(excess - dropped) // weight))
        del found[len(found) - gone :]
        dropped += gone * weight
    return dropped
