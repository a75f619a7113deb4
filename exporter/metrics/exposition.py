"""Keeps what was rendered of every target, and joins it for a scrape."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from exporter.metrics.families import PATH_FAMILIES
from exporter.metrics.family import MetricFamily
from exporter.metrics.own import OwnMetrics
from exporter.metrics.render import render
from exporter.metrics.text import path_labels
from exporter.model import Family, Protocol
from exporter.settings import Target
from exporter.view import Key, View

_HEADERS = {
    openmetrics: {family.name: family.header(openmetrics) for family in PATH_FAMILIES}
    for openmetrics in (False, True)
}


class Exposition:
    """The bytes of every target by metric; `series_per_target` may be set anew at any time.

    An update costs what the lines of its target cost; a scrape makes no string, whatever the
    number of targets.
    """

    def __init__(self, own: OwnMetrics, series_per_target: int) -> None:
        self.series_per_target = series_per_target
        self._own = own
        self._chunks: dict[str, dict[Key, bytes]] = {family.name: {} for family in PATH_FAMILIES}
        self._labels: dict[Key, tuple[Target, Protocol, str]] = {}

    def update(self, view: View) -> None:
        """Show this view in place of the one with its key."""
        key = view.key
        rendering = render(view, self._labels_of(view), self.series_per_target)
        if rendering.dropped:
            self._own.series_dropped(rendering.dropped)
        for name, shown in self._chunks.items():
            chunk = rendering.chunks.get(name)
            if chunk is not None:
                shown[key] = chunk
            else:
                shown.pop(key, None)

    def remove(self, key: Key) -> None:
        """Show nothing of this target and family any more; no error if nothing was shown."""
        if self._labels.pop(key, None) is not None:
            for shown in self._chunks.values():
                shown.pop(key, None)

    def remove_target(self, name: str) -> None:
        """Show nothing of this target any more."""
        for family in Family:
            self.remove((name, family))

    def chunks(
        self, targets: Collection[str] | None, names: Collection[str] | None, openmetrics: bool
    ) -> list[bytes]:
        """The exposition in pieces to be joined, each metric in one place under its header.

        `targets` limits it to these targets' own series (exact names; an unknown one has none);
        without it the exporter's own metrics follow. `names` limits it to these metrics, given by
        their own name or by that of a sample. OpenMetrics ends with `# EOF`.
        """
        keys = None if targets is None else self._keys_of(targets)
        headers = _HEADERS[openmetrics]
        pieces: list[bytes] = []
        for family in _asked_for(names):
            shown = self._chunks[family.name]
            found: Collection[bytes] = (
                shown.values() if keys is None else [shown[key] for key in keys if key in shown]
            )
            if found:
                pieces.append(headers[family.name])
                pieces.extend(found)
        if targets is None:
            pieces.append(self._own.render(openmetrics, names))
        if openmetrics:
            pieces.append(b"# EOF\n")
        return pieces

    def _labels_of(self, view: View) -> str:
        """The labels of the path, made only when the target or its protocol is another."""
        target, protocol = view.target, view.protocol
        known = self._labels.get(view.key)
        if known is not None and known[0] is target and known[1] is protocol:
            return known[2]
        labels = path_labels(target, view.family, protocol)
        self._labels[view.key] = (target, protocol, labels)
        return labels

    def _keys_of(self, targets: Collection[str]) -> list[Key]:
        wanted = dict.fromkeys(targets)
        keys = ((name, family) for name in wanted for family in Family)
        return [key for key in keys if key in self._labels]


def exposition_of(views: Iterable[View], limit: int, openmetrics: bool) -> list[bytes]:
    """The metrics of these views alone, in pieces to be joined; at most `limit` series for each."""
    renderings = [
        render(view, path_labels(view.target, view.family, view.protocol), limit) for view in views
    ]
    pieces: list[bytes] = []
    for name, header in _HEADERS[openmetrics].items():
        found = [each.chunks[name] for each in renderings if name in each.chunks]
        if found:
            pieces += [header, *found]
    if openmetrics:
        pieces.append(b"# EOF\n")
    return pieces


def _asked_for(names: Collection[str] | None) -> Iterable[MetricFamily]:
    if names is None:
        return PATH_FAMILIES
    wanted = frozenset(names)
    return [family for family in PATH_FAMILIES if not wanted.isdisjoint(family.names)]
