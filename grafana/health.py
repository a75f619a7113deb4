"""The health of the exporters themselves. Pure."""

from __future__ import annotations

from grafana.board import choices, events, row, step
from grafana.board import dashboard as board
from grafana.load import enrichment, failures, pace, probe_requests, process
from grafana.panels import ANY_IS_BAD, BAD, GOOD, WARN, column, merge, stat, table
from grafana.queries import Json, ask_now, ask_rows
from grafana.selectors import exporters as of

BY = "job, instance"
START = "process_start_time_seconds"


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
            *pace(),
            row("What did not work"),
            *failures(),
            row("Lists and requests"),
            _lists(),
            probe_requests(),
            row("Names and origins"),
            *enrichment(),
            row("Process and scrapes"),
            *process(),
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


def _refused(which: str) -> str:
    return f"{of(f'{which}_last_reload_successful')} == 0"


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
            "Exporters whose latest reload, of the configuration or of the one for the web server, "
            "failed; they go on with the one before.",
            ask_now(
                f"count({_refused('ftr_config')} or {_refused('ftr_web_config')}) or vector(0)"
            ),
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


STATES = {"0": {"text": "refused", "color": BAD}, "1": {"text": "in use", "color": GOOD}}


def _lists() -> Json:
    names = {
        "instance": "Exporter",
        "job": "Job",
        "source": "File or URL",
        "Value #listed": "Targets",
        "Value #state": "Latest reading",
        "Value #failures": "Failures",
    }
    by = f"{BY}, source"
    failed = f"round(increase({of('ftr_discovery_failures_total')}[$__range]))"
    return table(
        "Lists of targets",
        """Files and URLs that list targets: how many they list, whether the latest reading is in
        use, and how many readings failed over the time in view.""",
        [
            ask_rows(f"max by ({by}) ({of('ftr_discovery_targets')})", "listed"),
            ask_rows(f"max by ({by}) ({of('ftr_discovery_last_refresh_successful')})", "state"),
            ask_rows(f"sum by ({by}) ({failed})", "failures"),
        ],
        size=(12, 8),
        sort="File or URL",
        noValue="None is configured",
        transformations=merge(names),
        overrides=[_state("Latest reading")],
    )


def _state(name: str) -> Json:
    return column(
        name,
        mappings=[{"type": "value", "options": STATES}],
        custom__cellOptions={"type": "color-text"},
    )


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
            _state("Configuration"),
        ],
    )
