"""All targets from all vantage points. Pure."""

from __future__ import annotations

from grafana.board import LABELS, PAGE_LINK, PATH_LINK, WHO, choices, events, filters, row, step
from grafana.board import dashboard as board
from grafana.panels import (
    ANY_IS_BAD,
    ANY_IS_NEWS,
    LOSS,
    REACHED,
    bars,
    coloured,
    column,
    lines,
    merge,
    stat,
    table,
    timeline,
)
from grafana.queries import Json, ask, ask_now, ask_rows
from grafana.selectors import changes_at, quantile, ratio, several, target_loss

NAME = "{{target}} {{family}} {{protocol}} from {{instance}}"
FOUND = "ftr_target_reached"
WHY_NOT = "ftr_target_unreached_info"
UP = 'up{job=~"$job",instance=~"$instance"}'
BUCKETS = several("ftr_target_rtt_seconds_bucket")
SUM, COUNT = several("ftr_target_rtt_seconds_sum"), several("ftr_target_rtt_seconds_count")
CHANGES = f"round(increase({several('ftr_path_changes_total')}[$__range]))"
AS_CHANGES = f"round(increase({several('ftr_path_as_changes_total')}[$__range]))"
ERRORS = f"increase({several('ftr_errors_total')}[$__range])"


def dashboard() -> Json:
    """Overview of all targets and vantage points."""
    return board(
        "ftr-overview",
        "Traceroute: all targets",
        "Every target as each exporter sees it: state, round trip, loss, path, changes.",
        [*(choices(each, _metric(each), every=True) for each in LABELS), step(), filters()],
        [
            *_figures(),
            _targets(),
            row("Worst"),
            *_worst(),
            _outages(),
            row("Over time"),
            *_history(),
            _errors(),
        ],
        annotations=[
            events(
                "Path changes",
                "blue",
                changes_at(several),
                "{{target}}: the path changed",
                "{{family}}, {{protocol}}, from {{instance}}. AS path now: {{as_path}}",
                at_value=True,
            )
        ],
    )


def _metric(label: str) -> str:
    before = list(LABELS)[: list(LABELS).index(label)]
    chosen = ",".join(f'{each}=~"${each}"' for each in before)
    return f"{FOUND}{{{chosen}}}"


def _figures() -> list[Json]:
    lossy = f"count({target_loss(several)} > 0.05) or vector(0)"
    return [
        stat(
            "Traced",
            "Targets in view, each counted once for each exporter, family and protocol.",
            ask_now(f"count({several(FOUND)})"),
        ),
        stat(
            "Not reached",
            "Targets whose destination did not answer in the latest cycle.",
            ask_now(f"count({several(FOUND)} == 0) or vector(0)"),
            steps=ANY_IS_BAD,
        ),
        stat(
            "Losing over 5 %",
            "Targets that lost more than 5 % of probes end to end over the time in view.",
            ask_now(lossy),
            steps=ANY_IS_BAD,
        ),
        stat(
            "Path changes",
            "Confirmed changes of path over the time in view.",
            ask_now(f"sum({CHANGES})"),
            steps=ANY_IS_NEWS,
        ),
        stat(
            "AS path changes",
            "Those of them that moved traffic to another sequence of autonomous systems.",
            ask_now(f"sum({AS_CHANGES})"),
            steps=ANY_IS_NEWS,
        ),
        stat(
            "Exporters down",
            "Exporters that Prometheus cannot scrape. Their targets are not in the table below.",
            ask_now(f"count({UP} == 0) or vector(0)"),
            steps=ANY_IS_BAD,
        ),
    ]


