"""Writes `docs/metrics.md` from the table: `python -m exporter.metrics.docs > docs/metrics.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from exporter.metrics.families import PATH_FAMILIES
from exporter.metrics.family import PATH_LABELS, MetricFamily
from exporter.metrics.own_families import OWN_FAMILIES

_INTRODUCTION = f"""\
# Metrics

<!-- Written by `python -m exporter.metrics.docs > docs/metrics.md`; change the table there. -->

Units are base units: seconds, ratios from 0 to 1. Counters never go backwards while they are
exposed. All values come from the exporter's own schedule; a scrape starts no measurement.

## Of each target

Each of these series has the labels {", ".join(f"`{label}`" for label in PATH_LABELS)} and the
labels that the configuration gives to the target; the table names those beyond. `asn` is the number
of the origin AS alone, as `64500`; it is empty where unknown, and the lowest where a prefix has
several origins. `hop` counts from 1. The series of a hop or an address that is not on the path in
the latest cycle end at the next scrape; its counters go on where they were when it returns.

A target of which nothing can be measured is present all the same: `ftr_target_reached` is 0,
`ftr_errors_total` says why, and nothing is counted as sent or lost.
"""

_OWN = """\
## Of the exporter itself

Besides these, `process_*` (CPU, memory, open files; Linux only) and `python_*`.
"""


def markdown() -> str:
    """The whole page."""
    return "\n".join((_INTRODUCTION, _table(PATH_FAMILIES), _OWN, _table(OWN_FAMILIES)))


def _table(families: Iterable[MetricFamily]) -> str:
    rows = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    for family in families:
        labels = ", ".join(f"`{label}`" for label in family.labels)
        rows.append(f"| `{family.name}` | {family.type.value} | {labels} | {family.help} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.stdout.write(markdown())
