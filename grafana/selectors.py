"""PromQL that several panels and dashboards use. Pure."""

from __future__ import annotations

from collections.abc import Callable

from grafana.board import WHO

Metric = Callable[..., str]


def several(metric: str, extra: str = "") -> str:
    """A metric of all targets in view."""
    chosen = ",".join(f'{each}=~"${each}"' for each in WHO.split(", "))
    return f"{metric}{{{chosen}{extra}}}"


def one(metric: str, extra: str = "") -> str:
    """A metric of the one path in view."""
    chosen = ",".join(f'{each}="${each}"' for each in WHO.split(", "))
    return f"{metric}{{{chosen}{extra}}}"


def exporters(metric: str, extra: str = "") -> str:
    """A metric of all exporters in view."""
    return f'{metric}{{job=~"$job",instance=~"$instance"{extra}}}'


def ratio(part: str, whole: str, by: str, window: str, function: str = "increase") -> str:
    """One counter's increase over another's; nothing where the other does not move."""
    return (
        f"sum by ({by}) ({function}({part}[{window}]))"
        f" / (sum by ({by}) ({function}({whole}[{window}])) > 0)"
    )


def quantile(share: float, buckets: str, by: str, window: str = "$__rate_interval") -> str:
    """A quantile of a histogram; nothing where nothing was observed."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({buckets}[{window}]))) >= 0"


def target_loss(of: Metric, window: str = "$__range", function: str = "increase") -> str:
    """Share of probes to the destination that were lost, of each target."""
    sent, lost = of("ftr_target_probes_sent_total"), of("ftr_target_probes_lost_total")
    return ratio(lost, sent, WHO, window, function)


def changes_at(of: Metric) -> str:
    """When each path changed (ms), with the AS path that it has since."""
    return (
        f"1000 * {of('ftr_path_last_change_timestamp_seconds')} * on ({WHO}) group_left (as_path)"
        f" max by ({WHO}, as_path) ({of('ftr_path_info')})"
    )
