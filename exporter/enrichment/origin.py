"""Who announces an address: the origin and the two questions to Team Cymru that tell it."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.enrichment import cymru
from exporter.enrichment.cache import Found
from exporter.enrichment.labels import clean_hostname
from exporter.enrichment.scope import public_address
from exporter.names.resolver import Resolver


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of an address; of several AS numbers the lowest. All of it fit for labels.

    `as_name` is None also where the source has another way to tell it.
    """

    asn: int
    prefix: str | None = None
    country: str | None = None
    as_name: str | None = None


async def find_hostname(resolver: Resolver, address: str) -> Found[str]:
    """The name of an address; of several the first in the alphabet. Raises `LookupFailed`."""
    answer = await resolver.ptr(address)
    names = sorted(name for text in answer.values if (name := clean_hostname(text)))
    return Found(names[0] if names else None, answer.ttl)


async def find_origin(resolver: Resolver, address: str) -> Found[Origin]:
    """The origin of an address from Team Cymru's zone; None for one that is local.

    Raises `LookupFailed`.
    """
    public = public_address(address)
    if public is None:
        return Found(None)
    answer = await resolver.txt(cymru.origin_name(public))
    found = cymru.parse_origin(answer.values, str(public))
    if found is None:
        return Found(None, answer.ttl)
    return Found(Origin(found.origins[0], found.prefix, found.country), answer.ttl)


async def find_as_name(resolver: Resolver, asn: int) -> Found[str]:
    """The name of an AS from Team Cymru's zone. Raises `LookupFailed`."""
    answer = await resolver.txt(cymru.as_name(asn))
    return Found(cymru.parse_as_name(answer.values, asn), answer.ttl)
