"""A path over time: round trips, loss, ways, what else there is to say of it. Pure."""

from __future__ import annotations

from grafana.panels import REACHED, lines, panel, timeline
from grafana.queries import Json, ask
from grafana.selectors import one, quantile, target_loss

BUCKETS = one("ftr_target_rtt_seconds_bucket")


def round_trips() -> list[Json]:
    """Round trips, loss and outages."""
    counts = f"sum by (le) (increase({BUCKETS}[$__rate_interval]))"
    return [
        panel(
            "heatmap",
            "Round trips",
            "How many probes to the destination took how long; the bands are the buckets.",
            [ask(counts, legend="{{le}}", form="heatmap")],
            size=(12, 9),
            options={
                "calculate": False,
                "cellGap": 1,
                "color": {"mode": "scheme", "scheme": "Turbo", "steps": 64, "reverse": False},
                "filterValues": {"le": 1e-9},
                "legend": {"show": True},
                "rowsFrame": {"layout": "auto"},
                "tooltip": {"mode": "single", "yHistogram": False},
                "yAxis": {"axisPlacement": "left", "unit": "s", "reverse": False},
            },
            custom={"scaleDistribution": {"type": "linear"}},
        ),
        lines(
            "Round trip and jitter",
            "Median and 95th percentile to the destination, read from histogram buckets; jitter.",
            [
                ask(quantile(0.5, BUCKETS, ""), "A", legend="median"),
                ask(quantile(0.95, BUCKETS, ""), "B", legend="95 %"),
                ask(f"max({one('ftr_target_jitter_seconds')})", "C", legend="jitter"),
            ],
            unit="s",
            height=9,
        ),
        lines(
            "Loss over time",
            "Share of probes that the destination left unanswered.",
            [ask(target_loss(one, "$__rate_interval", "rate"), legend="loss")],
            unit="percentunit",
            max=1,
        ),
        timeline(
            "Reached",
            """Whether the destination answered. In a point that stands for several cycles, one
            that was not reached counts.""",
            ask(
                f"min(min_over_time({one('ftr_target_reached')}[$__rate_interval]))",
                legend="destination",
            ),
            size=(12, 8),
            mappings=REACHED,
            legend=True,
        ),
    ]


def history() -> list[Json]:
    """Which ways there were, how long they were, and errors on this side."""
    steps = {"lineInterpolation": "stepAfter", "fillOpacity": 0}
    errors = f"sum by (reason) (increase({one('ftr_errors_total')}[$__rate_interval]))"
    return [
        timeline(
            "Paths",
            "Each path has a row of its own, filled while packets took it; gaps: nothing answered.",
            ask(f"max by (path_id) ({one('ftr_path_info')})", legend="{{path_id}}"),
            size=(12, 7),
            color={"mode": "palette-classic"},
        ),
        timeline(
            "AS paths",
            "Each sequence of autonomous systems has a row, filled while packets took it.",
            ask(f"max by (as_path) ({one('ftr_path_info')})", legend="AS {{as_path}}"),
            size=(12, 7),
            color={"mode": "palette-classic"},
        ),
        lines(
            "Hops and branches",
            "Length of the path, and how many parallel ways of it are known.",
            [
                ask(f"max({one('ftr_path_hops')})", "A", legend="hops"),
                ask(f"max({one('ftr_path_branches')})", "B", legend="branches"),
            ],
            width=8,
            decimals=0,
            custom=steps,
        ),
        lines(
            "Path MTU",
            "Largest packet that gets through whole. Only for targets with mtu: true.",
            [ask(f"max({one('ftr_path_mtu_bytes')})", legend="MTU")],
            width=8,
            unit="bytes",
            custom=steps,
            noValue="not measured for this target",
        ),
        lines(
            "Errors on the exporter's side",
            "What kept probes from being sent. Never counted as loss.",
            [ask(f"{errors} > 0", legend="{{reason}}")],
            width=8,
            custom={"drawStyle": "bars", "fillOpacity": 60},
            noValue="none",
        ),
    ]
