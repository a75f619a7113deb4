"""Queries in Grafana's classic JSON. Pure."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}


def ask(expr: str, ref: str = "A", *, legend: str = "", form: str = "time_series") -> Json:
    """A query over the range, at least a cycle (`$step`) from point to point."""
    return {
        **_target(expr, ref, legend, form),
        "range": True,
        "instant": False,
        "interval": "$step",
    }


def ask_now(expr: str, ref: str = "A", *, legend: str = "", form: str = "time_series") -> Json:
    """A query at the end of the range alone."""
    return {**_target(expr, ref, legend, form), "range": False, "instant": True}


def ask_rows(expr: str, ref: str = "A") -> Json:
    """A query at the end of the range alone, a row for each series and a column for each label."""
    return ask_now(expr, ref, form="table")


def _target(expr: str, ref: str, legend: str, form: str) -> Json:
    return {
        "refId": ref,
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": " ".join(expr.split()),
        "legendFormat": legend,
        "format": form,
    }
