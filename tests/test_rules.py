"""Rules, alerts and runbooks: what promtool says of them, and the conventions they follow.

Their unit tests on recorded series are in `test_rules_recorded.py`, those over the daemon in
`test_rules_live.py`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.metrics.families import PATH_FAMILIES
from exporter.metrics.own_families import OWN_FAMILIES

ROOT = Path(__file__).parent.parent
RULES, ALERTS = ROOT / "prometheus" / "rules.yml", ROOT / "prometheus" / "alerts.yml"
UNIT_TESTS = sorted((ROOT / "prometheus" / "tests").glob("*.yml"))
RUNBOOKS = ROOT / "docs" / "runbooks"
# Links have `source` beside `destination`; alone it is a list of targets, which stays.
CHURNING = {"address", "asn", "hop", "path_id", "as_path", "destination", "hostname"}

Rule = dict[str, Any]

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="no promtool on this machine; install it (Debian: apt install prometheus)",
)
needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None,
    reason="no prometheus on this machine; install it (Debian: apt install prometheus)",
)


def rules_of(*paths: Path) -> list[Rule]:
    """All rules of these files."""
    files = [yaml.safe_load(path.read_text()) for path in paths]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def alerts() -> list[Rule]:
    """All alerts."""
    return rules_of(ALERTS)


def promtool(*arguments: str | Path) -> None:
    """Run promtool, which must have no complaint."""
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
@pytest.mark.parametrize("path", [RULES, ALERTS], ids=lambda path: path.stem)
def test_rules_load(path: Path) -> None:
    """The files are what Prometheus takes for rules, without duplicates."""
    promtool("check", "rules", path)


@needs_promtool
@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
def test_rules_on_series(path: Path) -> None:
    """Each alert fires, and keeps silent, on the series that its unit tests give."""
    promtool("test", "rules", path)


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_alert_is_tested_both_ways(alert: Rule) -> None:
    """The unit tests have a moment at which it fires, and one at which it does not."""
    cases = [
        case
        for path in UNIT_TESTS
        for group in yaml.safe_load(path.read_text())["tests"]
        for case in group.get("alert_rule_test", ())
        if case["alertname"] == alert["alert"]
    ]
    assert {bool(case.get("exp_alerts")) for case in cases} == {True, False}


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_alert_follows_the_conventions(alert: Rule) -> None:
    """Prefix, severity, texts; a page of its own; a line in the table of the README."""
    name, severity = alert["alert"], alert["labels"]["severity"]
    assert name.startswith("Ftr")
    assert list(alert["labels"]) == ["severity"]
    assert severity in {"critical", "warning", "info"}
    links = {"runbook_url"} if name == "FtrExporterDown" else {"runbook_url", "exporter_url"}
    assert set(alert["annotations"]) == {"summary", "description"} | links
    url = alert["annotations"]["runbook_url"]
    page = (ROOT / url).read_text()
    assert url == f"docs/runbooks/{name}.md"
    assert page.startswith(f"# {name}\n\n{severity.capitalize()}")
    headings = re.findall(r"^## (.+)", page, re.MULTILINE)
    assert headings == ["Meaning", "Impact", "Diagnosis", "Mitigation"]
    table = (ROOT / "prometheus" / "README.md").read_text()
    assert f"| [{name}](../{url}) | {severity} |" in table


def test_every_runbook_has_its_alert() -> None:
    """No page is left over, and links between pages lead somewhere."""
    pages = sorted(RUNBOOKS.glob("*.md"))
    assert {page.stem for page in pages} == {alert["alert"] for alert in alerts()}
    for page in pages:
        for link in re.findall(r"\]\(([^)]+)\)", page.read_text()):
            assert (RUNBOOKS / link).exists(), f"{page.name}: {link}"


def test_metrics_exist() -> None:
    """Rules ask for metrics that the exporter serves, or for what other rules record."""
    served = {name for family in (*PATH_FAMILIES, *OWN_FAMILIES) for name in family.names}
    recorded = {rule["record"] for rule in rules_of(RULES) if "record" in rule}
    for rule in rules_of(RULES, ALERTS):
        for name in re.findall(r"\b(?:\w+:)?ftr_[\w:]+", rule["expr"]):
            assert name in served | recorded, f"{rule.get('alert') or rule['record']}: {name}"


def test_nothing_that_churns_is_identity() -> None:
    """No alert is made of series whose labels change with the path."""
    churning = {family.name for family in PATH_FAMILIES if CHURNING & set(family.labels)}
    assert "ftr_hop_loss_ratio" in churning
    for alert in alerts():
        asked = set(re.findall(r"\bftr_\w+", re.sub(r"\w+:ftr_[\w:]+", "", alert["expr"])))
        assert not asked & churning, alert["alert"]


def readme_queries() -> list[str]:
    """The expressions of the table of queries in README.md."""
    text = (ROOT / "README.md").read_text()
    table = text.partition("| question | PromQL |")[2].partition("\n\n")[0]
    return re.findall(r"^\| [^|]+ \| `(.+)` \|$", table, re.MULTILINE)


def runbook_queries() -> list[str]:
    """The expressions in the blocks of PromQL of all runbooks."""
    blocks = (
        block
        for page in sorted(RUNBOOKS.glob("*.md"))
        for block in re.findall(r"```promql\n(.*?)```", page.read_text(), re.DOTALL)
    )
    return [line for block in blocks for line in block.splitlines()]
