"""The table of the exporter's own metrics, which `exporter.metrics.own` serves."""

from __future__ import annotations

from exporter.metrics.family import counter, gauge, histogram

BUILD_INFO = gauge(
    "ftr_exporter_build_info",
    "Always 1. Versions of the exporter and of Python.",
    *("version", "pythonversion"),
)
RELOAD_SUCCESSFUL = gauge(
    "ftr_config_last_reload_successful",
    "1 if the configuration was loaded at the latest attempt; 0 if the one before is still in use.",
)
RELOAD_TIMESTAMP = gauge(
    "ftr_config_last_reload_success_timestamp_seconds",
    "When the configuration in use was loaded.",
)
WEB_RELOAD_SUCCESSFUL = gauge(
    "ftr_web_config_last_reload_successful",
    "1 if the web configuration and its files are as they were read; 0 if what they were before "
    "is still in use, as an older certificate. Absent without --web.config.file.",
)
TARGETS = gauge("ftr_targets", "Targets in the configuration in use.")
DISCOVERY_TARGETS = gauge(
    "ftr_discovery_targets",
    "Targets that a file or URL lists, by its latest reading without a fault.",
    "source",
)
DISCOVERY_SUCCESSFUL = gauge(
    "ftr_discovery_last_refresh_successful",
    "1 if a file or URL could be read at the latest attempt; 0 if what it listed before is in use.",
    "source",
)
DISCOVERY_FAILURES = counter(
    "ftr_discovery_failures_total",
    "Attempts to read a file or URL that lists targets and that failed. A file is tried again when "
    "it has changed, a URL at each refresh.",
    "source",
)
PROBE_REQUESTS = counter(
    "ftr_probe_requests_total",
    "Requests to /probe: done, cut short by the time there was, or turned away: denied by the "
    "configuration, invalid, busy.",
    "result",
)
RESPONSE_PROCESSING = histogram(
    "ftr_response_processing_seconds",
    "From the kernel's receive time stamp of an answer to the moment the hop is recorded. Grows "
    "where the exporter is short of CPU; round-trip times do not grow with it.",
)
RESPONSES_UNMATCHED = counter(
    "ftr_responses_unmatched_total",
    "Answers that belong to no probe: duplicates, other programs' and forged ones.",
)
RESPONSES_LATE = counter(
    "ftr_responses_late_total",
    "Answers that came when their trace had ended. Their probes count as lost: if there are many, "
    "raise the timeout.",
)
SCHEDULER_LAG = gauge(
    "ftr_scheduler_lag_seconds",
    "How late the latest cycle started, against the schedule.",
)
LOOKUPS = counter(
    "ftr_enrichment_lookups_total",
    "Look-ups of names and origins, by kind and result.",
    *("kind", "result"),
)
LOOKUP_DURATION = histogram(
    "ftr_enrichment_duration_seconds", "How long a look-up took, by kind.", "kind"
)
CACHE_ENTRIES = gauge(
    "ftr_enrichment_cache_entries", "Look-ups remembered at present, by kind.", "kind"
)
SERIES_DROPPED = counter(
    "ftr_series_dropped_total",
    "Hop series left out because a target had more than limits.series_per_target, counted anew "
    "whenever a cycle is first scraped.",
)
STORAGE_ERRORS = counter(
    "ftr_storage_errors_total",
    "Failures of the store of path histories, and entries lost. Measuring goes on in memory.",
)

OWN_FAMILIES = (
    *(BUILD_INFO, RELOAD_SUCCESSFUL, RELOAD_TIMESTAMP, WEB_RELOAD_SUCCESSFUL, TARGETS),
    *(DISCOVERY_TARGETS, DISCOVERY_SUCCESSFUL, DISCOVERY_FAILURES, PROBE_REQUESTS),
    *(RESPONSE_PROCESSING, RESPONSES_UNMATCHED, RESPONSES_LATE, SCHEDULER_LAG),
    *(LOOKUPS, LOOKUP_DURATION, CACHE_ENTRIES, SERIES_DROPPED, STORAGE_ERRORS),
)
"""What the exporter tells of itself, beside `process_*` and `python_*`."""
