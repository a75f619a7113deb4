"""Rules, alerts and runbooks: what promtool says of them, and what fires over the daemon itself.

Over the daemon a minute of the rules takes a second, so that nobody waits for half an hour.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.metrics.families import PATH_FAMILIES
from exporter.metrics.own_families import OWN_FAMILIES
from tests.conftest import LabFactory
from tests.daemon import running
from tests.lab.lab import Lab
from tests.test_prometheus import WEB, query, until

ROOT = Path(__file__).parent.parent
RULES, ALERTS = ROOT / "prometheus" / "rules.yml", ROOT / "prometheus" / "alerts.yml"
UNIT_TESTS = sorted((ROOT / "prometheus" / "tests").glob("*.yml"))
RUNBOOKS = ROOT / "docs" / "runbooks"
CHURNING = {"address", "asn", "hop", "path_id", "as_path", "source", "destination", "hostname"}

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
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
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


def in_seconds(text: str) -> str:
    """The durations in a text, a second for each minute."""
    minutes = {"m": 1, "h": 60, "d": 1440}
    return re.sub(r"(\d+)([mhd])", lambda m: f"{int(m[1]) * minutes[m[2]]}s", text)


def hasten(source: Path, target: Path) -> None:
    """Copy rules so that a minute takes a second."""
    rules = yaml.safe_load(source.read_text())
    for group in rules["groups"]:
        for holder in (group, *group["rules"]):
            for key in holder.keys() & {"interval", "for", "keep_firing_for"}:
                holder[key] = in_seconds(holder[key])
        for rule in group["rules"]:
            quick = re.sub(r"\[[^\]]+\]|offset \w+", lambda m: in_seconds(m[0]), rule["expr"])
            rule["expr"] = quick.replace("15 * 60", "15")
    target.write_text(yaml.safe_dump(rules, sort_keys=False))


@contextmanager
def watching(lab: Lab, address: str) -> Iterator[None]:
    """Prometheus with these rules in a hurry, over a daemon at `address`."""
    for source in (RULES, ALERTS):
        hasten(source, lab.shared / source.name)
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(lab.shared / source.name) for source in (RULES, ALERTS)],
        "scrape_configs": [{"job_name": "ftr", "static_configs": [{"targets": [address]}]}],
    }
    path = lab.shared / "prometheus.yml"
    path.write_text(yaml.safe_dump(config))
    process = lab.popen(
        [
            *("prometheus", f"--config.file={path}", "--web.listen-address=127.0.0.1:9090"),
            f"--storage.tsdb.path={lab.shared / 'tsdb'}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def ask(path: str, **parameters: str) -> Any:
    """The data of an answer of Prometheus' API; any error of the query raises."""
    url = f"{WEB}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        found = json.load(answer)
    assert found["status"] == "success"
    assert not found.get("warnings")
    return found["data"]


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, ask("alerts")
        time.sleep(0.2)


def all_rules_are_well() -> bool:
    """Whether every rule has been evaluated; fails where one could not be."""
    rules = [rule for group in ask("rules")["groups"] for rule in group["rules"]]
    assert not [(rule["name"], rule["lastError"]) for rule in rules if rule.get("lastError")]
    return len(rules) == len(rules_of(RULES, ALERTS)) and {r["health"] for r in rules} == {"ok"}


@needs_prometheus
def test_alerts_over_the_daemon(lab_factory: LabFactory) -> None:
    """Nothing fires in quiet; a silent target is told, then a changed route, and nothing else."""
    lab = lab_factory("small")
    config = """
        defaults: {interval: 1s, timeout: 500ms, probes: 2}
        enrichment: {rdns: false, asn: {source: none}}
        targets: [{name: web, host: 192.0.2.1}, {name: mail, host: 192.0.2.2}]
    """
    silent = 'ALERTS{alertname="FtrTargetUnreachable", target="web", alertstate="%s"}'
    with running(lab, config) as daemon, watching(lab, daemon.address):
        until("ftr_target_reached == 1", 2)
        wait_for(all_rules_are_well)
        queries = [*readme_queries(), *runbook_queries()]
        assert len(queries) > 40
        for expression in queries:
            ask("query", query=expression)
        # Prometheus knows its targets after five seconds: until then none seems to be there.
        until("count_over_time(up[30s]) > 24 and min_over_time(up[30s]) == 1", 1)
        assert query("count_over_time(ALERTS[20s])") == []

        lab.set_target("web", icmp="silent")
        until(silent % "pending", 1)
        until(silent % "firing", 1)
        told = [alert for alert in ask("alerts")["alerts"] if alert["state"] == "firing"]
        assert [alert["labels"]["target"] for alert in told] == ["web"]
        assert "hop 3: 192.0.2.254" in told[0]["annotations"]["description"]

        lab.set_target("web", icmp="reply")
        until('ALERTS{target="web", alertstate="firing"}', 0)
        lab.set_target("mail", path=["gw", "a", "edge"])
        until('ALERTS{alertname="FtrRouteChanged", target="mail", alertstate="firing"}', 1)
        assert (
            query('count_over_time(ALERTS{target="mail", alertname!="FtrRouteChanged"}[1m])') == []
        )
        assert (
            query('count_over_time(ALERTS{target="web", alertname=~"Ftr(Route|Path).*"}[1m])') == []
        )