def _targets() -> Json:
    names = {
        "target": "Target",
        "family": "Family",
        "protocol": "Protocol",
        "instance": "Exporter",
        "job": "Job",
        "Value #state": "State",
        "meaning": "Why not",
        "Value #rtt": "RTT",
        "Value #loss": "Loss",
        "Value #hops": "Hops",
        "as_path": "AS path",
        "Value #changes": "Changes",
        "Value #since": "Last change",
    }
    since = f"time() - {several('ftr_path_last_change_timestamp_seconds')}"
    return table(
        "Targets",
        """State and path of the latest cycle, and why a target was not reached; round trip (mean),
        loss and changes over the time in view; how long ago the path last changed. Click a
        target to see its path.""",
        [
            ask_rows(f"max by ({WHO}) ({several(FOUND)})", "state"),
            ask_rows(f"max by ({WHO}, meaning) ({several(WHY_NOT)})", "why"),
            ask_rows(ratio(SUM, COUNT, WHO, "$__range"), "rtt"),
            ask_rows(target_loss(several), "loss"),
            ask_rows(f"max by ({WHO}) ({several('ftr_path_hops')})", "hops"),
            ask_rows(f"max by ({WHO}, as_path) ({several('ftr_path_info')})", "path"),
            ask_rows(f"sum by ({WHO}) ({CHANGES})", "changes"),
            ask_rows(f"max by ({WHO}) ({since})", "since"),
        ],
        size=(24, 12),
        sort="State",
        transformations=merge(names, "Value #path", "Value #why"),
        overrides=[
            column("Target", links=[PATH_LINK, PAGE_LINK]),
            column("State", mappings=REACHED, custom__cellOptions={"type": "color-text"}),
            column("RTT", unit="s", decimals=1),
            column("Loss", **coloured("percentunit", LOSS, decimals=1)),
            column("Changes", **coloured("short", ANY_IS_NEWS)),
            column("Last change", unit="dtdurations", decimals=0),
        ],
    )


def _worst() -> list[Json]:
    return [
        bars(
            "Worst loss",
            "The ten targets that lost most, end to end, over the time in view.",
            ask_now(f"topk(10, ({target_loss(several)}) > 0)", legend=NAME),
            unit="percentunit",
            steps=LOSS,
            decimals=1,
            noValue="No loss",
        ),
        bars(
            "Worst RTT",
            "The ten targets with the longest round trips over the time in view; 95 % took less.",
            ask_now(f"topk(10, {quantile(0.95, BUCKETS, WHO, '$__range')})", legend=NAME),
            unit="s",
            steps=((None, "blue"),),
        ),
        bars(
            "Most changes",
            "The ten targets whose path changed most often over the time in view.",
            ask_now(f"topk(10, sum by ({WHO}) ({CHANGES}) > 0)", legend=NAME),
            steps=((None, "blue"),),
        ),
    ]


def _outages() -> Json:
    ever = f"min_over_time({several(FOUND)}[$__range] @ end()) == 0"
    return timeline(
        "Unreachable",
        """Targets that were not reached in some cycle of the time in view, and when. In a point
        that stands for several cycles, one that was not reached counts.""",
        ask(
            f"min_over_time({several(FOUND)}[$__rate_interval]) and on ({WHO}) ({ever})",
            legend=NAME,
        ),
        size=(24, 7),
        mappings=REACHED,
        noValue="All targets were reached in every cycle",
    )


def _history() -> list[Json]:
    return [
        lines(
            "Round trip (median)",
            "Half of the round trips to the destination were shorter; read from histogram buckets.",
            [ask(quantile(0.5, BUCKETS, WHO), legend=NAME)],
            unit="s",
        ),
        lines(
            "Loss",
            "Share of probes that the destination left unanswered, local errors left out.",
            [ask(target_loss(several, "$__rate_interval", "rate"), legend=NAME)],
            unit="percentunit",
            max=1,
        ),
    ]


def _errors() -> Json:
    names = {
        "target": "Target",
        "family": "Family",
        "protocol": "Protocol",
        "instance": "Exporter",
        "job": "Job",
        "reason": "Reason",
        "Value": "Errors",
    }
    return table(
        "Errors on the exporter's side",
        """What kept probes from being sent over the time in view. Never counted as loss; a target
        that appears here may look unreached for a reason of our own.""",
        [ask_rows(f"sum by ({WHO}, reason) ({ERRORS}) > 0")],
        size=(24, 7),
        sort="Errors",
        descending=True,
        decimals=0,
        noValue="None",
        transformations=merge(names),
        overrides=[column("Target", links=[PATH_LINK, PAGE_LINK])],
    )
