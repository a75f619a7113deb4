"""Rules and alerts on what the daemon gave while networks went wrong, in minutes as recorded.

`scripts/record-series` records; nothing here does but one short scenario.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.conftest import LabFactory
from tests.firing import FIRING
from tests.recording import metrics_of_rules, record
from tests.replay import beginnings, document, input_series, path_of, read, render
from tests.scenarios import SCENARIOS
from tests.stage import JOB, WORLD, Scenario, hop, target
from tests.telling import TOLD
from tests.test_rules import CHURNING, alerts, needs_promtool, promtool

NOT_RECORDED = {
    "FtrSchedulerLag": "needs a host that is short of CPU, by the same measure each time",
    "FtrResponseProcessingSlow": "needs a host that is short of CPU, by the same measure each time",
}

every_scenario = pytest.mark.parametrize("name", SCENARIOS)


@every_scenario
def test_file_is_current(name: str) -> None:
    """What is stored is what the generator makes of the recording and of the tables."""
    path, scenario = path_of(name), SCENARIOS[name]
    recording = read(path, scenario)
    assert all(len(values) <= scenario.scrapes for values in recording.series.values())
    made = render(name, scenario, recording, FIRING[name], TOLD.get(name, ()))
    assert made == path.read_text(), "run: python -m tests.telling"


def test_no_file_is_left_over() -> None:
    """Each file has its scenario."""
    assert {path.stem for path in path_of("").parent.glob("*.yml")} == set(SCENARIOS)


@needs_promtool
@every_scenario
def test_what_fires_and_from_when_to_when(name: str) -> None:
    """As scraped: these alerts, with these labels, in these minutes, and no other."""
    promtool("test", "rules", path_of(name))


@needs_promtool
@every_scenario
def test_missed_scrapes_change_nothing(name: str, tmp_path: Path) -> None:
    """Prometheus missed one scrape in seven, and four in a row: the same alerts, as often."""
    scenario = SCENARIOS[name]
    minutes = scenario.scrapes * scenario.minutes
    middle = minutes // 21 * 7
    missed = {*range(6, minutes, 7), *range(middle + 1, middle + 5)}
    series = input_series(read(path_of(name), scenario), scenario, missed)
    tests = [beginnings(FIRING[name], scenario)]
    group = {"interval": "1m", "input_series": series, "promql_expr_test": tests}
    rules = path_of(name).parent.parent.parent
    text = document([group], scenario.evaluated).replace("../../", f"{rules}/")
    file = tmp_path / "missed.yml"
    file.write_text(text)
    promtool("test", "rules", file)


def test_every_alert_fires_on_a_recording() -> None:
    """But for those of which it is said why not; and none has a label that moves with a path."""
    firings = [firing for each in FIRING.values() for firing in each]
    assert not any(CHURNING & firing.labels.keys() for firing in firings)
    fired = {firing.alert for firing in firings}
    assert fired | set(NOT_RECORDED) == {alert["alert"] for alert in alerts()}
    assert not fired & set(NOT_RECORDED)


@pytest.mark.parametrize("name", ["steady", "trouble", "restart", "forgetful"])
def test_nothing_fires_without_a_reason(name: str) -> None:
    """Routers that limit, lose or give no answers, a lost cycle, restarts: nobody is woken."""
    assert not FIRING[name]


def test_recorder_records(lab_factory: LabFactory) -> None:
    """A router is replaced and a link is lost: both are in the series, read back from the file."""
    scenario = Scenario(
        "A router is replaced",
        {"web": {"labels": {"site": "home"}}},
        scrapes=16,
        events={
            3: (target("web", path=["gw", "core2", "edge"]),),
            10: (hop("gw", blackhole=True),),
        },
        seconds=0.5,
    )
    recording = record(scenario, lab_factory(WORLD), slack=10)
    names = {name.partition("{")[0] for name in recording.series}
    assert {"up", "ftr_path_changes_total", "ftr_hop_info"} <= names
    assert names <= {"up", *metrics_of_rules(scenario.keeps)}
    series = {
        name.partition("{")[0]: values
        for name, values in recording.series.items()
        if "hop=" not in name
    }
    assert series["up"] == [1.0] * 16
    assert series["ftr_path_changes_total"][-1] == 1
    assert series["ftr_target_reached"][-1] == 0
    at = series["ftr_path_last_change_timestamp_seconds"][-1]
    assert at is not None
    assert 3 * 60 <= at < 11 * 60
    (name,) = (each for each in recording.series if each.startswith("ftr_path_changes_total"))
    assert name.startswith(f'ftr_path_changes_total{{job="{JOB}", instance=')
    assert name.endswith('target="web", family="ipv4", protocol="icmp", site="home"}')
    text = render("web", scenario, recording)
    (group,) = yaml.safe_load(text)["tests"]
    assert {each["series"] for each in group["input_series"]} == recording.series.keys()
