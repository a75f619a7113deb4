"""What Grafana makes of an answer of Prometheus, and its transformations, by its own library."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tests.boards import ROOT, Json

MODULES = ROOT / ".venv" / "node" / "node_modules"
PROGRAM = ROOT / "tests" / "grafana" / "transform.cjs"
WHY_NOT = (
    "no node on this machine; install it (Debian: apt install nodejs npm)"
    if shutil.which("node") is None
    else "Grafana's data library is not installed; run: make .venv/.node (needs npm)"
    if not (MODULES / "@grafana" / "data").exists()
    else ""
)
needs_library = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame after its transformations: columns by the name that people see, and by their own."""

    ref: str | None
    shown: dict[str, list[Any]]
    fields: dict[str, list[Any]]

    def rows(self) -> list[dict[str, Any]]:
        """Its rows, by the names that people see."""
        columns = self.shown.values()
        return [dict(zip(self.shown, row, strict=True)) for row in zip(*columns, strict=True)]


def as_table(ref: str, series: Sequence[Json], *, others: bool) -> Json:
    """The frame of an instant vector in table form: time, each label as a column, the value.

    The column of the value is named after the query where there are `others` in its panel. Labels
    that a series lacks are empty.
    """
    labels = sorted({label for each in series for label in each["metric"]})
    return {
        "refId": ref,
        "fields": [
            _field("Time", "time", [float(each["value"][0]) * 1000 for each in series]),
            *(
                _field(label, "string", [each["metric"].get(label, "") for each in series])
                for label in labels
            ),
            _field(
                f"Value #{ref}" if others else "Value",
                "number",
                [each["value"][1] for each in series],
            ),
        ],
    }


def _field(name: str, kind: str, values: list[Any]) -> Json:
    return {"name": name, "type": kind, "values": values}


def transform(cases: Sequence[tuple[Sequence[Json], Sequence[Json]]]) -> list[list[Frame]]:
    """Each of these transformations applied to its frames."""
    ready = [{"transformations": each, "frames": frames} for each, frames in cases]
    done = subprocess.run(
        ["node", str(PROGRAM)],
        input=json.dumps(ready),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "NODE_PATH": str(MODULES)},
    )
    assert done.returncode == 0, done.stderr
    return [[_frame(each) for each in frames] for frames in json.loads(done.stdout)]


def _frame(frame: Json) -> Frame:
    return Frame(
        frame["refId"],
        {each["displayName"]: each["values"] for each in frame["fields"]},
        {each["name"]: each["values"] for each in frame["fields"]},
    )
