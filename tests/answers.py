"""What Prometheus answers to the dashboards after a run, and what Grafana would do with that."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests import boards
from tests.boards import ALL, UIDS, Json, Query
from tests.frames import as_table
from tests.scraping import label_values, query, query_range
from tests.vantage import Run

PATHS = {
    "web": "ipv4",
    "mail": "ipv4",
    "shop": "ipv4",
    "files": "ipv6",
    "gone": "ipv4",
    "nowhere": "ipv4",
}
"""The targets that the dashboard of one path is asked about, and the family."""

Series = list[Json]


def places() -> Iterator[tuple[str, str]]:
    """Each dashboard, and each path that it is asked about; none where it is about all."""
    for uid in UIDS:
        for path in PATHS if uid == "ftr-path" else ("",):
            yield uid, path


@dataclass
class Answers:
    """All that Prometheus answered: by dashboard, path (empty where it is about all) and query."""

    run: Run
    series: dict[tuple[str, str, str], Series] = field(default_factory=dict)
    events: dict[tuple[str, str, str], Series] = field(default_factory=dict)
    choices: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def gather(self, uid: str, path: str) -> None:
        """Ask all that a dashboard asks."""
        values = {each["name"]: ALL for each in boards.variables(uid)} | self.run.times()
        if path:
            values = self.run.path(path, PATHS[path])
        for each in boards.queries(uid):
            self.series[uid, path, each.name] = self._ask(each, values)
        for mark in boards.marks(uid):
            expr = boards.substituted(mark["expr"], values)
            found = query_range(expr, self.run.start, self.run.end, 1)
            self.events[uid, path, mark["name"]] = found
        for variable in boards.variables(uid):
            wanted = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["definition"])
            assert wanted
            metric = boards.substituted(wanted[1], values)
            self.choices[uid, variable["name"]] = label_values(metric, wanted[2])

    def _ask(self, asked: Query, values: dict[str, str]) -> Series:
        expr = boards.substituted(asked.expr, values)
        if asked.instant:
            return query(expr, self.run.end)
        return query_range(expr, self.run.start, self.run.end, 1)

    def frames(self, uid: str, path: str, panel: Json) -> list[Json]:
        """What Grafana would make of the answers to a table's queries."""
        asked = [each for each in boards.queries(uid) if each.title == panel["title"]]
        return [
            as_table(each.ref, self.series[uid, path, each.name], others=len(asked) > 1)
            for each in asked
        ]


def values_of(series: Series) -> list[float]:
    """All values of an instant or a range vector."""
    return [
        float(value)
        for each in series
        for _, value in (each["values"] if "values" in each else [each["value"]])
    ]


def unit_of(panel: Json, ref: str) -> str:
    """The unit in which a panel shows the values of a query."""
    if panel["type"] == "nodeGraph":
        return str(panel["options"][ref]["mainStatUnit"])
    unit = str(panel["fieldConfig"]["defaults"]["unit"])
    if panel["type"] == "heatmap":
        return str(panel["options"]["yAxis"]["unit"])
    shown = shown_names(panel)
    column = shown.get(f"Value #{ref}", shown.get("Value"))
    for override in panel["fieldConfig"]["overrides"]:
        if override["matcher"]["options"] == column:
            units = [each["value"] for each in override["properties"] if each["id"] == "unit"]
            unit = units[0] if units else unit
    return unit


def shown_names(panel: Json) -> dict[str, str]:
    """What a table calls its columns."""
    names: dict[str, str] = {}
    for each in panel.get("transformations", []):
        names |= each["options"].get("renameByName", {})
    return names


def moments(annotation: Json, series: Json) -> list[float]:
    """The events that Grafana makes of a series, by their beginnings in Unix seconds.

    Times that are not further apart than the step are one event.
    """
    if annotation["useValueForTime"]:
        times = [float(value) / 1000 for _, value in series["values"]]
    else:
        times = [moment for moment, value in series["values"] if float(value) > 0]
    begun: list[float] = []
    latest = -math.inf
    for moment in times:
        if moment > latest + 60:
            begun.append(moment)
        latest = moment
    return begun
