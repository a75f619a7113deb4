"""Chooses the address family of a host that may have both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from exporter.errors import ResolveError
from exporter.model import Family
from exporter.names.lookup import LookupFailed

Resolve = Callable[[str, Family], Awaitable[tuple[str, ...]]]


async def first_family(
    resolve: Resolve, host: str, families: Iterable[Family]
) -> tuple[Family, tuple[str, ...]]:
    """The first of these families in which the host has addresses, and those addresses.

    Raises `ResolveError` with the message for the first family where none has. A name server that
    fails says nothing about families, so that it does not move a host from one to the other.
    """
    refusals = []
    for family in families:
        try:
            return family, await resolve(host, family)
        except LookupFailed:
            raise
        except ResolveError as error:
            refusals.append(error)
    raise refusals[0]
