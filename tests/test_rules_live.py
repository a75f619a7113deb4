"""Rules and alerts in a real Prometheus over the daemon, while the network around it changes.

A minute of the rules takes a second here, so that nobody waits for half an hour: `hasten` copies
them with every duration divided by 60.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import LabFactory
from tests.daemon import running
from tests.lab.lab import Lab
from tests.scraping import WEB, query, until
from tests.test_rules import (
    ALERTS,
    CHURNING,
    RULES,
    needs_prometheus,
    readme_queries,
    rules_of,
    runbook_queries,
)


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


class Prometheus:
    """Prometheus with these rules in a hurry, over a daemon at `address`."""

    def __init__(self, lab: Lab, address: str) -> None:
        self._lab = lab
        files = [lab.shared / source.name for source in (RULES, ALERTS)]
        for source, target in zip((RULES, ALERTS), files, strict=True):
            hasten(source, target)
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(file) for file in files],
            "scrape_configs": [{"job_name": "ftr", "static_configs": [{"targets": [address]}]}],
        }
        (lab.shared / "prometheus.yml").write_text(yaml.safe_dump(config))
        self._start()

    def _start(self) -> None:
        shared = self._lab.shared
        self._process = self._lab.popen(
            [
                *("prometheus", f"--config.file={shared / 'prometheus.yml'}"),
                *("--web.listen-address=127.0.0.1:9090", f"--storage.tsdb.path={shared / 'tsdb'}"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def restart(self) -> None:
        """Stop and start it; it keeps its series."""
        self.close()
        self._start()

    def close(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait(20)


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


def fired(alert: str) -> set[str]:
    """The targets for which this alert has fired, ever since Prometheus keeps series."""
    series = ask("query", query=f'count_over_time(ALERTS{{alertname="{alert}"}}[1h])')["result"]
    return {each["metric"]["target"] for each in series if each["metric"]["alertstate"] == "firing"}


def other_alerts(*names: str) -> list[dict[str, Any]]:
    """What else has fired, or was about to.

    FtrExporterDown is left to promtool: Prometheus knows its targets after five seconds, which are
    five minutes here.
    """
    known = "|".join(("FtrExporterDown", *names))
    return query(f'count_over_time(ALERTS{{alertname!~"{known}"}}[1h])')


CONFIG = """
defaults: {interval: 1s, timeout: 300ms, probes: 2}
enrichment: {rdns: false, asn: {source: none}}
targets:
  - {name: web, host: 192.0.2.1}
  - {name: mail, host: 192.0.2.2, labels: {site: home}}
  - {name: shop, host: 192.0.2.3}
"""


@needs_prometheus
def test_alerts_over_the_daemon(lab_factory: LabFactory) -> None:
    """Routers that limit, lose or give no answers: nothing fires. A target falls silent and another

    route changes: each is told once and ends. Prometheus is restarted: nothing fires again.
    """
    lab = lab_factory("alerts")
    silent = 'ALERTS{alertname="FtrTargetUnreachable", target="web", alertstate="%s"}'
    changed = 'ALERTS{alertname="FtrRouteChanged", alertstate="firing"}'
    with (
        running(lab, CONFIG) as daemon,
        closing(Prometheus(lab, daemon.address)) as prometheus,
    ):
        until("ftr_target_reached == 1", 3)
        wait_for(all_rules_are_well)
        queries = [*readme_queries(), *runbook_queries()]
        assert len(queries) > 40
        for expression in queries:
            ask("query", query=expression)
        until("count_over_time(up[30s]) > 24 and min_over_time(up[30s]) == 1", 1)
        assert other_alerts() == []

        lab.set_target("web", icmp="silent")
        lab.set_target("mail", path=["gw", "core2", "b", "edge"])
        (seen,) = until(changed, 1)
        assert seen["metric"]["target"] == "mail"
        assert seen["metric"]["site"] == "home"
        assert not seen["metric"].keys() & CHURNING
        until(silent % "pending", 1)
        until(silent % "firing", 1)
        told = {
            alert["labels"]["alertname"]: alert["annotations"]
            for alert in ask("alerts")["alerts"]
            if alert["state"] == "firing"
        }
        assert told.keys() == {"FtrTargetUnreachable", "FtrRouteChanged"}
        assert "hop 3: 192.0.2.254" in told["FtrTargetUnreachable"]["description"]
        page = told["FtrTargetUnreachable"]["exporter_url"]
        assert page == f"http://{daemon.address}/targets/web"
        assert ">web</h1>" in daemon.get("/targets/web")

        lab.set_target("web", icmp="reply")
        until('ALERTS{target="web", alertstate="firing"}', 0)
        until(changed, 0, 60)
        prometheus.restart()
        until("count_over_time(up[12s]) > 10 and min_over_time(up[12s]) == 1", 1)
        assert fired("FtrRouteChanged") == {"mail"}
        assert fired("FtrTargetUnreachable") == {"web"}
        # When an alert became active: a second time would be another.
        assert query('changes(ALERTS_FOR_STATE{alertname="FtrRouteChanged"}[1h]) > 0') == []
        assert other_alerts("FtrRouteChanged", "FtrTargetUnreachable") == []
