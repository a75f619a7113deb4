"""The table of metrics is sound, and the documentation says the same."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.config.values import RESERVED_LABELS
from exporter.metrics.docs import markdown
from exporter.metrics.families import PATH_FAMILIES, TARGET_RTT, TARGET_SENT
from exporter.metrics.family import PATH_LABELS, MetricFamily, MetricType
from exporter.metrics.own_families import OWN_FAMILIES

ALL = (*PATH_FAMILIES, *OWN_FAMILIES)
ROOT = Path(__file__).parent.parent


def test_the_documentation_is_current() -> None:
    """Remedy: `python -m exporter.metrics.docs > docs/metrics.md`."""
    command = [sys.executable, "-m", "exporter.metrics.docs"]
    written = subprocess.run(command, capture_output=True, check=True, cwd=ROOT)
    assert (ROOT / "docs" / "metrics.md").read_bytes() == written.stdout


def test_the_documentation_names_every_metric_once() -> None:
    """A reader finds each metric, with its type and labels, in one row of a table."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \| .+ \|$", markdown(), re.MULTILINE)
    described = {name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    assert len(rows) == len(ALL)
    assert described == {family.name: (family.type.value, family.labels) for family in ALL}


@pytest.mark.parametrize("family", ALL, ids=lambda family: family.name)
def test_conventions(family: MetricFamily) -> None:
    """Prefix, suffix and help are as Prometheus wants them; help needs no escaping."""
    assert re.fullmatch(r"ftr_[a-z_]+", family.name)
    assert family.name.endswith("_total") == (family.type is MetricType.COUNTER)
    assert family.help.endswith(".")
    assert not set(family.help) & set('\\\n"|')


def test_names_are_unique_in_both_formats() -> None:
    """OpenMetrics leaves out `_total`; two metrics must not meet there."""
    assert len({family.base_name for family in ALL}) == len(ALL)


def test_no_target_may_set_a_label_of_ours() -> None:
    """The configuration refuses every label that would otherwise appear twice in a series."""
    ours = {label for family in PATH_FAMILIES for label in (*PATH_LABELS, *family.labels, "le")}
    assert ours <= RESERVED_LABELS


def test_names_and_headers() -> None:
    """A metric is found by its own name or by that of any sample."""
    assert TARGET_SENT.names == {"ftr_target_probes_sent", "ftr_target_probes_sent_total"}
    assert TARGET_RTT.names >= {"ftr_target_rtt_seconds", "ftr_target_rtt_seconds_bucket"}
    assert b"# TYPE ftr_target_probes_sent_total counter\n" in TARGET_SENT.header(False)
    assert b"# TYPE ftr_target_probes_sent counter\n" in TARGET_SENT.header(True)
