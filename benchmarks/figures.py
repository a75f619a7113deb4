"""Pure: what was measured in several runs, summed up and written as Markdown tables or JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median


@dataclass(frozen=True, slots=True)
class Column:
    """A figure that every row may have; `digits` is how many follow the decimal point."""

    name: str
    unit: str = ""
    digits: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was measured: by column name, one value for each run, in the column's unit."""

    what: str
    figures: Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Table:
    """Figures that belong together; `notes` say under which conditions they were taken."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


def ratios(values: Sequence[float], floor: Sequence[float]) -> list[float]:
    """Each run's value in multiples of the floor's in the same run."""
    return [value / base for value, base in zip(values, floor, strict=True)]


def quantile(values: Sequence[float], share: float) -> float:
    """The least value that at least `share` of all values do not exceed."""
    ordered = sorted(values)
    rank = -int(-share * len(ordered) // 1)
    return ordered[max(0, rank - 1)]


def histogram_quantile(buckets: Mapping[float, float], share: float) -> float:
    """Prometheus' `histogram_quantile`: linear within a bucket of cumulative counts by bound.

    Where the quantile is beyond the last finite bound, that bound is the answer.
    """
    ordered = [(0.0, 0.0), *sorted(buckets.items())]
    rank = share * ordered[-1][1]
    for (low, below), (high, count) in pairwise(ordered):
        if count >= rank and count > below:
            if high == float("inf"):
                return low
            return low + (high - low) * (rank - below) / (count - below)
    return ordered[-1][0]


def markdown(table: Table) -> str:
    """The table with the median of all runs, and the least and the greatest in brackets."""
    heads = [
        "",
        *(f"{each.name}, {each.unit}" if each.unit else each.name for each in table.columns),
    ]
    lines = [f"### {table.title}", "", _line(heads), _line(["---", *["---:"] * len(table.columns)])]
    for row in table.rows:
        cells = [_cell(row.figures.get(each.name, ()), each.digits) for each in table.columns]
        lines.append(_line([row.what, *cells]))
    if table.notes:
        lines += ["", *(f"- {note}" for note in table.notes)]
    return "\n".join(lines) + "\n"


def as_json(table: Table) -> dict[str, object]:
    """The same with every run's values, for programs."""
    return {
        "title": table.title,
        "units": {each.name: each.unit for each in table.columns},
        "rows": [
            {
                "what": row.what,
                "figures": {name: list(values) for name, values in row.figures.items()},
                "medians": {name: median(values) for name, values in row.figures.items() if values},
            }
            for row in table.rows
        ],
        "notes": list(table.notes),
    }


def _cell(values: Sequence[float], digits: int) -> str:
    if not values:
        return ""
    middle = f"{median(values):.{digits}f}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):.{digits}f}..{max(values):.{digits}f})"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
