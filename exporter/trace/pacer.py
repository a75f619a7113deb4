"""Keeps all traces together within the budget of probes per second, first come, first served."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Protocol as Interface

from exporter.model import Probe

_BATCH = 32
"""Probes sent in one go before answers get their turn: a socket buffers about 200 of them."""


class Sender(Interface):
    """Who sends the probes, when their turn has come."""

    def send(self, probe: Probe) -> float:
        """Send; returns 0, or after how many seconds the same probe should be tried again."""
        ...

    def batch_sent(self) -> None:
        """Everything submitted in one call has been handed to `send`."""
        ...


class Pacer:
    """A token bucket with a queue. `rate` is in probes per second, and so much may burst at once

    as fits a tenth of a second. One timer serves all senders.
    """

    def __init__(self, rate: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._rate = rate
        self._burst = max(1.0, rate / 10)
        self._tokens = self._burst
        self._filled_at = self._loop.time()
        self._queue: deque[tuple[Sender, deque[Probe]]] = deque()
        self._waiting: set[Sender] = set()
        self._wake_up: asyncio.Handle | None = None
        self._sending = False

    def set_rate(self, rate: float) -> None:
        """Go on at this rate, with no more saved up than it allows."""
        self._fill()
        self._rate = rate
        self._burst = max(1.0, rate / 10)
        self._tokens = min(self._tokens, self._burst)
        if self._wake_up is not None:
            self._wake_up.cancel()
            self._wake_up = self._loop.call_soon(self._run)

    def submit(self, sender: Sender, probes: Iterable[Probe]) -> None:
        """Send these probes as soon as the budget allows: at once, unless others wait."""
        self._queue.append((sender, deque(probes)))
        self._waiting.add(sender)
        if self._wake_up is None and not self._sending:
            self._run()

    def waits(self, sender: Sender) -> bool:
        """Whether probes of this sender still queue."""
        return sender in self._waiting

    def forget(self, sender: Sender) -> None:
        """Drop what this sender still has in the queue."""
        if sender in self._waiting:
            self._waiting.discard(sender)
            self._queue = deque(entry for entry in self._queue if entry[0] is not sender)

    def close(self) -> None:
        """Send nothing any more."""
        self._queue.clear()
        self._waiting.clear()
        if self._wake_up is not None:
            self._wake_up.cancel()
            self._wake_up = None

    def _run(self) -> None:
        self._wake_up = None
        self._sending = True
        try:
            delay = self._send_batch()
        finally:
            self._sending = False
        if self._queue:
            self._wake_up = self._loop.call_later(delay, self._run)

    def _send_batch(self) -> float:
        """Send what the tokens allow; returns the seconds until it makes sense to go on."""
        self._fill()
        for _ in range(_BATCH):
            if not self._queue:
                return 0.0
            if self._tokens < 1.0:
                return (1.0 - self._tokens) / self._rate
            sender, probes = self._queue[0]
            if probes:
                retry = sender.send(probes[0])
                if retry:
                    self._queue.rotate(-1)
                    return retry
                probes.popleft()
                self._tokens -= 1.0
            if not probes and self._queue and self._queue[0][0] is sender:
                self._queue.popleft()
                self._waiting.discard(sender)
                sender.batch_sent()
        return 0.0

    def _fill(self) -> None:
        now = self._loop.time()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
