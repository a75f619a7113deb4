"""What is remembered of the path of one target and family, and kept over a restart."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol as Interface

from exporter.history.database import PathKey
from exporter.model import Family, HostInfo, Response, Trace
from exporter.monitoring.view import PathFacts
from exporter.reading.jsonform import rfc3339, trace_json
from exporter.reading.path import Path
from exporter.trace.mtu import PathMtu
from exporter.watch.mtuwatch import MtuChange, MtuWatch
from exporter.watch.verdict import Verdict, change_json
from exporter.watch.watcher import BadState, PathWatcher

_CHANGES_KEPT = 20


class Keeper(Interface):
    """Where histories are kept; `History` is one. Puts never wait, questions may."""

    def save(self, key: PathKey, state: str) -> None:
        """Keep what a watcher remembers."""
        ...

    def add_change(self, key: PathKey, at: float, change: Mapping[str, object]) -> None:
        """Keep a confirmed change."""
        ...

    def add_incident(
        self, key: PathKey, at: float, reason: str, trace: Mapping[str, object]
    ) -> None:
        """Keep a trace of the time around a change or an outage."""
        ...

    async def state(self, key: PathKey) -> str | None:
        """What was saved last."""
        ...

    async def changes(
        self, target: str, family: Family, limit: int = 100
    ) -> list[dict[str, object]]:
        """Changes of a target's paths, the newest first."""
        ...


class PathMemory:
    """Feeds a watcher, keeps what is shown of its verdicts, and hands both to a keeper.

    Counts start at 0 and never go back; the watcher and the latest changes are those from before
    a restart.
    """

    def __init__(self, target: str, family: Family, confirm: int, keeper: Keeper) -> None:
        self._target = target
        self._family = family
        self._confirm = confirm
        self._keeper = keeper
        self._key = PathKey(target, family, "")
        self._watcher = PathWatcher(confirm)
        self._mtu = MtuWatch()
        self._restored = False
        self.facts = PathFacts()

    @property
    def path(self) -> Path:
        """The confirmed path."""
        return self._watcher.known.path

    async def begin(self, address: str) -> None:
        """Go on with what was known of the way to this address, if it was traced before."""
        self._key = PathKey(self._target, self._family, address)
        self._watcher = PathWatcher(self._confirm)
        self._mtu = MtuWatch()
        saved = await self._keeper.state(self._key)
        if saved is not None:
            try:
                self._watcher = PathWatcher.from_json(saved, self._confirm)
            except BadState:
                # Of another version, or damaged: the path is learnt anew, which is no change.
                self._watcher = PathWatcher(self._confirm)
        self.facts = replace(self.facts, known=self._watcher.known, outage=False, mtu=None)
        if not self._restored:
            self._restored = True
            await self._restore_changes()

    async def _restore_changes(self) -> None:
        found = await self._keeper.changes(self._target, self._family, _CHANGES_KEPT)
        if found:
            latest = datetime.fromisoformat(str(found[0]["at"]))
            self.facts = replace(self.facts, changed_at=latest.timestamp(), history=tuple(found))

    def confirm_by(self, cycles: int) -> None:
        """The target is probed in another way: the path is taken up anew at `begin`, counts go on.

        From then on `cycles` must agree before a change counts.
        """
        self._confirm = cycles
        self.facts = replace(self.facts, mtu=None)

    def is_surprising(self, response: Response) -> bool:
        """Whether an answer is such as a changed path would give: not by whom it is known for."""
        known, ttl = self._watcher.known, response.probe.ttl
        if response.reached:
            return known.hops is not None and ttl < known.hops
        usual = known.addresses.get(ttl)
        return usual is not None and response.address not in usual

    def measured(self, mtu: PathMtu | None, settled: bool) -> MtuChange | None:
        """The path MTU has been looked for; `settled` says that this is not just the former one.

        Gives the change that this has confirmed.
        """
        self.facts = replace(self.facts, mtu=mtu)
        return self._mtu.take(mtu) if settled and mtu is not None else None

    def observe(self, traces: Sequence[Trace], infos: Mapping[str, HostInfo], flow: str) -> Verdict:
        """Take in one cycle, a trace for each flow."""
        now = time.time()
        verdict = self._watcher.observe(traces[0], infos, now, others=traces[1:], flow=flow)
        was_out = self.facts.outage
        if verdict.known is not self.facts.known or verdict.outage != was_out:
            self.facts = replace(self.facts, known=verdict.known, outage=verdict.outage)
        change = change_json(verdict)
        if change is not None:
            self._take_change(verdict, change, now)
        if verdict.news or change is not None:
            self._keeper.save(self._key, self._watcher.to_json())
        reason = _incident(verdict, was_out)
        if reason is not None:
            trace = trace_json(traces[0], infos, target=self._target, path=self.path)
            self._keeper.add_incident(self._key, now, reason, trace)
        return verdict

    def _take_change(self, verdict: Verdict, change: dict[str, object], now: float) -> None:
        self._keeper.add_change(self._key, now, change)
        entry = {"at": rfc3339(now), "address": self._key.address, **change}
        self.facts = replace(
            self.facts,
            changes=self.facts.changes + (verdict.change is not None),
            as_changes=self.facts.as_changes + (verdict.as_change is not None),
            changed_at=now,
            history=(entry, *self.facts.history)[:_CHANGES_KEPT],
        )


def _incident(verdict: Verdict, was_out: bool) -> str | None:
    """Why this cycle's trace should be kept; None on an ordinary day."""
    if verdict.change is not None or verdict.as_change is not None:
        return "changed"
    if verdict.outage != was_out:
        return "outage" if verdict.outage else "recovered"
    return None if verdict.suspicion is None else verdict.suspicion.value
