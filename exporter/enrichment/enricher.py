"""What is known of an address now, without waiting; look-ups run in the background.

The host name and the origin are looked up in parallel, then the name of the AS, once per AS.
An address has one `HostInfo` until something about it changes, so that `is` tells the difference.
Names and origins that strangers serve cost labels at worst: never time, tasks or memory.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial

from exporter.enrichment.breaker import Breaker
from exporter.enrichment.cache import Cache, Entry, Found, Key, Lifetimes, Source, Value
from exporter.enrichment.origin import Origin, find_as_name, find_hostname, find_origin
from exporter.enrichment.pool import Bounds, Pool
from exporter.enrichment.scope import public_address
from exporter.model import NOTHING_KNOWN, HostInfo
from exporter.names.hosts import canonical_any
from exporter.names.resolver import Resolver
from exporter.settings import EnrichmentSettings

Observe = Callable[[str, str, float], None]
"""Called with the kind of a look-up (`rdns`, `asn`, `as_name`), its result, and its seconds."""

_ALWAYS = float("inf")


@dataclass(slots=True)
class _Known:
    info: HostInfo
    fresh_until: float
    routed: bool


def _unobserved(kind: str, result: str, seconds: float) -> None:
    """Where nobody counts."""


class Enricher:
    """Knows hosts. To be used from one event loop; `close` it before that loop ends.

    `on_update(address)` is called from the loop after the `HostInfo` of an address has changed.
    `concurrency` bounds the look-ups in flight, `rate` those begun per second in the long run,
    `limit` the addresses and AS numbers remembered.
    """

    def __init__(
        self,
        settings: EnrichmentSettings,
        resolver: Resolver,
        *,
        on_update: Callable[[str], None],
        observe: Observe = _unobserved,
        concurrency: int = 64,
        rate: float = 500.0,
        clock: Callable[[], float] = time.monotonic,
        limit: int = 100_000,
        lifetimes: Lifetimes | None = None,
    ) -> None:
        self._on_update = on_update
        self._observe = observe
        self._clock = clock
        self._limit = limit
        self._lifetimes = lifetimes
        self._pool = Pool(Bounds(concurrency, rate=rate))
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._settling: dict[str, asyncio.Future[None]] = {}
        self._unnamed: dict[int, set[str]] = {}
        self._names: Cache[str, str] | None = None
        self._origins: Cache[str, Origin] | None = None
        self._as_names: Cache[int, str] | None = None
        self._local_origins = settings.asn_source == "mmdb"
        if settings.rdns:
            fetch_name = partial(find_hostname, resolver)
            self._names = self._cache("rdns", fetch_name, self._refresh, Breaker(clock))
        self._add_origins(settings, resolver)
        self._idle = self._names is None and self._origins is None

    def info(self, address: str) -> HostInfo:
        """What is known now; starts or renews what is not. Never raises, never waits."""
        known = self._known.get(address)
        if known is None:
            return NOTHING_KNOWN if self._idle else self._first(address)
        self._known.move_to_end(address)
        if known.fresh_until <= self._clock():
            self._renew(address, known)
        return known.info

    def pending(self, address: str) -> bool:
        """Whether a first look-up is still under way."""
        known = self._known.get(address)
        if known is None:
            return False
        if self._names is not None and self._names.pending(address):
            return True
        if self._origins is None or not known.routed:
            return False
        if self._origins.pending(address):
            return True
        asn = known.info.asn
        return self._as_names is not None and asn is not None and self._as_names.pending(asn)

    async def settled(self, addresses: Iterable[str], seconds: float) -> None:
        """Wait until no first look-up is under way for any of these, at most so many seconds."""
        create = asyncio.get_running_loop().create_future
        waiting = {address for address in addresses if self.pending(address)}
        for address in waiting.difference(self._settling):
            self._settling[address] = create()
        if waiting:
            await asyncio.wait([self._settling[each] for each in waiting], timeout=seconds)

    def entries(self) -> dict[str, int]:
        """How many results are remembered, negative ones included, by kind."""
        caches = {"rdns": self._names, "asn": self._origins, "as_name": self._as_names}
        return {kind: len(cache) for kind, cache in caches.items() if cache is not None}

    async def close(self) -> None:
        """End all look-ups. What is known can still be asked for, and nothing new is."""
        await self._pool.close()
        for future in self._settling.values():
            future.cancel()
        self._settling.clear()

    def _cache(
        self,
        kind: str,
        fetch: Callable[[Key], Awaitable[Found[Value]]],
        done: Callable[[Key], None],
        breaker: Breaker,
        *,
        urgent: bool = False,
    ) -> Cache[Key, Value]:
        observe = partial(self._observe, kind)
        source = Source(fetch, done, observe, self._pool, breaker, self._clock, urgent)
        return Cache(source, limit=self._limit, lifetimes=self._lifetimes)

    def _add_origins(self, settings: EnrichmentSettings, resolver: Resolver) -> None:
        breaker = Breaker(self._clock)
        if settings.asn_source == "mmdb":
            from exporter.enrichment.mmdb import MmdbFile

            file = MmdbFile(settings.asn_path or "")
            self._origins = self._cache("asn", file.origin, self._refresh, breaker)
        elif settings.asn_source == "cymru":
            fetch = partial(find_origin, resolver)
            self._origins = self._cache("asn", fetch, self._refresh, breaker)
            fetch_name = partial(find_as_name, resolver)
            named = self._named
            self._as_names = self._cache("as_name", fetch_name, named, breaker, urgent=True)

    def _first(self, address: str) -> HostInfo:
        canonical = canonical_any(address)
        if canonical is None:
            return NOTHING_KNOWN
        routed = self._local_origins or public_address(address) is not None
        known = self._known[address] = _Known(NOTHING_KNOWN, _ALWAYS, routed)
        if len(self._known) > self._limit:
            self._forget()
        self._compose(address, known)
        return known.info

    def _forget(self) -> None:
        address, _ = self._known.popitem(last=False)
        if self._names is not None:
            self._names.discard(address)
        if self._origins is not None:
            self._origins.discard(address)

    def _refresh(self, address: str) -> None:
        """A look-up about this address has ended."""
        known = self._known.get(address)
        if known is not None:
            self._renew(address, known)
        if address in self._settling and not self.pending(address):
            self._settling.pop(address).set_result(None)

    def _named(self, asn: int) -> None:
        """The look-up of the name of an AS has ended."""
        for address in self._unnamed.pop(asn, ()):
            self._refresh(address)

    def _renew(self, address: str, known: _Known) -> None:
        before = known.info
        self._compose(address, known)
        if known.info is not before:
            asyncio.get_running_loop().call_soon(self._on_update, address)

    def _compose(self, address: str, known: _Known) -> None:
        """Put together what the caches know; they renew what is not fresh."""
        hostname = origin = as_name = None
        until = _ALWAYS
        if self._names is not None:
            name_entry = self._names.get(address)
            hostname, until = name_entry.value, _until(name_entry)
        if self._origins is not None and known.routed:
            origin_entry = self._origins.get(address)
            origin, until = origin_entry.value, min(until, _until(origin_entry))
        if origin is not None:
            as_name = origin.as_name
            if self._as_names is not None:
                as_entry = self._as_names.get(origin.asn)
                as_name, until = as_entry.value, min(until, _until(as_entry))
                if as_entry.in_flight:
                    self._unnamed.setdefault(origin.asn, set()).add(address)
        known.fresh_until = until
        info = _host_info(hostname, origin, as_name)
        if info != known.info:
            known.info = info


def _until(entry: Entry[Value]) -> float:
    """When to ask the cache again: while a look-up runs, its end will tell."""
    return _ALWAYS if entry.in_flight else entry.fresh_until


def _host_info(hostname: str | None, origin: Origin | None, as_name: str | None) -> HostInfo:
    if origin is None:
        return HostInfo(hostname)
    return HostInfo(hostname, origin.asn, as_name, origin.prefix, origin.country)
