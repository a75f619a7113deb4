"""What look-ups found, kept for a while: the known answer at once, a newer one in the background.

A value that has expired is served until its successor is there, and longer where the look-up
fails, so that a label does not flap with the DNS. One look-up per key is in flight. Failures
are repeated ever less often.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from exporter.enrichment.breaker import Breaker
from exporter.enrichment.pool import Pool
from exporter.names.lookup import LookupFailed

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class Found(Generic[Value]):
    """A result; `value` is None where there is none. `ttl` in seconds, None where not given."""

    value: Value | None
    ttl: float | None = None


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Seconds. A TTL is held within its bounds; a failure waits double as long each time."""

    shortest: float = 300.0
    longest: float = 86400.0
    negative_shortest: float = 60.0
    negative_longest: float = 600.0
    failure_shortest: float = 30.0
    failure_longest: float = 300.0
    refused: float = 5.0

    def of(self, found: Found[Value]) -> float:
        """How long a result holds; without a TTL, as long as its kind may."""
        negative = found.value is None
        shortest = self.negative_shortest if negative else self.shortest
        longest = self.negative_longest if negative else self.longest
        return longest if found.ttl is None else min(max(found.ttl, shortest), longest)

    def of_failure(self, failures: int) -> float:
        """How long to wait after so many failures in a row."""
        doublings = min(failures - 1, 16)
        return min(self.failure_shortest * 2.0**doublings, self.failure_longest)


@dataclass(slots=True)
class Entry(Generic[Value]):
    """What is known of a key. `fresh_until` is a time of the clock given to the cache.

    `settled` says that a look-up has had an outcome, were it a failure.
    """

    value: Value | None = None
    fresh_until: float = NEVER
    failures: int = 0
    in_flight: bool = False
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Source(Generic[Key, Value]):
    """Where values come from.

    `fetch` raises `LookupFailed` where it cannot tell. `done` is called after each look-up,
    `observe` with its result (`ok`, `negative`, or that of the failure) and its seconds.
    `urgent` look-ups are few, and much waits for each.
    """

    fetch: Callable[[Key], Awaitable[Found[Value]]]
    done: Callable[[Key], None]
    observe: Callable[[str, float], None]
    pool: Pool
    breaker: Breaker
    clock: Callable[[], float]
    urgent: bool = False


class Cache(Generic[Key, Value]):
    """At most `limit` entries, the least recently asked for going first."""

    def __init__(
        self,
        source: Source[Key, Value],
        *,
        limit: int = 100_000,
        lifetimes: Lifetimes | None = None,
    ) -> None:
        self._source = source
        self._limit = limit
        self._lifetimes = lifetimes or Lifetimes()
        self._entries: OrderedDict[Key, Entry[Value]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key) -> Entry[Value]:
        """What is known now; starts a look-up where that is nothing, or no longer fresh."""
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = Entry()
            if len(self._entries) > self._limit:
                self._entries.popitem(last=False)
        else:
            self._entries.move_to_end(key)
        if not entry.in_flight and entry.fresh_until <= self._source.clock():
            self._start(key, entry)
        return entry

    def pending(self, key: Key) -> bool:
        """Whether the first look-up of a key is still under way."""
        entry = self._entries.get(key)
        return entry is not None and entry.in_flight and not entry.settled

    def discard(self, key: Key) -> None:
        """Forget a key."""
        self._entries.pop(key, None)

    def _start(self, key: Key, entry: Entry[Value]) -> None:
        source = self._source
        if source.breaker.paused:
            entry.fresh_until = source.breaker.paused_until
        elif source.pool.submit(partial(self._job, key, entry), urgent=source.urgent):
            entry.in_flight = True
        else:
            entry.fresh_until = source.clock() + self._lifetimes.refused

    def _job(self, key: Key, entry: Entry[Value]) -> Coroutine[object, object, None] | None:
        source = self._source
        if source.breaker.admit():
            return self._look_up(key, entry)
        entry.fresh_until = source.breaker.paused_until
        entry.in_flight = False
        source.done(key)
        return None

    async def _look_up(self, key: Key, entry: Entry[Value]) -> None:
        source = self._source
        # Holds where the look-up is cancelled or breaks: the entry may then be tried again.
        entry.fresh_until = source.clock() + self._lifetimes.failure_shortest
        try:
            await self._ask(key, entry)
        finally:
            entry.in_flight = False
            source.done(key)

    async def _ask(self, key: Key, entry: Entry[Value]) -> None:
        source = self._source
        started = source.clock()
        try:
            found = await source.fetch(key)
        except LookupFailed as failure:
            source.breaker.failed()
            entry.failures += 1
            lifetime = self._lifetimes.of_failure(entry.failures)
            result = failure.result
        else:
            source.breaker.succeeded()
            entry.failures = 0
            entry.value = found.value
            lifetime = self._lifetimes.of(found)
            result = "negative" if found.value is None else "ok"
        now = source.clock()
        entry.settled = True
        entry.fresh_until = now + lifetime
        source.observe(result, now - started)
