"""The health of the exporters themselves. Pure."""

from __future__ import annotations

from grafana.board import choices, events, row, step
from grafana.board import dashboard as board
from grafana.panels import (
    ANY_IS_BAD,
    BAD,
    GOOD,
    WARN,
    Json,
    ask,
    ask_now,
    ask_rows,
    column,
    lines,
    merge,
    stat,
    table,
)
from grafana.selectors import exporters as of
from grafana.selectors import quantile

BY = "job, instance"
NAME = "{{instance}}"
START = "process_start_time_seconds"
TRACES = "ftr_trace_duration_seconds_bucket"
PROCESSING = "ftr_response_processing_seconds_bucket"
LOOKUPS = "ftr_enrichment_duration_seconds_bucket"


def dashboard() -> Json:
    """The exporters' own health."""
    return board(
        "ftr-exporter",
        "Traceroute: exporter health",
        "Whether the exporters keep up, what they could not do, and what they use.",
        [
            choices("job", "ftr_exporter_build_info", every=True),
            choices("instance", 'ftr_exporter_build_info{job=~"$job"}', every=True),
            step(),
        ],
        [
            *_figures(),
            _exporters(),
            row("Keeping up"),
            *_pace(),
            row("What did not work"),
            *_failures(),
            row("Names and origins"),
            *_enrichment(),
            row("Process and scrapes"),
            *_process(),
        ],
        annotations=[
            _moment("Restarts", "orange", START),
            _moment("Reloads", "purple", "ftr_config_last_reload_success_timestamp_seconds"),
        ],
    )


def _moment(name: str, color: str, metric: str) -> Json:
    return events(name, color, f"1000 * {of(metric)}", name, "{{instance}}", at_value=True)


def _recent(metric: str) -> str:
    return f"sum(increase({of(metric)}[$__range]))"


def _rate(metric: str, by: str = BY) -> str:
    return f"sum by ({by}) (rate({of(metric)}[$__rate_interval]))"


def _figures() -> list[Json]:
    return [
        stat(
            "Exporters down",
            "Exporters that Prometheus cannot scrape.",
            ask_now(f"count({of('up')} == 0) or vector(0)"),
            steps=ANY_IS_BAD,
        ),
        stat(
            "Configurations refused",
            "Exporters whose latest reload failed; they go on with the configuration before.",
            ask_now(f"count({of('ftr_config_last_reload_successful')} == 0) or vector(0)"),
            steps=ANY_IS_BAD,
        ),
        stat(
            "Worst lag",
            "How late the latest cycle started against the schedule, on the worst exporter.",
            ask_now(f"max({of('ftr_scheduler_lag_seconds')})"),
            unit="s",
            steps=((None, GOOD), (1, WARN), (5, BAD)),
        ),
        stat(
            "Cycles skipped",
            "Over the time in view: cycles not started since the one before still ran.",
            ask_now(f"round({_recent('ftr_traces_skipped_total')})"),
            steps=((None, GOOD), (1, WARN)),
        ),
        stat(
            "Series dropped",
            "Over the time in view, counted anew each cycle: beyond limits.series_per_target.",
            ask_now(f"round({_recent('ftr_series_dropped_total')})"),
            steps=((None, GOOD), (1, WARN)),
        ),
        stat(
            "Storage errors",
            "Over the time in view: failures of the store of path histories.",
            ask_now(f"round({_recent('ftr_storage_errors_total')})"),
            steps=ANY_IS_BAD,
        ),
    ]


def _exporters() -> Json:
    names = {
        "instance": "Exporter",
        "job": "Job",
        "version": "Version",
        "pythonversion": "Python",
        "Value #targets": "Targets",
        "Value #uptime": "Up for",
        "Value #config": "Configuration",
        "Value #loaded": "Loaded",
        "Value #samples": "Samples",
    }
    loaded = "ftr_config_last_reload_success_timestamp_seconds"
    states = {"0": {"text": "refused", "color": BAD}, "1": {"text": "in use", "color": GOOD}}
    page = {
        "title": "The exporter's own page",
        "url": "http://${__data.fields.instance}/",
        "targetBlank": True,
    }
    return table(
        "Exporters",
        "Every exporter that is scraped, its version, configuration and size.",
        [
            ask_rows(
                f"max by ({BY}, version, pythonversion) ({of('ftr_exporter_build_info')})", "build"
            ),
            ask_rows(f"max by ({BY}) ({of('ftr_targets')})", "targets"),
            ask_rows(f"time() - max by ({BY}) ({of(START)})", "uptime"),
            ask_rows(f"max by ({BY}) ({of('ftr_config_last_reload_successful')})", "config"),
            ask_rows(f"time() - max by ({BY}) ({of(loaded)})", "loaded"),
            ask_rows(f"max by ({BY}) ({of('scrape_samples_scraped')})", "samples"),
        ],
        size=(24, 6),
        sort="Exporter",
        transformations=merge(names, "Value #build"),
        overrides=[
            column("Exporter", links=[page]),
            column("Up for", unit="dtdurations", decimals=0),
            column("Loaded", unit="dtdurations", decimals=0),
            column(
                "Configuration",
                mappings=[{"type": "value", "options": states}],
                custom__cellOptions={"type": "color-text"},
            ),
        ],
    )


def _pace() -> list[Json]:
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


def _failures() -> list[Json]:
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


def _enrichment() -> list[Json]:
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


def _process() -> list[Json]:
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
