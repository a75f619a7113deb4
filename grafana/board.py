"""Dashboards in Grafana's classic JSON: variables, annotations, links and the grid. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from grafana.queries import DATASOURCE, Json

WHO = "job, instance, target, family, protocol"
TAG = "ftr-exporter"
LABELS = {
    "job": "Job",
    "instance": "Exporter",
    "target": "Target",
    "family": "Family",
    "protocol": "Protocol",
}
PATH_LINK: Json = {
    "title": "Path to ${__data.fields.target}",
    "url": "/d/ftr-path?${__url_time_range}"
    + "".join(f"&var-{each}=${{__data.fields.{each}:percentencode}}" for each in LABELS),
}
PAGE_LINK: Json = {
    "title": "The exporter's own page",
    "url": "http://${__data.fields.instance}/targets/${__data.fields.target:percentencode}",
    "targetBlank": True,
}


def dashboard(
    uid: str,
    title: str,
    about: str,
    variables: Sequence[Json],
    panels: Sequence[Json],
    *,
    annotations: Sequence[Json] = (),
    links: Sequence[Json] = (),
) -> Json:
    """A dashboard with its panels laid out row by row."""
    return {
        "uid": uid,
        "title": title,
        "description": about,
        "tags": [TAG],
        "schemaVersion": 42,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_datasource(), *variables]},
        "annotations": {"list": list(annotations)},
        "links": [_siblings(), *links],
        "panels": _laid_out(panels),
    }


def _laid_out(panels: Sequence[Json]) -> list[Json]:
    placed, x, y, tallest = [], 0, 0, 0
    for number, each in enumerate(panels, 1):
        wide, tall = each["gridPos"]["w"], each["gridPos"]["h"]
        if x + wide > 24:
            x, y, tallest = 0, y + tallest, 0
        placed.append({"id": number, **each, "gridPos": {"w": wide, "h": tall, "x": x, "y": y}})
        x, tallest = x + wide, max(tallest, tall)
    return placed


def row(title: str) -> Json:
    """A heading across the whole width."""
    return {
        "type": "row",
        "title": title,
        "collapsed": False,
        "gridPos": {"w": 24, "h": 1, "x": 0, "y": 0},
        "panels": [],
    }


def _datasource() -> Json:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "regex": "",
        "hide": 0,
        "multi": False,
        "includeAll": False,
    }


def choices(name: str, metric: str, *, every: bool) -> Json:
    """A variable with the values of a label; `every` lets people choose several, or all."""
    query = f"label_values({metric}, {name})"
    return {
        "name": name,
        "label": LABELS[name],
        "type": "query",
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor"},
        "refresh": 2,
        "sort": 1,
        "regex": "",
        "hide": 0,
        "multi": every,
        "includeAll": every,
        **({"current": {"text": ["All"], "value": ["$__all"]}} if every else {}),
    }


def step() -> Json:
    """A variable: the longest interval of the targets in view."""
    values = ("1m", "5m", "10m", "30m")
    return {
        "name": "step",
        "label": "Interval",
        "description": "No shorter than the interval of the targets in view: rates are taken over "
        "four of these at least.",
        "type": "custom",
        "query": ",".join(values),
        "current": {"text": values[0], "value": values[0]},
        "options": [
            {"text": each, "value": each, "selected": each == values[0]} for each in values
        ],
        "hide": 0,
        "multi": False,
        "includeAll": False,
    }


def filters() -> Json:
    """A variable: any other labels, those of the targets' own among them."""
    return {
        "name": "filters",
        "label": "Other labels",
        "type": "adhoc",
        "datasource": DATASOURCE,
        "hide": 0,
    }


def events(name: str, color: str, expr: str, title: str, text: str, *, at_value: bool) -> Json:
    """An annotation: where an expression is above 0, or at the times that it gives (ms)."""
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": color,
        "expr": " ".join(expr.split()),
        "step": "60s",
        "titleFormat": title,
        "textFormat": text,
        "tagKeys": "target,instance",
        "useValueForTime": at_value,
    }


def _siblings() -> Json:
    return {
        "type": "dashboards",
        "title": "Traceroute",
        "tags": [TAG],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }


def link(title: str, url: str, tooltip: str) -> Json:
    """A link in the head of a dashboard."""
    return {
        "type": "link",
        "title": title,
        "url": url,
        "tooltip": tooltip,
        "icon": "external link",
        "tags": [],
        "asDropdown": False,
        "includeVars": False,
        "keepTime": False,
        "targetBlank": True,
    }
