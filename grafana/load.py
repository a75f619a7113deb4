"""Exporters over time. Pure."""

from __future__ import annotations

from grafana.panels import lines
from grafana.queries import Json, ask
from grafana.selectors import exporters as of
from grafana.selectors import quantile

BY = "job, instance"
NAME = "{{instance}}"
TRACES = "ftr_trace_duration_seconds_bucket"
PROCESSING = "ftr_response_processing_seconds_bucket"
LOOKUPS = "ftr_enrichment_duration_seconds_bucket"


def _rate(metric: str, by: str = BY) -> str:
    return f"sum by ({by}) (rate({of(metric)}[$__rate_interval]))"


def pace() -> list[Json]:
    """Whether exporters keep up."""
    return [
        lines(
            "Scheduler lag",
            "How late the latest cycle started against the schedule.",
            [ask(f"max by ({BY}) ({of('ftr_scheduler_lag_seconds')})", legend=NAME)],
            unit="s",
        ),
        lines(
            "Response processing",
            """From the kernel's time stamp of an answer to the moment its hop is recorded. Grows
            where the exporter is short of CPU; round trips do not grow with it.""",
            _quantiles(PROCESSING, BY, NAME),
            unit="s",
        ),
        lines(
            "Cycles",
            "Cycles that ended, and cycles not started since the one before still ran.",
            [
                ask(_rate("ftr_traces_total"), "A", legend=f"{NAME} ended"),
                ask(_rate("ftr_traces_skipped_total"), "B", legend=f"{NAME} skipped"),
            ],
            unit="cps",
        ),
        lines(
            "Duration of a trace",
            "How long a cycle takes to trace.",
            _quantiles(TRACES, BY, NAME),
            unit="s",
        ),
    ]


def _quantiles(buckets: str, by: str, name: str) -> list[Json]:
    return [
        ask(quantile(0.5, of(buckets), by), "A", legend=f"{name} median"),
        ask(quantile(0.99, of(buckets), by), "B", legend=f"{name} 99 %"),
    ]


def failures() -> list[Json]:
    """What did not work."""
    return [
        lines(
            "Errors by reason",
            "Local failures: what kept probes from being sent. Never counted as loss.",
            [
                ask(
                    _rate("ftr_errors_total", f"{BY}, reason") + " > 0",
                    legend=f"{NAME} {{{{reason}}}}",
                )
            ],
            unit="cps",
            noValue="none",
        ),
        lines(
            "Late and unmatched answers",
            """Late: the trace had ended, the probe counts as lost; raise the timeout. Unmatched:
            belongs to no probe, as duplicates and forged answers do.""",
            [
                ask(_rate("ftr_responses_late_total"), "A", legend=f"{NAME} late"),
                ask(_rate("ftr_responses_unmatched_total"), "B", legend=f"{NAME} unmatched"),
            ],
            unit="cps",
        ),
        lines(
            "Series dropped over time",
            "Hop series beyond limits.series_per_target, counted anew each cycle.",
            [ask(_rate("ftr_series_dropped_total"), legend=NAME)],
            unit="cps",
        ),
        lines(
            "Storage errors over time",
            "Failures of the store of path histories, and entries lost. Measuring goes on.",
            [ask(_rate("ftr_storage_errors_total"), legend=NAME)],
            unit="cps",
        ),
    ]


def probe_requests() -> Json:
    """What was asked of `/probe`."""
    return lines(
        "Traces on request",
        "Requests to /probe by result: done, cut short, denied, invalid, busy.",
        [
            ask(
                _rate("ftr_probe_requests_total", f"{BY}, result"),
                legend=f"{NAME} {{{{result}}}}",
            )
        ],
        unit="cps",
        noValue="none",
    )


def enrichment() -> list[Json]:
    """Look-ups of names and origins."""
    kind = f"{NAME} {{{{kind}}}}"
    return [
        lines(
            "Look-ups",
            "Look-ups of names and origins, by kind and result.",
            [
                ask(
                    _rate("ftr_enrichment_lookups_total", f"{BY}, kind, result"),
                    legend=f"{kind} {{{{result}}}}",
                )
            ],
            width=8,
            unit="cps",
        ),
        lines(
            "Duration of a look-up",
            "95 % are shorter. Slow look-ups delay labels, never hops.",
            [ask(quantile(0.95, of(LOOKUPS), f"{BY}, kind"), legend=kind)],
            width=8,
            unit="s",
        ),
        lines(
            "Look-ups remembered",
            "Entries of the caches at present.",
            [
                ask(
                    f"max by ({BY}, kind) ({of('ftr_enrichment_cache_entries')})",
                    legend=kind,
                )
            ],
            width=8,
        ),
    ]


def process() -> list[Json]:
    """What exporters use."""

    def each(metric: str) -> list[Json]:
        return [ask(f"max by ({BY}) ({of(metric)})", legend=NAME)]

    return [
        lines(
            "CPU",
            "Share of one core.",
            [ask(_rate("process_cpu_seconds_total"), legend=NAME)],
            width=6,
            unit="percentunit",
        ),
        lines(
            "Memory",
            "Resident memory.",
            each("process_resident_memory_bytes"),
            width=6,
            unit="bytes",
        ),
        lines(
            "Open files", "File descriptors, sockets included.", each("process_open_fds"), width=6
        ),
        lines(
            "Duration of a scrape",
            "As Prometheus measures it.",
            each("scrape_duration_seconds"),
            width=6,
            unit="s",
        ),
    ]
