"""How many connections there may be: those who probe need descriptors too."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol as Interface

_WITHOUT_A_LIMIT = 10_000
"""Connections where the system limits no descriptors, or does not say."""


class Member(Interface):
    """A connection."""

    transport: asyncio.Transport | None


class Crowd:
    """At most `most` connections: a newcomer takes the place of who has asked nothing for longest.

    So who connects and asks at once is served, however many others only keep connections.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._members: dict[Member, None] = {}

    def enter(self, member: Member) -> None:
        """A connection is made."""
        if len(self._members) >= self._most:
            longest = next(iter(self._members))
            self.leave(longest)
            if longest.transport is not None:
                longest.transport.abort()
        self._members[member] = None

    def asked(self, member: Member) -> None:
        """A whole request has come, and is being answered."""
        if member in self._members:
            del self._members[member]
            self._members[member] = None

    def leave(self, member: Member) -> None:
        """A connection has ended."""
        self._members.pop(member, None)


def most_connections() -> int:
    """Half of the descriptors that this process may have."""
    with contextlib.suppress(ImportError):
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY:
            return soft // 2
    return _WITHOUT_A_LIMIT
