"""Names in Team Cymru's zones, and what we make of their answers."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.enrichment.cymru import (
    Announcement,
    as_name,
    origin_name,
    parse_as_name,
    parse_origin,
)


def test_names_are_reversed_under_their_zones() -> None:
    """We asked for an IPv4 and an IPv6 origin and an AS name under the names of the zones."""
    assert origin_name(ip_address("198.51.100.1")) == "1.100.51.198.origin.asn.cymru.com."
    nibbles = "1." + "0." * 23 + "8.b.d.0.1.0.0.2"
    assert origin_name(ip_address("2001:db8::1")) == f"{nibbles}.origin6.asn.cymru.com."
    assert as_name(64500) == "AS64500.asn.cymru.com."


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (
            ["64500 | 198.51.100.0/24 | DE | ripencc | 2001-01-01"],
            Announcement((64500,), "198.51.100.0/24", "DE"),
        ),
        (
            ["64502 | 198.51.0.0/16 | US | arin |", "64501 | 198.51.100.0/24 | DE | ripencc |"],
            Announcement((64501,), "198.51.100.0/24", "DE"),
        ),
        (
            ["64501 64500 64501 | 198.51.100.0/24 | DE | ripencc | 2001-01-01"],
            Announcement((64500, 64501), "198.51.100.0/24", "DE"),
        ),
        (
            ["64501 | 198.51.100.0/24 | DE", "64500 | 198.51.100.0/24 | FR"],
            Announcement((64500,), "198.51.100.0/24", "FR"),
        ),
        (["64500 | 198.51.100.0/24"], Announcement((64500,), "198.51.100.0/24", None)),
        (
            ["junk", "NA | 198.51.100.0/24 | DE", "64500|198.51.100.0/25|eu|x|y|z"],
            Announcement((64500,), "198.51.100.0/25", "EU"),
        ),
        (["NA | 198.51.100.0/24 | DE | ripencc |"], None),
        (["64500 | 203.0.113.0/24 | DE | ripencc |"], None),
        (["64500 | 2001:db8::/32 | DE | ripencc |"], None),
        (["0 | 198.51.100.0/24 | DE | |"], None),
        (["", "|", "|||||"], None),
        ([], None),
    ],
)
def test_the_longest_prefix_that_holds_the_address_wins(
    texts: list[str], found: Announcement | None
) -> None:
    """The zone answered this for 198.51.100.7, and we concluded this."""
    assert parse_origin(texts, "198.51.100.7") == found
    assert parse_origin(reversed(texts), "198.51.100.7") == found


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (["64500 | DE | ripencc | 2001-01-01 | EXAMPLE-ACCESS, DE"], "EXAMPLE-ACCESS"),
        (
            ["64500 | US | arin | | EXAMPLE - Example, Inc. | Access, US"],
            "EXAMPLE - Example, Inc. | Access",
        ),
        (["64500 | DE | ripencc | 2001-01-01 | NO-COUNTRY"], "NO-COUNTRY"),
        (["64501 | DE | ripencc | 2001-01-01 | OTHER, DE"], None),
        (["64500 | DE | ripencc | 2001-01-01 | \x00\n, DE"], None),
        (["64500 | DE"], None),
        (["junk", "64500 | DE | x | y | GOOD, DE"], "GOOD"),
        ([], None),
    ],
)
def test_an_as_name_loses_its_country(texts: list[str], name: str | None) -> None:
    """The zone answered this for AS 64500, and we made this label of it."""
    assert parse_as_name(texts, 64500) == name


pieces = st.sampled_from(["64500", "64501 64500", "NA", "198.51.100.0/24", "198.51.100.7/32", "DE"])
records = st.lists(st.one_of(st.text(), st.lists(pieces | st.text(), max_size=7).map(" | ".join)))


@given(records)
def test_no_answer_breaks_the_parser(texts: list[str]) -> None:
    """Whatever the zone sent, a result has an AS number and a prefix that holds the address."""
    found = parse_origin(texts, "198.51.100.7")
    if found is not None:
        assert found.origins == tuple(sorted(set(found.origins)))
        assert all(1 <= asn < 2**32 for asn in found.origins)
        assert found.country is None or found.country.isalpha()
    name = parse_as_name(texts, 64500)
    assert name is None or (name.isprintable() and len(name) <= 100)
