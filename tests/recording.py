"""Records what rules see: the daemon in the lab, scraped once a cycle while a scenario plays.

    scripts/record-series [SCENARIO...]         all of tests/scenarios.py, or those named

Time is short in the lab and long in the rules: a cycle a second is recorded, and each scrape stands
for a minute when it is replayed, or for five (`Scenario.minutes`). So windows of rules hold as many
cycles as those of a target with that interval. What is counted per cycle or per packet stays
as it is: counters, round trips, loss, sizes. Points in time (metrics that end in
`_timestamp_seconds`) are moved and stretched: seconds from the first scrape, as the replay counts
them. A scrape that fails is `up` 0, and ends every series, as in Prometheus.

Alerts begin and end in the same minutes when recorded again, so far, but for a minute of the one on
lists; what `tests/telling.py` has of seconds and ratios is of one recording, and has to be written
anew with it.

Only what the rules and the texts of alerts ask for is kept (`Scenario.keeps`), to a microsecond.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from exporter import __version__
from exporter.errors import FtrError
from tests.daemon import Scrape
from tests.firing import FIRING
from tests.lab import namespace
from tests.lab.lab import Lab
from tests.replay import Recording, path_of, render
from tests.scenarios import SCENARIOS
from tests.series import name_series
from tests.stage import INSTANCE, JOB, WORLD, Scenario, Stage
from tests.telling import TOLD

RULES = Path(__file__).parent.parent / "prometheus"
LABELS = ("job", "instance", "target", "family", "protocol")
PATIENCE = 20.0


class TooBusy(FtrError):
    """This machine was too slow for a recording to mean anything."""


def metrics_of_rules(pattern: str) -> frozenset[str]:
    """The exporter's metrics that a rule or the text of an alert asks for, those that match."""
    texts = [(RULES / name).read_text() for name in ("rules.yml", "alerts.yml")]
    names = re.findall(r"(?<![\w:])ftr_\w+", "\n".join(texts))
    return frozenset(name for name in names if re.search(pattern, name))


@dataclass(slots=True)
class Recorder:
    """Gathers the values of each series, one for each scrape."""

    scenario: Scenario
    wanted: frozenset[str]
    started: float = 0.0
    _taken: int = 0
    _series: dict[str, dict[int, float]] = field(default_factory=dict)

    def take(self, scrape: Scrape | None) -> None:
        """Add a scrape, or one that failed."""
        own = {"job": JOB, "instance": INSTANCE}
        self._add(name_series("up", own), float(scrape is not None))
        samples = {} if scrape is None else scrape.samples
        for metric in sorted(self.wanted & samples.keys()):
            for key, value in samples[metric].items():
                labels = {**own, **dict(key)}
                ordered = sorted(labels, key=lambda each: (_order(each), each))
                named = name_series(metric, {each: labels[each] for each in ordered})
                self._add(named, self._translated(metric, value))
        self._taken += 1

    def _add(self, name: str, value: float) -> None:
        self._series.setdefault(name, {})[self._taken] = value

    def _translated(self, metric: str, value: float) -> float:
        if not metric.endswith("_timestamp_seconds"):
            return value
        return round((value - self.started) / self.scenario.seconds * self.scenario.minutes * 60)

    def recording(self) -> Recording:
        """All that was taken."""
        indices = range(self._taken)
        series = {name: [taken.get(i) for i in indices] for name, taken in self._series.items()}
        return Recording(__version__, dict(sorted(series.items(), key=_hop_after_hop)))


def _order(label: str) -> int:
    return LABELS.index(label) if label in LABELS else len(LABELS)


def _hop_after_hop(series: tuple[str, object]) -> tuple[str, ...]:
    return tuple(re.sub(r"\b(\d)\b", r"0\1", series[0]).split("{", 1))


def record(scenario: Scenario, lab: Lab, slack: float = 0.5) -> Recording:
    """Play a scenario in a lab of its own, in the time that it takes.

    Raises `TooBusy` where a scrape is late by more than `slack`, a share of the time between two.
    """
    recorder = Recorder(scenario, metrics_of_rules(scenario.keeps))
    stage = Stage(lab, scenario.config(), keeps_history=scenario.keeps_history)
    with closing(stage):
        stage.start_names()
        stage.start()
        _wait_for(stage)
        due, recorder.started = time.monotonic(), time.time()
        for index in range(scenario.scrapes):
            late = time.monotonic() - due
            if late > slack * scenario.seconds:
                raise TooBusy(f"scrape {index} was {late:.2f} s late")
            time.sleep(max(0.0, -late))
            recorder.take(stage.scrape(slack * scenario.seconds))
            for event in scenario.events.get(index, ()):
                event(stage)
            due += scenario.seconds
    return recorder.recording()


def _wait_for(stage: Stage) -> None:
    deadline = time.monotonic() + PATIENCE
    while stage.scrape(PATIENCE) is None:
        if time.monotonic() > deadline:
            raise FtrError((stage.lab.shared / "daemon.log").read_text())
        time.sleep(0.05)


def main(names: Sequence[str]) -> int:
    """Record these scenarios, or all of them, and write what promtool tests."""
    namespace.enter()
    for name in names or SCENARIOS:
        scenario = SCENARIOS[name]
        print(f"{name}: {scenario.scrapes * scenario.seconds:.0f} s", flush=True)
        with Lab(WORLD, ping_sockets=scenario.ping_sockets) as lab:
            recording = record(scenario, lab)
        expected = FIRING.get(name, ()), TOLD.get(name, ())
        path_of(name).write_text(render(name, scenario, recording, *expected))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
