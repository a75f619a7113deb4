"""Panels in Grafana's classic JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from grafana.queries import DATASOURCE, Json

Steps = Sequence[tuple[float | None, str]]

GOOD, WARN, BAD = "green", "orange", "red"
PLAIN: Steps = ((None, "text"),)
LOSS: Steps = ((None, GOOD), (0.01, WARN), (0.05, BAD))
ANY_IS_BAD: Steps = ((None, GOOD), (1, BAD))
ANY_IS_NEWS: Steps = ((None, "text"), (1, "blue"))
REACHED: list[Json] = [
    {
        "type": "value",
        "options": {
            "0": {"text": "not reached", "color": BAD, "index": 0},
            "1": {"text": "reached", "color": GOOD, "index": 1},
        },
    }
]


def panel(
    kind: str,
    title: str,
    about: str,
    targets: Sequence[Json],
    *,
    size: tuple[int, int],
    unit: str = "short",
    steps: Steps = PLAIN,
    options: Mapping[str, Any] | None = None,
    **more: Any,
) -> Json:
    """A panel of `size` (width of 24, height). `more` holds keys of the field defaults, or
    `overrides`, `links` and `transformations`."""
    overrides = more.pop("overrides", [])
    rest: Json = {key: more.pop(key) for key in ("links", "transformations") if key in more}
    return {
        "type": kind,
        "title": title,
        "description": " ".join(about.split()),
        "datasource": DATASOURCE,
        "gridPos": {"w": size[0], "h": size[1], "x": 0, "y": 0},
        "targets": list(targets),
        "fieldConfig": {
            "defaults": {"unit": unit, "thresholds": thresholds(steps), **more},
            "overrides": overrides,
        },
        "options": dict(options or {}),
        **rest,
    }


def thresholds(steps: Steps) -> Json:
    """Colours from values on; the first has none."""
    return {
        "mode": "absolute",
        "steps": [{"value": value, "color": color} for value, color in steps],
    }


def stat(title: str, about: str, target: Json, *, width: int = 4, **more: Any) -> Json:
    """One figure."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "none",
        "textMode": more.pop("text", "value"),
        "justifyMode": "auto",
        "orientation": "auto",
        "wideLayout": True,
    }
    return panel(
        "stat",
        title,
        about,
        [target],
        size=(width, 4),
        options=options,
        color={"mode": "thresholds"},
        **{"noValue": "-", **more},
    )


def lines(title: str, about: str, targets: Sequence[Json], *, width: int = 12, **more: Any) -> Json:
    """Values over time."""
    custom = {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 8,
        "showPoints": "auto",
        "spanNulls": False,
        **more.pop("custom", {}),
    }
    options = {
        "legend": {
            "displayMode": "table",
            "placement": "right" if width > 12 else "bottom",
            "calcs": ["lastNotNull", "max"],
            "showLegend": True,
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return panel(
        "timeseries",
        title,
        about,
        targets,
        size=(width, more.pop("height", 8)),
        options=options,
        **{"custom": custom, "color": {"mode": "palette-classic"}, "min": 0, **more},
    )


def bars(title: str, about: str, target: Json, *, width: int = 8, **more: Any) -> Json:
    """A bar for each series, the longest first."""
    options = {
        "displayMode": "basic",
        "orientation": "horizontal",
        "valueMode": "color",
        "namePlacement": "left",
        "showUnfilled": True,
        "sizing": "auto",
        "minVizHeight": 16,
        "minVizWidth": 8,
        "maxVizHeight": 32,
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    return panel(
        "bargauge",
        title,
        about,
        [target],
        size=(width, 9),
        options=options,
        **{"min": 0, "color": {"mode": "thresholds"}, **more},
    )


def timeline(title: str, about: str, target: Json, *, size: tuple[int, int], **more: Any) -> Json:
    """A row for each series, its states in colours."""
    options = {
        "showValue": "never",
        "mergeValues": True,
        "rowHeight": 0.85,
        "alignValue": "left",
        "legend": {
            "showLegend": more.pop("legend", False),
            "displayMode": "list",
            "placement": "bottom",
        },
        "tooltip": {"mode": "single", "sort": "none"},
    }
    custom = {"lineWidth": 0, "fillOpacity": 80, "spanNulls": False, "insertNulls": False}
    return panel(
        "state-timeline", title, about, [target], size=size, options=options, custom=custom, **more
    )


def table(
    title: str,
    about: str,
    targets: Sequence[Json],
    *,
    size: tuple[int, int],
    sort: str,
    **more: Any,
) -> Json:
    """Rows and columns, sorted by the column of this name; `descending` turns that round."""
    options = {
        "showHeader": True,
        "cellHeight": "sm",
        "sortBy": [{"displayName": sort, "desc": more.pop("descending", False)}],
    }
    custom = {"align": "auto", "filterable": True, "cellOptions": {"type": "auto"}}
    return panel("table", title, about, targets, size=size, options=options, custom=custom, **more)


def merge(names: Mapping[str, str], *hidden: str, numbers: Sequence[str] = ()) -> list[Json]:
    """Transformations: the rows of all queries joined by the labels that they share, with the
    columns in this order and of these names, but without those that are hidden."""
    converted = [{"targetField": each, "destinationType": "number"} for each in numbers]
    convert = {"id": "convertFieldType", "options": {"fields": {}, "conversions": converted}}
    return [
        {"id": "merge", "options": {}},
        *([convert] if converted else []),
        {
            "id": "organize",
            "options": {
                "excludeByName": dict.fromkeys(("Time", *hidden), True),
                "indexByName": {each: index for index, each in enumerate(names)},
                "renameByName": dict(names),
            },
        },
    ]


def column(name: str, **properties: Any) -> Json:
    """An override for the field of this name; `custom__width` stands for `custom.width`."""
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [
            {"id": key.replace("__", "."), "value": value} for key, value in properties.items()
        ],
    }


def coloured(unit: str, steps: Steps, *, decimals: int | None = None) -> Json:
    """Properties of a column whose figures are in the colour of their threshold."""
    return {
        "unit": unit,
        **({} if decimals is None else {"decimals": decimals}),
        "thresholds": thresholds(steps),
        "color": {"mode": "thresholds"},
        "custom__cellOptions": {"type": "color-text"},
    }
