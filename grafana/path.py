"""One path: from one exporter to one target. Pure."""

from __future__ import annotations

from grafana import graph
from grafana.board import LABELS, choices, events, link, row, step
from grafana.board import dashboard as board
from grafana.hops import hop_panels, hop_table, loss_starts
from grafana.panels import ANY_IS_NEWS, LOSS, REACHED, panel, stat
from grafana.queries import Json, ask_now, ask_rows
from grafana.selectors import changes_at, one, quantile, target_loss
from grafana.trends import history, round_trips

BUCKETS = one("ftr_target_rtt_seconds_bucket")


def dashboard() -> Json:
    """One path in detail."""
    return board(
        "ftr-path",
        "Traceroute: one path",
        "The way from one exporter to one target, hop by hop, and how it changed.",
        [*(choices(each, _metric(each), every=False) for each in LABELS), step()],
        [
            *_figures(),
            _graph(),
            hop_table(),
            loss_starts(),
            row("Round trip and loss"),
            *round_trips(),
            row("Hop by hop"),
            *hop_panels(),
            row("Path over time"),
            *history(),
        ],
        annotations=_annotations(),
        links=[
            link(
                "The exporter's own page",
                "http://${instance}/targets/${target:percentencode}",
                "Needs the label instance to be an address that your browser reaches",
            )
        ],
    )


def _metric(label: str) -> str:
    before = list(LABELS)[: list(LABELS).index(label)]
    chosen = ",".join(f'{each}="${each}"' for each in before)
    return f"ftr_target_reached{{{chosen}}}"


def _annotations() -> list[Json]:
    return [
        events(
            "Path changes",
            "blue",
            changes_at(one),
            "The path changed",
            "AS path now: {{as_path}}",
            at_value=True,
        ),
        events(
            "Outages",
            "red",
            f"1 - {one('ftr_target_reached')}",
            "Not reached",
            "{{target}} {{family}} {{protocol}}",
            at_value=False,
        ),
    ]


def _figures() -> list[Json]:
    changed = one("ftr_path_last_change_timestamp_seconds")
    median = quantile(0.5, BUCKETS, "", "$__range")
    return [
        stat(
            "State",
            "Whether the destination answered in the latest cycle.",
            ask_now(f"max({one('ftr_target_reached')})"),
            width=3,
            mappings=REACHED,
        ),
        stat(
            "RTT",
            "Median round trip over the time in view, read from histogram buckets.",
            ask_now(median),
            width=3,
            unit="s",
        ),
        stat(
            "Jitter",
            "How much one round trip differs from the next (RFC 3550).",
            ask_now(f"max({one('ftr_target_jitter_seconds')})"),
            width=3,
            unit="s",
        ),
        stat(
            "Loss",
            "Share of probes that the destination left unanswered over the time in view.",
            ask_now(target_loss(one)),
            width=3,
            unit="percentunit",
            decimals=1,
            steps=LOSS,
        ),
        stat(
            "Length",
            "Hops to the destination, or the last that answered.",
            ask_now(f"max({one('ftr_path_hops')})"),
            width=2,
        ),
        stat(
            "Branches",
            "Distinct parallel paths now known. Follow more flows to see more of them.",
            ask_now(f"max({one('ftr_path_branches')})"),
            width=2,
        ),
        stat(
            "MTU",
            "Largest packet that gets through whole. Only for targets with mtu: true.",
            ask_now(f"max({one('ftr_path_mtu_bytes')})"),
            width=2,
            unit="bytes",
        ),
        stat(
            "Changes",
            "Confirmed changes of the path over the time in view.",
            ask_now(f"round(sum(increase({one('ftr_path_changes_total')}[$__range])))"),
            width=3,
            steps=ANY_IS_NEWS,
        ),
        stat(
            "Last change",
            "How long ago the path last changed.",
            ask_now(f"time() - max({changed})"),
            width=3,
            unit="dtdurations",
            decimals=0,
            noValue="none known",
        ),
    ]


def _graph() -> Json:
    return panel(
        "nodeGraph",
        "Path",
        """From the exporter to the destination in the latest cycle, parallel branches side by side,
        silent hops bridged. In a node: its round trip and MPLS labels. On a link: loss up to its
        far end that later hops confirm, orange above 1 %, red above 5 %. Click a node for its
        address, hop and prefix.""",
        [ask_rows(graph.nodes(), "nodes"), ask_rows(graph.edges(), "edges")],
        size=(24, 12),
        options={
            "nodes": {"mainStatUnit": "ms"},
            "edges": {"mainStatUnit": "%"},
            "layoutAlgorithm": "layered",
            "zoomMode": "cooperative",
        },
        transformations=graph.named_values(),
    )
