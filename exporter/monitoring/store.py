"""The latest view of every measurement, and which of them to show anew when an address is known."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from exporter.model import Family, HostInfo
from exporter.monitoring.view import View

Key = tuple[str, Family]

_COALESCE_SECONDS = 0.05


class Store:
    """Keeps views, hands each new one to `render`, and completes them when DNS answers late."""

    def __init__(
        self,
        info: Callable[[str], HostInfo],
        render: Callable[[View], None],
        remove: Callable[[Key], None],
    ) -> None:
        self._info = info
        self._render = render
        self._remove = remove
        self._views: dict[Key, View] = {}
        self._shown_in: dict[str, Key | set[Key]] = {}
        """Addresses that one view shows, as most do, take no set."""
        self._stale: set[Key] = set()
        self._refresh: asyncio.TimerHandle | None = None

    def publish(self, view: View) -> None:
        """Show this view in place of the one with its key."""
        key = view.key
        former = self._views.get(key)
        if former is None or former.infos.keys() != view.infos.keys():
            self._index(key, set(former.infos) if former else set(), set(view.infos))
        self._views[key] = view
        self._render(view)

    def withdraw(self, key: Key) -> None:
        """End all that is shown under this key."""
        former = self._views.pop(key, None)
        if former is not None:
            self._index(key, set(former.infos), set())
            self._stale.discard(key)
            self._remove(key)

    def views(self, target: str) -> tuple[View, ...]:
        """The views of one target, IPv4 first."""
        found = (self._views.get((target, family)) for family in Family)
        return tuple(view for view in found if view is not None)

    def address_known(self, address: str) -> None:
        """More became known of an address: complete the views that show it, in a moment."""
        shown = self._shown_in.get(address)
        if shown is not None:
            self._stale |= shown if isinstance(shown, set) else {shown}
        if self._stale and self._refresh is None:
            loop = asyncio.get_running_loop()
            self._refresh = loop.call_later(_COALESCE_SECONDS, self._complete)

    def close(self) -> None:
        """Refresh nothing any more."""
        if self._refresh is not None:
            self._refresh.cancel()
            self._refresh = None

    def _complete(self) -> None:
        self._refresh = None
        stale, self._stale = self._stale, set()
        for key in stale:
            view = self._views[key]
            infos = {address: self._info(address) for address in view.infos}
            self._views[key] = replace(view, infos=infos)
            self._render(self._views[key])

    def _index(self, key: Key, before: set[str], after: set[str]) -> None:
        for address in before - after:
            shown = self._shown_in[address]
            if isinstance(shown, set) and len(shown) > 1:
                shown.discard(key)
            else:
                del self._shown_in[address]
        for address in after - before:
            shown = self._shown_in.setdefault(address, key)
            if isinstance(shown, set):
                shown.add(key)
            elif shown != key:
                self._shown_in[address] = {shown, key}
