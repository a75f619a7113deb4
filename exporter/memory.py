"""What is remembered of the path of one target and family: its watcher, its changes, its facts."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace

from exporter.change import PathWatcher
from exporter.model import HostInfo, Trace
from exporter.mtu import PathMtu
from exporter.path import Path
from exporter.verdict import AsPathChange, PathChange, Verdict
from exporter.view import PathFacts

_CHANGES_KEPT = 50


class PathMemory:
    """Feeds a watcher, and keeps what is shown of its verdicts. Counts never go back."""

    def __init__(self, confirm: int) -> None:
        self._confirm = confirm
        self._watcher = PathWatcher(confirm)
        self._changes: deque[PathChange | AsPathChange] = deque(maxlen=_CHANGES_KEPT)
        self.facts = PathFacts()

    @property
    def path(self) -> Path:
        """The confirmed path."""
        return self._watcher.known.path

    def start_anew(self) -> None:
        """The destination has another address: what was known of the way there is void."""
        self._watcher = PathWatcher(self._confirm)
        self.facts = replace(self.facts, branches=None, mtu=None)

    def measured(self, mtu: PathMtu | None) -> None:
        """The path MTU has been looked for."""
        self.facts = replace(self.facts, mtu=mtu)

    def observe(
        self, traces: Sequence[Trace], infos: Mapping[str, HostInfo], flow: str
    ) -> tuple[Verdict, list[PathChange | AsPathChange]]:
        """Take in one cycle, a trace for each flow; gives the verdict and what it confirmed."""
        verdict = self._watcher.observe(traces[0], infos, time.time(), others=traces[1:], flow=flow)
        news = [each for each in (verdict.change, verdict.as_change) if each is not None]
        self._changes.extendleft(news)
        facts = self.facts
        self.facts = replace(
            facts,
            changes=facts.changes + (verdict.change is not None),
            as_changes=facts.as_changes + (verdict.as_change is not None),
            changed_at=news[-1].at if news else facts.changed_at,
            branches=verdict.known.branches if verdict.known.path else None,
            history=tuple(self._changes) if news else facts.history,
        )
        return verdict, news
