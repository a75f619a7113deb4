"""Pure: series as promtool's unit tests write them, short where values repeat or count up.

`1x3` is 1 four times, `0+2x3` is 0 2 4 6, `_x3` is nothing three times, `stale` ends a series as
Prometheus does where a scrape no longer has it, or where the scrape fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence

Values = Sequence[float | None]
"""One for each scrape; None where there was none."""

_ITEM = re.compile(r"(?P<start>-?[\d.]+|_|stale)(?P<step>[+-]\d+)?(?:x(?P<times>\d+))?")


def name_series(metric: str, labels: Mapping[str, str]) -> str:
    """A series as PromQL names it, its labels in the order given."""
    pairs = (f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{metric}{{{', '.join(pairs)}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def shorten(values: Values, missed: Collection[int] = ()) -> str:
    """These values in promtool's notation.

    Prometheus did not scrape at the indices in `missed`: there nothing is said, not even an end.
    """
    items = _said(values, missed)
    parts: list[str] = []
    at = 0
    while at < len(items):
        length, text = _run(items, at)
        parts.append(text)
        at += length
    return " ".join(parts)


def _said(values: Values, missed: Collection[int]) -> list[str | float]:
    """Each value, or what stands for none."""
    said: list[str | float] = []
    is_there = False
    for index, value in enumerate(values):
        if index in missed:
            said.append("_")
        elif value is None:
            said.append("stale" if is_there else "_")
            is_there = False
        else:
            said.append(round(value, 6))
            is_there = True
    while said and said[-1] == "_":
        said.pop()
    return said


def _run(items: Sequence[str | float], at: int) -> tuple[int, str]:
    """How many items from here on one word says, and that word."""
    first = items[at]
    same = _length(items, at, lambda index: items[index] == first)
    if first == "_":
        return same, "_" if same == 1 else f"_x{same}"
    if isinstance(first, str):
        return 1, first
    if same > 1:
        return same, f"{_number(first)}x{same - 1}"
    step = _step(items, at)
    if step:
        rising = _length(items, at, lambda index: _step(items, index - 1) == step)
        if rising > 2:
            return rising, f"{_number(first)}{step:+d}x{rising - 1}"
    return 1, _number(first)


def _length(items: Sequence[str | float], at: int, holds: Callable[[int], bool]) -> int:
    end = at + 1
    while end < len(items) and holds(end):
        end += 1
    return end - at


def _step(items: Sequence[str | float], at: int) -> int:
    """From one whole number to the next; 0 where these are none. Other sums would not be exact."""
    if at + 1 >= len(items):
        return 0
    one, two = items[at], items[at + 1]
    if isinstance(one, str) or isinstance(two, str) or one % 1 or two % 1:
        return 0
    return int(two - one)


def _number(value: float) -> str:
    """Six decimals: a microsecond of a round trip."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def lengthen(text: str) -> list[float | None]:
    """The values that `shorten` wrote. Raises `ValueError`."""
    values: list[float | None] = []
    for word in text.split():
        item = _ITEM.fullmatch(word)
        if item is None:
            raise ValueError(f"no value: {word}")
        times = int(item["times"] or 0)
        if item["start"] in ("_", "stale"):
            values += [None] * max(1, times)
        else:
            start, step = float(item["start"]), float(item["step"] or 0)
            values += [start + step * index for index in range(times + 1)]
    return values
