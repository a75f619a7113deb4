"""TCP probes in flight: a socket for each, one epoll(7) set and one timer for all of them."""

from __future__ import annotations

import asyncio
import select
import time
from collections.abc import Callable

from exporter.model import Probe
from exporter.sockets.linux_connect import Flight
from exporter.sockets.readiness import DATA, unwatch, watch

PATIENCE_SECONDS = 0.9
"""How long a probe is in flight: less than the second after which Linux repeats a SYN."""
_NS = 1_000_000_000
_EVENTS_PER_WAKE_UP = 256

Told = Callable[[Flight], None]


class Flights:
    """The probes in flight of one destination, the oldest first.

    `news` is told each of which the kernel has something to say, `old` each whose time is up, and
    then has to finish it. Either may finish any, and may close the whole.
    """

    def __init__(self, news: Told, old: Told) -> None:
        self._news = news
        self._old = old
        self._flights: dict[int, Flight] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        watch(self._epoll.fileno(), self.readable)

    def add(self, flight: Flight) -> None:
        """Wait for what becomes of it. Raises `OSError`, and then the socket is closed."""
        descriptor = flight.socket.fileno()
        try:
            # Edge-triggered: what this process chooses to leave cannot keep it awake.
            self._epoll.register(descriptor, select.EPOLLOUT | select.EPOLLET)
        except OSError:
            flight.socket.close()
            raise
        self._flights[descriptor] = flight
        if self._timer is None:
            self._timer = self._loop.call_later(PATIENCE_SECONDS, self._expire)

    def earlier(self, probe: Probe) -> list[Flight]:
        """Those to the same TTL that belong to traces before."""
        return [
            flight
            for flight in self._flights.values()
            if flight.sent.probe.ttl == probe.ttl and flight.sent.probe.trace != probe.trace
        ]

    def of(self, trace: int) -> list[Flight]:
        """Those that belong to a trace."""
        return [each for each in self._flights.values() if each.sent.probe.trace == trace]

    def finish(self, flight: Flight) -> None:
        """Nothing more is expected; closing takes the socket out of the epoll set as well."""
        del self._flights[flight.socket.fileno()]
        flight.socket.close()

    def close(self) -> None:
        """End all flights and the waiting; a second time it does nothing."""
        if self._epoll.closed:
            return
        unwatch(self._loop, self._epoll.fileno())
        self._epoll.close()
        if self._timer is not None:
            self._timer.cancel()
        for flight in self._flights.values():
            flight.socket.close()
        self._flights.clear()

    def readable(self, _: int = DATA) -> None:
        """Tell the news, bounded so that no destination starves the others."""
        for descriptor, _ in self._epoll.poll(0, _EVENTS_PER_WAKE_UP):
            flight = self._flights.get(descriptor)
            if flight is not None:
                self._news(flight)

    def _expire(self) -> None:
        self._timer = None
        while self._flights:
            flight = next(iter(self._flights.values()))
            age = (time.monotonic_ns() - flight.sent.monotonic_ns) / _NS
            if age < PATIENCE_SECONDS:
                self._timer = self._loop.call_later(PATIENCE_SECONDS - age, self._expire)
                return
            self._old(flight)
