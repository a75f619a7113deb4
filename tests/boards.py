"""The dashboards as files, and their queries as Grafana would send them. Pure but for the files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
DIRECTORY = ROOT / "grafana" / "dashboards"
UIDS = ("ftr-overview", "ftr-path", "ftr-exporter")
ALL = ".+"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel, or of an annotation."""

    board: str
    title: str
    ref: str
    expr: str
    instant: bool
    form: str

    @property
    def name(self) -> str:
        """How the tables of the tests call it."""
        return self.title if self.ref == "A" else f"{self.title}/{self.ref}"


def load(uid: str) -> Json:
    """The dashboard in the file of this name."""
    board: Json = json.loads((DIRECTORY / f"{uid}.json").read_text())
    return board


def panels(uid: str) -> list[Json]:
    """The panels of a dashboard, rows left out."""
    return [each for each in load(uid)["panels"] if each["type"] != "row"]


def queries(uid: str) -> Iterator[Query]:
    """Every query of every panel of a dashboard."""
    for panel in panels(uid):
        for target in panel["targets"]:
            yield Query(
                uid,
                panel["title"],
                target["refId"],
                target["expr"],
                target["instant"],
                target["format"],
            )


def marks(uid: str) -> list[Json]:
    """The annotations of a dashboard."""
    found: list[Json] = load(uid)["annotations"]["list"]
    return found


def variables(uid: str) -> list[Json]:
    """The variables of a dashboard that have labels as values, in their order."""
    return [each for each in load(uid)["templating"]["list"] if each["type"] == "query"]


def substituted(expr: str, values: Mapping[str, str]) -> str:
    """An expression with its variables replaced; a variable without a value is an error."""
    return re.sub(r"\$([a-z_]\w*)", lambda found: values[found[1]], expr)
