"""Team Cymru's DNS zones: the names to ask for, and what their TXT records say.

`1.100.51.198.origin.asn.cymru.com` answers `64500 | 198.51.100.0/24 | DE | ripencc | 2001-01-01`,
once for each prefix announced, with several AS numbers where several announce it.
`AS64500.asn.cymru.com` answers `64500 | DE | ripencc | 2001-01-01 | EXAMPLE-ACCESS, DE`.
Source: https://www.team-cymru.com/ip-asn-mapping
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from exporter.enrichment.labels import clean_asn, clean_country, clean_prefix, clean_text

_COUNTRY_SUFFIX = re.compile(r",\s*[A-Z]{2}\s*\Z")


@dataclass(frozen=True, slots=True)
class Announcement:
    """A prefix in the routing table. `origins` is sorted; several mean a multi-origin prefix."""

    origins: tuple[int, ...]
    prefix: str
    country: str | None


def origin_name(address: IPv4Address | IPv6Address) -> str:
    """The absolute name that holds the origin of an address."""
    reverse = address.reverse_pointer
    if address.version == 4:
        return reverse.removesuffix("in-addr.arpa") + "origin.asn.cymru.com."
    return reverse.removesuffix("ip6.arpa") + "origin6.asn.cymru.com."


def as_name(asn: int) -> str:
    """The absolute name that holds the name of an AS."""
    return f"AS{asn}.asn.cymru.com."


def parse_origin(texts: Iterable[str], address: str) -> Announcement | None:
    """The longest prefix that holds the address; of equal ones that of the lowest AS number.

    Records that are malformed, that name no AS (`NA`), or whose prefix does not hold the address
    are passed over; None where none is left.
    """
    found = [each for text in texts if (each := _announcement(text, address))]
    return min(found, key=_rank, default=None)


def parse_as_name(texts: Iterable[str], asn: int) -> str | None:
    """The name of this AS, without the country at its end; None where no record tells it."""
    names = (_as_name(text, asn) for text in sorted(texts))
    return next((name for name in names if name), None)


def _rank(found: Announcement) -> tuple[int, int]:
    return -int(found.prefix.rpartition("/")[2]), found.origins[0]


def _announcement(text: str, address: str) -> Announcement | None:
    fields = text.split("|", 3)
    if len(fields) < 2:
        return None
    origins = sorted({asn for word in fields[0].split() if (asn := clean_asn(word))})
    prefix = clean_prefix(fields[1], address)
    if not origins or prefix is None:
        return None
    return Announcement(
        tuple(origins), prefix, clean_country(fields[2]) if len(fields) > 2 else None
    )


def _as_name(text: str, asn: int) -> str | None:
    fields = text.split("|", 4)
    if len(fields) < 5 or clean_asn(fields[0]) != asn:
        return None
    return clean_text(_COUNTRY_SUFFIX.sub("", fields[4]))
