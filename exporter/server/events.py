"""What happens, told to whoever listens: numbered, so that a lost connection can go on.

An event is made only if somebody wants it, or wanted it until a moment ago and may come back. A
listener who does not keep up is let go; nobody ever waits for one.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, deque
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import NamedTuple

from exporter.errors import FtrError

LISTENERS = 100
_KEPT, _KEPT_BYTES = 10_000, 4 * 1024 * 1024
_WAITING, _WAITING_BYTES = 5_000, 2 * 1024 * 1024
_GRACE_SECONDS = 30.0
_GAP = b'event: gap\ndata: {"event":"gap"}\n\n'


class EventKind(StrEnum):
    """What there is to hear.

    `hop`: an answer came. `trace`: a trace ended. `change`: a change of path was confirmed.
    `mtu`: one of the path MTU was. `state`: what is known of a target in short has changed, names
    that came late included.
    """

    HOP = "hop"
    TRACE = "trace"
    CHANGE = "change"
    MTU = "mtu"
    STATE = "state"


Interest = tuple[EventKind, str | None]


class TooManyListeners(FtrError):
    """No more can be served."""


class _Event(NamedTuple):
    kind: EventKind
    target: str
    data: bytes


class Listener:
    """One who listens: `next` gives what to send. Made by `Hub.listen`; `close` it at the end."""

    def __init__(self, hub: Hub, interests: frozenset[Interest]) -> None:
        self.interests = interests
        self._hub = hub
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._news = asyncio.Event()
        self._closed = False

    async def next(self, patience: float) -> bytes | None:
        """What there is to send, after so many seconds just a sign of life; None at the end."""
        try:
            async with asyncio.timeout(patience):
                await self._news.wait()
        except TimeoutError:
            return self._hub.sign_of_life()
        if self._closed:
            return None
        data = b"".join(self._waiting)
        self._waiting.clear()
        self._size = 0
        self._news.clear()
        return data

    def wants(self, event: _Event) -> bool:
        """Whether it listens to such events."""
        return _wanted(self.interests, event.kind, event.target)

    def put(self, data: bytes) -> None:
        """Hand it over to be sent; who has too much waiting is let go."""
        self._waiting.append(data)
        self._size += len(data)
        self._news.set()
        if len(self._waiting) > _WAITING or self._size > _WAITING_BYTES:
            self.close()

    def close(self) -> None:
        """Hear nothing any more."""
        if not self._closed:
            self._closed = True
            self._waiting.clear()
            self._news.set()
            self._hub.left(self)


class Hub:
    """Where events come from and go to. Call it from the event loop."""

    def __init__(self, *, listeners: int = LISTENERS, grace: float = _GRACE_SECONDS) -> None:
        self._most = listeners
        self._grace = grace
        self._name = _fresh_name()
        self._listeners: set[Listener] = set()
        self._leaving: deque[tuple[frozenset[Interest], asyncio.TimerHandle]] = deque()
        self.interests: Counter[Interest] = Counter()
        """What is wanted, and by how many; empty where nobody listens."""
        self._since: dict[Interest, int] = {}
        self._kept: dict[int, _Event] = {}
        self._size = 0
        self._number = 0
        self._open = True

    def wants(self, kind: EventKind, target: str) -> bool:
        """Whether such an event needs to be made at all."""
        return _wanted(self.interests, kind, target)

    def emit(self, kind: EventKind, target: str, form: Mapping[str, object]) -> None:
        """Tell those who listen; `form` is what `wants` was asked for."""
        self._number += 1
        text = json.dumps(form, separators=(",", ":"))
        data = f"id: {self._id()}\nevent: {kind}\ndata: {text}\n\n".encode()
        event = self._kept[self._number] = _Event(kind, target, data)
        self._size += len(data)
        while len(self._kept) > _KEPT or self._size > _KEPT_BYTES:
            self._size -= len(self._kept.pop(next(iter(self._kept))).data)
        for listener in [each for each in self._listeners if each.wants(event)]:
            listener.put(data)

    def listen(
        self, kinds: Collection[EventKind], target: str | None, last_id: str | None
    ) -> Listener:
        """Listen to these kinds, of one target or of all. Raises `TooManyListeners`.

        With the id of the last event that was heard, what was missed comes first, or an event
        `gap` where that is not known any more.
        """
        if not self._open or len(self._listeners) >= self._most:
            raise TooManyListeners(
                f"{len(self._listeners)} clients listen already; try again later"
            )
        interests = frozenset((kind, target) for kind in kinds)
        listener = Listener(self, interests)
        missed = self._missed(listener, last_id) if last_id else []
        self._listeners.add(listener)
        for interest in interests:
            self._since.setdefault(interest, self._number)
            self.interests[interest] += 1
        listener.put(b"".join([b"retry: 1000\n\n", *missed, self.sign_of_life()]))
        return listener

    def left(self, listener: Listener) -> None:
        """A listener closed; what it wanted is made and kept for some more seconds."""
        self._listeners.discard(listener)
        timer = asyncio.get_running_loop().call_later(self._grace, self._forget)
        self._leaving.append((listener.interests, timer))
        if len(self._leaving) > self._most:
            self._leaving[0][1].cancel()
            self._forget()

    def renew(self) -> None:
        """What there is to hear of is another: who listens, or comes back, shall look anew."""
        self._name = _fresh_name()
        self._kept.clear()
        self._size = 0
        for listener in list(self._listeners):
            listener.put(_GAP + self.sign_of_life())

    def sign_of_life(self) -> bytes:
        """A comment that keeps connections open, and the id from which to go on."""
        return f": alive\nid: {self._id()}\n\n".encode()

    def close(self) -> None:
        """Let all listeners go."""
        self._open = False
        for listener in list(self._listeners):
            listener.close()
        for _, timer in self._leaving:
            timer.cancel()
        self._leaving.clear()

    def _id(self) -> str:
        return f"{self._name}-{self._number}"

    def _missed(self, listener: Listener, last_id: str) -> list[bytes]:
        name, _, text = last_id.rpartition("-")
        last = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else -1
        oldest = next(iter(self._kept), self._number + 1)
        known = all(self._made_since(*interest) <= last for interest in listener.interests)
        if name != self._name or not oldest - 1 <= last <= self._number or not known:
            return [_GAP]
        numbers = range(last + 1, self._number + 1)
        missed = [self._kept[n].data for n in numbers if listener.wants(self._kept[n])]
        return missed if sum(map(len, missed)) < _WAITING_BYTES // 2 else [_GAP]

    def _made_since(self, kind: EventKind, target: str | None) -> float:
        """The number from which on all such events were made."""
        since = (self._since.get(interest) for interest in ((kind, target), (kind, None)))
        return min((number for number in since if number is not None), default=float("inf"))

    def _forget(self) -> None:
        interests, _ = self._leaving.popleft()
        for interest in interests:
            self.interests[interest] -= 1
            if not self.interests[interest]:
                del self.interests[interest], self._since[interest]
        if not self.interests:
            self._kept.clear()
            self._size = 0


def _fresh_name() -> str:
    """What tells the numbers of one run from those of another."""
    return f"{time.time_ns():x}"


def _wanted(interests: Collection[Interest], kind: EventKind, target: str) -> bool:
    return (kind, target) in interests or (kind, None) in interests
