"""Text from strangers becomes text fit for a label, or None."""

from __future__ import annotations

import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.enrichment.labels import (
    clean_asn,
    clean_country,
    clean_hostname,
    clean_prefix,
    clean_text,
)

HOSTNAME_LETTERS = frozenset(string.ascii_lowercase + string.digits + "-_.")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("gw.example.net.", "gw.example.net"),
        ("GW1-xe-0_0_1.Core.Example.NET", "gw1-xe-0_0_1.core.example.net"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("localhost", "localhost"),
        (".".join(["a" * 63] * 3 + ["b" * 61]), ".".join(["a" * 63] * 3 + ["b" * 61])),
        (".".join(["a" * 63] * 3 + ["b" * 62]), None),
        ("a" * 64 + ".example", None),
        ("", None),
        (".", None),
        ("a..b", None),
        (".a", None),
        ("a.example..", None),
        ("a b.example", None),
        ("a.example\n", None),
        ('evil"}.example', None),
        ("a\\032b.example", None),
        ("büro.example", None),
        ("\u212aelvin.example", None),
        ("192.0.2.1", None),
        ("7", None),
    ],
)
def test_a_host_name_is_plain_or_nothing(text: str, name: str | None) -> None:
    """A PTR record held this target, and we made this label of it."""
    assert clean_hostname(text) == name


@given(st.text())
def test_no_text_makes_a_bad_host_name(text: str) -> None:
    """Whatever a name server sent, only letters, digits, hyphens, underscores and dots remain."""
    name = clean_hostname(text)
    assert name is None or (set(name) <= HOSTNAME_LETTERS and 0 < len(name) <= 253)
    assert name is None or clean_hostname(name) == name


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("EXAMPLE-ACCESS", "EXAMPLE-ACCESS"),
        ("  two \t words\n", "two words"),
        ("a\x00\x1b[31mb\x7f", "a[31mb"),
        ("\u202eevil\u2066\u200b", "evil"),
        ("\ud800x\ue000\uffff", "x"),
        ("Zu\u0308rich", "Z\u00fcrich"),
        ('quote " and \\ stay', 'quote " and \\ stay'),
        ("x" * 200, "x" * 100),
        ("x" * 99 + " tail", "x" * 99),
        ("\x00\n", None),
        ("", None),
    ],
)
def test_a_text_is_one_printable_line(text: str, clean: str | None) -> None:
    """An AS had this name, and we made this label of it."""
    assert clean_text(text) == clean


@given(st.text(st.characters(codec=None)), st.integers(1, 120))
def test_no_text_makes_a_bad_line(text: str, limit: int) -> None:
    """Whatever the name of an AS, the label is short, printable and free of direction marks."""
    clean = clean_text(text, limit)
    if clean is not None:
        assert 0 < len(clean) <= limit
        assert clean.isprintable()
        assert all(unicodedata.category(each) not in ("Cc", "Cf", "Cs") for each in clean)
        clean.encode()


def test_a_very_long_text_costs_no_time() -> None:
    """An AS name of ten megabytes was cut before it was looked at."""
    assert clean_text("long " * 2_000_000) == ("long " * 20).strip()


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("DE", "DE"),
        (" us ", "US"),
        ("", None),
        ("D", None),
        ("DEU", None),
        ("D1", None),
        ("ÄÖ", None),
        ('"\n', None),
        ("\u0131\u0131", None),
    ],
)
def test_a_country_is_two_letters(text: str, country: str | None) -> None:
    """A registry named this country, and we made this label of it."""
    assert clean_country(text) == country


@pytest.mark.parametrize(
    ("text", "asn"),
    [
        ("64500", 64500),
        ("AS64500", 64500),
        (" as1 ", 1),
        ("4294967295", 4294967295),
        ("4294967296", None),
        ("0", None),
        ("-1", None),
        ("", None),
        ("NA", None),
        ("1.5", None),
        ("٣", None),
        ("1e3", None),
        ("9" * 5000, None),
        ("1_0", None),
    ],
)
def test_an_as_number_has_32_bits(text: str, asn: int | None) -> None:
    """An origin was announced as this, and we took it for this AS number."""
    assert clean_asn(text) == asn


@pytest.mark.parametrize(
    ("text", "address", "prefix"),
    [
        ("198.51.100.0/24", "198.51.100.7", "198.51.100.0/24"),
        (" 2001:DB8::/32 ", "2001:db8::1", "2001:db8::/32"),
        ("198.51.100.0/24", "203.0.113.7", None),
        ("198.51.100.1/24", "198.51.100.7", None),
        ("198.51.100.0/33", "198.51.100.7", None),
        ("2001:db8::/32", "198.51.100.7", None),
        ("198.51.100.0/24", "nonsense", None),
        ('"}', "198.51.100.7", None),
    ],
)
def test_a_prefix_holds_its_address(text: str, address: str, prefix: str | None) -> None:
    """This prefix was claimed for this address, and we believed it only where it fits."""
    assert clean_prefix(text, address) == prefix
