"""Writes `grafana/dashboards/*.json`: `python -m grafana`."""

from __future__ import annotations

import json
from pathlib import Path

from grafana import health, overview, path
from grafana.queries import Json

DIRECTORY = Path(__file__).parent / "dashboards"


def dashboards() -> dict[str, Json]:
    """Each dashboard by its uid, which is also the name of its file."""
    made = [overview.dashboard(), path.dashboard(), health.dashboard()]
    return {each["uid"]: each for each in made}


def as_text(dashboard: Json) -> str:
    """What the file of a dashboard holds."""
    return json.dumps(dashboard, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write every dashboard."""
    for uid, each in dashboards().items():
        (DIRECTORY / f"{uid}.json").write_text(as_text(each))


if __name__ == "__main__":
    main()
