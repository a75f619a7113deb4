"""Basic authentication against bcrypt hashes: off the event loop, remembered, and even-handed.

A stranger learns nothing from how long a refusal takes, costs one CPU core at most, and holds up
nobody whose password was found right before.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import os
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import bcrypt

from exporter.errors import FtrError

MOST_WAITING = 64
MOST_REMEMBERED = 1024
_LONGEST = 72
_FAKE = "$2b$%02d$" + "." * 53


class TooManyLogins(FtrError):
    """More passwords wait to be checked than shall."""


class Passwords:
    """Checks credentials, one at a time in a thread of its own."""

    def __init__(self) -> None:
        self._secret = os.urandom(32)
        self._right: OrderedDict[bytes, bool] = OrderedDict()
        self._wrong: OrderedDict[bytes, bool] = OrderedDict()
        self._running: dict[bytes, asyncio.Future[bool]] = {}
        self._thread = ThreadPoolExecutor(1, "passwords")

    async def admit(self, users: Mapping[str, bytes], header: str) -> bool:
        """Whether an Authorization header names one of `users` with its password.

        Raises `TooManyLogins`. The same credentials are checked once, however often they come.
        """
        credentials = parse_basic(header)
        if credentials is None:
            return False
        user, password = credentials
        hashed = users.get(user)
        known = hashed is not None
        if hashed is None:
            hashed = self._fake(users, user)
        key = self._digest(user.encode("utf-8", "surrogatepass"), hashed, password)
        for cache in (self._right, self._wrong):
            if key in cache:
                cache.move_to_end(key)
                return cache[key] and known
        return await self._check(key, password, hashed) and known

    def close(self) -> None:
        """Forget what waits; a check under way ends by itself."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _fake(self, users: Mapping[str, bytes], user: str) -> bytes:
        """A hash that nothing matches, as costly as that of some user, always the same one."""
        costs = sorted(int(each.split(b"$")[2]) for each in users.values())
        chosen = self._digest(user.encode("utf-8", "surrogatepass"))[0] % len(costs)
        return (_FAKE % costs[chosen]).encode()

    async def _check(self, key: bytes, password: bytes, hashed: bytes) -> bool:
        running = self._running.get(key)
        if running is None:
            if len(self._running) >= MOST_WAITING:
                raise TooManyLogins(f"{MOST_WAITING} passwords wait to be checked")
            loop = asyncio.get_running_loop()
            running = loop.run_in_executor(self._thread, _matches, password, hashed)
            self._running[key] = running
            running.add_done_callback(lambda future: self._ended(key, future))
        # A client that goes away shall not take the result from others who wait for it.
        return await asyncio.shield(running)

    def _ended(self, key: bytes, future: asyncio.Future[bool]) -> None:
        del self._running[key]
        if future.cancelled() or future.exception() is not None:
            return
        # Apart, so that a flood of wrong guesses drives no right one out.
        cache = self._right if future.result() else self._wrong
        cache[key] = future.result()
        if len(cache) > MOST_REMEMBERED:
            cache.popitem(last=False)

    def _digest(self, *parts: bytes) -> bytes:
        digest = hashlib.blake2b(key=self._secret, digest_size=32)
        for part in parts:
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.digest()


def parse_basic(header: str) -> tuple[str, bytes] | None:
    """User and password of `Basic ...` (RFC 7617); None where the header is anything else."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    user, colon, password = decoded.partition(b":")
    if not colon:
        return None
    try:
        return user.decode(), password
    except UnicodeDecodeError:
        return user.decode("latin-1"), password


def _matches(password: bytes, hashed: bytes) -> bool:
    """bcrypt sees 72 bytes; the library wants to be told, others cut in silence."""
    try:
        return bcrypt.checkpw(password[:_LONGEST], hashed)
    except ValueError:
        return False
