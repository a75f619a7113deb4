"""Which hosts `/probe` may trace, and every way to get around that."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.hosts import parse_allowed, parse_host
from exporter.probe.allow import Rules, matches


def permit(host: str, *entries: str) -> str | None:
    """Which entry lets a host in, both as the configuration and the query are read."""
    return Rules([parse_allowed(entry) for entry in entries]).permit(parse_host(host))


@pytest.mark.parametrize(
    ("host", "entry"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.255", "192.0.2.0/24"),
        ("2001:db8::1", "2001:db8::/32"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("10.1.2.3", "0.0.0.0/0"),
        ("www.example.net", "www.example.net"),
        ("WWW.Example.NET.", "www.example.net"),
        ("www.example.net", "WWW.example.net."),
        ("a.b.example.net", "*.example.net"),
        ("www.example.net", "www.*.net"),
        ("www-3.example.net", "www-*.example.*"),
        ("anything", "*"),
    ],
)
def test_allowed(host: str, entry: str) -> None:
    """The entry stands among others, and is the one that is named."""
    others = ("198.51.100.7", "other.example", "203.0.113.0/24")
    assert permit(host, *others, entry) == parse_allowed(entry).removesuffix(".")
    assert permit(host, *others) is None


@pytest.mark.parametrize(
    ("host", "entries"),
    [
        ("192.0.2.1", ()),
        ("www.example.net", ()),
        ("192.0.3.1", ("192.0.2.0/24",)),
        ("2001:db9::1", ("2001:db8::/32",)),
        ("192.0.2.1", ("*",)),
        ("192.0.2.1", ("192.0.2.*",)),
        ("2001:db8::1", ("*", "0.0.0.0/0")),
        ("www.example.net", ("0.0.0.0/0", "::/0")),
        ("localhost", ("0.0.0.0/0", "::/0")),
        ("example.net", ("*.example.net",)),
        ("evil-example.net", ("*.example.net",)),
        ("www.example.net.evil.org", ("*.example.net", "www.example.net")),
        ("www.example.netx", ("www.example.net",)),
        ("aba", ("ab*ba",)),
    ],
)
def test_denied(host: str, entries: tuple[str, ...]) -> None:
    """Close, but not what the entries say: an address by a pattern, a name by a network, ..."""
    assert permit(host, *entries) is None


@pytest.mark.parametrize(
    "host",
    [
        *("0x7f.1", "127.1", "2130706433", "0177.0.0.1", "127.0.0.1.", "::ffff:127.0.0.1"),
        *("::", "0.0.0.0", "255.255.255.255", "224.0.0.1", "fe80::1%lo", "[::1]", "127.0.0.1:80"),
        *("http://127.0.0.1/", "127.0.0.1/8", "a b", "a\nb", "", " a", "ä.example", "a..b", "-a"),
    ],
)
def test_other_spellings_of_addresses_are_no_hosts(host: str) -> None:
    """What some resolver might take for an address is refused before any rule is asked."""
    with pytest.raises(ValueError, match=r".*"):
        parse_host(host)


@given(
    st.text("ab.*", max_size=8).filter(lambda text: "*" in text),
    st.text("ab.", max_size=10),
)
def test_patterns_mean_what_they_say(pattern: str, name: str) -> None:
    """Compared with the plain definition, tried out by recursion."""

    def slowly(pattern: str, name: str) -> bool:
        if not pattern:
            return not name
        if pattern[0] == "*":
            return any(slowly(pattern[1:], name[end:]) for end in range(len(name) + 1))
        return name[:1] == pattern[0] and slowly(pattern[1:], name[1:])

    assert matches(pattern, name) == slowly(pattern, name)


def test_hostile_names_cost_no_time() -> None:
    """A pattern of many stars, and a name that almost fits."""
    started = time.monotonic()
    assert not matches("a*" * 100 + "b", "a" * 253)
    assert time.monotonic() - started < 0.5
