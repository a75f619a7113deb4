"""Keeps what is shown of every target, and makes its text for a scrape, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from exporter.metrics.families import PATH_FAMILIES
from exporter.metrics.family import MetricFamily
from exporter.metrics.limit import cuts
from exporter.metrics.lines import LINES
from exporter.metrics.own import OwnMetrics
from exporter.metrics.shown import Shown, shown
from exporter.metrics.text import path_labels
from exporter.model import Family, FamilyChoice, Protocol
from exporter.monitoring.view import Key, View
from exporter.settings import Target

_HEADERS = {
    openmetrics: {family.name: family.header(openmetrics) for family in PATH_FAMILIES}
    for openmetrics in (False, True)
}
_TARGETS_OF_A_PIECE = 16
"""So many targets' lines of one metric are made in one go: some ten microseconds of work."""
_VIEWS_OF_A_PIECE = 2
"""The numbers of so many views are taken in one go: some hundred microseconds of work."""


class _Entry(NamedTuple):
    """What is shown under one key; `left` says how much of a metric, where not all of it is."""

    target: Target
    protocol: Protocol
    shown: Shown
    left: Mapping[str, int]


class Exposition:
    """What every target shows; `series_per_target` may be set anew at any time.

    An update costs nothing: what a view shows is taken from it when somebody asks for the first
    time. Until the next update of its key nothing that it refers to may change. `failed` is told of
    a view that a bug kept from being shown, while that is handled; all others are shown.
    """

    def __init__(
        self, own: OwnMetrics, series_per_target: int, failed: Callable[[View], None]
    ) -> None:
        self.series_per_target = series_per_target
        self._own = own
        self._failed = failed
        self._entries: dict[Key, _Entry] = {}
        self._views: dict[Key, View] = {}
        """Those that nobody has asked for yet."""

    def update(self, view: View) -> None:
        """Show this view in place of the one with its key."""
        self._views[view.key] = view

    def remove(self, key: Key) -> None:
        """Show nothing of this target and family any more; no error if nothing was shown."""
        self._views.pop(key, None)
        self._entries.pop(key, None)

    def remove_target(self, name: str) -> None:
        """Show nothing of this target any more."""
        for family in Family:
            self.remove((name, family))

    def chunks(
        self, targets: Collection[str] | None, names: Collection[str] | None, openmetrics: bool
    ) -> Iterator[bytes]:
        """The exposition in pieces to be joined, each metric in one place under its header.

        `targets` limits it to these targets' own series (exact names; an unknown one has none);
        without it the exporter's own metrics follow. `names` limits it to these metrics, given by
        their own name or by that of a sample. OpenMetrics ends with `# EOF`. Pieces are made one
        by one, some of them empty, and all show one moment: the one after those at the beginning
        that are empty.
        """
        asked = _asked_for(names)
        keys = None if targets is None else _keys(targets)
        if not asked:
            keys = ()
        # What is updated while many are taken is little, and while that is taken, hardly anything.
        for _ in range(2):
            for number, key in enumerate(self._waiting(keys), 1):
                self._take(key)
                if not number % _VIEWS_OF_A_PIECE:
                    yield b""
        for key in self._waiting(keys):
            self._take(key)
        known = self._entries
        entries = tuple(known.values() if keys is None else (known[k] for k in keys if k in known))
        own = self._own.render(openmetrics, names) if targets is None else b""
        yield from _pieces(entries, asked, own, openmetrics)

    def _waiting(self, keys: Iterable[Key] | None) -> list[Key]:
        """Of these keys, or of all, those with a view that nobody has asked for yet."""
        return [key for key in (self._views if keys is None else keys) if key in self._views]

    def _take(self, key: Key) -> None:
        """Take from the view of this key what it shows, if it is still waiting."""
        view = self._views.pop(key, None)
        if view is not None:
            try:
                self._take_from(view, self._entries.get(key))
            except MemoryError:
                raise
            except Exception:
                # A bug with one target must not end the metrics of all the others.
                self._failed(view)

    def _take_from(self, view: View, former: _Entry | None) -> None:
        if former is not None and (former.target, former.protocol) != (view.target, view.protocol):
            former = None
        labels = _labels(view) if former is None else former.shown.labels
        self._entries[view.key], dropped = _entry(view, labels, self.series_per_target, former)
        if dropped:
            self._own.series_dropped(dropped)


def _keys(targets: Iterable[str]) -> tuple[Key, ...]:
    return tuple((name, family) for name in dict.fromkeys(targets) for family in Family)


def exposition_of(views: Iterable[View], limit: int, openmetrics: bool) -> list[bytes]:
    """The metrics of these views alone, in pieces to be joined; at most `limit` series for each."""
    entries = [_entry(view, _labels(view), limit)[0] for view in views]
    return list(_pieces(entries, PATH_FAMILIES, b"", openmetrics))


def _entry(view: View, labels: str, limit: int, former: _Entry | None = None) -> tuple[_Entry, int]:
    """What is shown of a view, and how many series are not: `limit` is for both families."""
    found = shown(view, labels, None if former is None else former.shown)
    if view.target.module.family is FamilyChoice.BOTH:
        limit //= 2
    left, dropped = cuts(found, limit)
    return _Entry(view.target, view.protocol, found, left), dropped


def _labels(view: View) -> str:
    return path_labels(view.target, view.family, view.protocol)


def _pieces(
    entries: Sequence[_Entry], asked: Iterable[MetricFamily], own: bytes, openmetrics: bool
) -> Iterator[bytes]:
    headers = _HEADERS[openmetrics]
    for family in asked:
        header = headers[family.name]
        for first in range(0, len(entries), _TARGETS_OF_A_PIECE):
            found = _text(family.name, entries[first : first + _TARGETS_OF_A_PIECE])
            if found:
                found, header = header + found, b""
            yield found
    if own:
        yield own
    if openmetrics:
        yield b"# EOF\n"


def _text(name: str, entries: Iterable[_Entry]) -> bytes:
    """All lines of one metric of these targets."""
    lines, found = LINES[name], list[str]()
    for entry in entries:
        text = lines(entry.shown)
        found.append(_first(text, entry.left[name]) if name in entry.left else text)
    return "".join(found).encode("utf-8", "replace")


def _first(text: str, lines: int) -> str:
    return "".join([f"{line}\n" for line in text.split("\n")[:lines]])


def _asked_for(names: Collection[str] | None) -> Sequence[MetricFamily]:
    if names is None:
        return PATH_FAMILIES
    wanted = frozenset(names)
    return [family for family in PATH_FAMILIES if not wanted.isdisjoint(family.names)]
