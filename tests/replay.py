"""Pure: makes a file for `promtool test rules` of recorded series and of what must fire on them.

`tests/firing.py` says which alerts fire in each scenario, from which minute to which. The file asks
for exactly these: every label, the first minute, the last, and how often they begin, so that an
alert is wrong where it comes late, goes on, flaps, or is another one.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from tests.series import Values, lengthen, shorten
from tests.stage import Scenario

DIRECTORY = Path(__file__).parent.parent / "prometheus" / "tests" / "recorded"
FIRING = 'ALERTS{alertstate="firing"}'
GROUPS = (
    *("ftr-targets", "ftr-hops", "ftr-week", "ftr-exporter"),
    *("ftr-target-alerts", "ftr-path-alerts", "ftr-exporter-alerts"),
)
"""In this order they are evaluated; promtool would take any, and a minute more or less."""
WIDTH = 118
_VERSION = re.compile(r"# Recorded from ftr-exporter (\S+)")


@dataclass(frozen=True, slots=True)
class Recording:
    """The series that a version of the exporter gave, each with a value for each scrape."""

    version: str
    series: Mapping[str, Values]


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert with these labels: it fires at minute `first`, and for the last time at `last`.

    `times` says how often it begins; once means that it goes on all the while.
    """

    alert: str
    severity: str
    first: int
    last: int
    labels: Mapping[str, str]
    times: int = 1


@dataclass(frozen=True, slots=True)
class Told:
    """What an alert says at a minute at which it fires, to whoever is woken by it."""

    at: int
    firing: Firing
    summary: str
    description: str


def path_of(name: str) -> Path:
    """The file of a scenario."""
    return DIRECTORY / f"{name}.yml"


def read(path: Path, scenario: Scenario) -> Recording:
    """What was recorded, out of the file that `render` made."""
    text = path.read_text()
    version = _VERSION.search(text)
    assert version is not None, f"{path} is no recording"
    (group,) = yaml.safe_load(text)["tests"]
    series = {
        each["series"]: lengthen(each["values"])[:: scenario.minutes]
        for each in group["input_series"]
    }
    return Recording(version[1], series)


def render(
    name: str,
    scenario: Scenario,
    recording: Recording,
    firing: Sequence[Firing] = (),
    told: Sequence[Told] = (),
) -> str:
    """The file that holds a recording and what must fire on it."""
    head = (
        f"Recorded from ftr-exporter {recording.version} by `scripts/record-series {name}`: one "
        f"cycle and one scrape each {scenario.seconds:g} s, which are "
        f"{_plural(scenario.minutes, 'minute')} here. Not to be edited; what must fire is in "
        "tests/firing.py."
    )
    comment = textwrap.fill(head, WIDTH, initial_indent="# ", subsequent_indent="# ")
    group = {
        "name": scenario.says,
        "interval": "1m",
        "input_series": input_series(recording, scenario),
        **_alert_tests(told),
        "promql_expr_test": _timeline(firing, scenario),
    }
    return f"{comment}\n{document([group], scenario.evaluated)}"


def document(groups: Sequence[Mapping[str, Any]], evaluated: int) -> str:
    """A file of these groups of tests, whose rules are evaluated each so many minutes."""
    content = {
        "rule_files": ["../../rules.yml", "../../alerts.yml"],
        "evaluation_interval": f"{evaluated}m",
        "group_eval_order": list(GROUPS),
        "tests": list(groups),
    }
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=WIDTH, allow_unicode=True)


def input_series(
    recording: Recording, scenario: Scenario, missed: Collection[int] = ()
) -> list[dict[str, str]]:
    """The series as promtool takes them, but for the minutes that Prometheus missed."""
    return [
        {
            "series": name,
            "values": shorten([v for v in values for _ in range(scenario.minutes)], missed),
        }
        for name, values in recording.series.items()
    ]


def _plural(number: int, noun: str) -> str:
    return f"a {noun}" if number == 1 else f"{number} {noun}s"


def _alert_tests(told: Sequence[Told]) -> dict[str, Any]:
    ordered = sorted(told, key=lambda each: (each.at, each.firing.alert))
    tests = [
        {
            "alertname": alert,
            "eval_time": f"{at}m",
            "exp_alerts": [_expected(each) for each in group],
        }
        for (at, alert), group in groupby(ordered, lambda each: (each.at, each.firing.alert))
    ]
    return {"alert_rule_test": tests} if tests else {}


def _expected(told: Told) -> dict[str, Any]:
    labels = told.firing.labels
    annotations = {"summary": told.summary, "description": told.description}
    if told.firing.alert != "FtrExporterDown":
        page = f"targets/{labels['target']}" if "target" in labels else ""
        annotations["exporter_url"] = f"http://{labels['instance']}/{page}"
    annotations["runbook_url"] = f"docs/runbooks/{told.firing.alert}.md"
    return {
        "exp_labels": {"severity": told.firing.severity, **labels},
        "exp_annotations": annotations,
    }


def _timeline(firing: Sequence[Firing], scenario: Scenario) -> list[dict[str, Any]]:
    """The minutes in which alerts begin and end, and how often they begin."""
    end, step = _end(scenario), scenario.evaluated
    times = f"timestamp({FIRING})[{end + step}m:{step}m]"
    return [
        _query(f"min_over_time({times}) / 60", end, firing, [each.first for each in firing]),
        _query(f"max_over_time({times}) / 60", end, firing, [each.last for each in firing]),
        beginnings(firing, scenario),
    ]


def beginnings(firing: Sequence[Firing], scenario: Scenario) -> dict[str, Any]:
    """That these fire and no other, and how often they begin to, whenever that is."""
    end, step = _end(scenario), scenario.evaluated
    expression = (
        f"count_over_time(({FIRING} unless {FIRING} offset {step}m)[{end + step}m:{step}m])"
    )
    return _query(expression, end, firing, [each.times for each in firing])


def _end(scenario: Scenario) -> int:
    """The last minute at which rules are evaluated."""
    end = (scenario.scrapes - 1) * scenario.minutes
    return end - end % scenario.evaluated


def _query(
    expression: str, end: int, firing: Sequence[Firing], values: Sequence[int]
) -> dict[str, Any]:
    samples = [
        {"labels": _identity(each), "value": value}
        for each, value in zip(firing, values, strict=True)
    ]
    expected = {"exp_samples": samples} if samples else {}
    return {"expr": expression, "eval_time": f"{end}m", **expected}


def _identity(firing: Firing) -> str:
    """Every label of an alert that fires."""
    labels = {
        "alertname": firing.alert,
        "alertstate": "firing",
        "severity": firing.severity,
        **firing.labels,
    }
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


class _Dumper(yaml.SafeDumper):
    """YAML without aliases: nobody would find the one that changed."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
