"""Hosts, addresses, and what the probe endpoint may trace."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config import hosts
from tests.config_texts import refusal


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("www.example.net", "www.example.net"),
        ("_dns.example.net.", "_dns.example.net."),
        ("localhost", "localhost"),
        ("xn--mnchen-3ya.de", "xn--mnchen-3ya.de"),
        ("1and1.com", "1and1.com"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("a" * 63 + ".net", "a" * 63 + ".net"),
    ],
)
def test_hosts_are_names_or_canonical_addresses(written: str, read: str) -> None:
    """A host was written; names stay as they are, addresses take their canonical form."""
    assert hosts.parse_host(written) == read


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (5, ""),
        ("", "it is empty"),
        (" a", "begins or ends with a space"),
        ("a\x00b", "control characters"),
        ("https://a.b", "not a URL"),
        ("192.0.2.0/24", "not a network"),
        ("[::1]", "without brackets"),
        ("a.b:443", "a port goes into `port`"),
        ("fe80::1%eth0", "a zone is not possible"),
        ("::ffff:192.0.2.1", "write 192.0.2.1"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("0.0.0.0", "no single host"),
        ("255.255.255.255", "no single host"),
        ("::", "no single host"),
        ("192.0.2", "neither a whole IPv4 address nor a name"),
        ("192.0.2.010", "neither a whole IPv4 address nor a name"),
        ("0x7f000001", "neither a whole IPv4 address nor a name"),
        ("a..b", "is empty"),
        (".", "is empty"),
        ("a" * 64, "more than 63"),
        ("a." * 130 + "b", "at most 253"),
        ("-a.b", "hyphen"),
        ("a b", "names consist of"),
        ("a*b", "names consist of"),
        ("münchen.de", "in its ASCII form, xn--mnchen-3ya.de"),
        ("ü" * 80, "in its ASCII form"),
    ],
)
def test_other_hosts_are_refused_with_a_reason(written: object, reason: str) -> None:
    """Somebody wrote what is no host; we said why, and what to write where we knew."""
    found = refusal(hosts.parse_host, written)
    assert found is not None
    assert reason in found


@given(st.text(max_size=40))
def test_any_text_is_a_host_or_refused(text: str) -> None:
    """Any text came for a host; it was refused, or is an address or an ASCII name."""
    reason = refusal(hosts.parse_host, text)
    if reason is None:
        host = hosts.parse_host(text)
        assert host.isascii()
        assert hosts.parse_host(host) == host
    else:
        assert reason.isprintable()


@given(st.ip_addresses())
def test_addresses_read_back(address: IPv4Address | IPv6Address) -> None:
    """Any address came; where one may be probed, its canonical form came back."""
    reason = refusal(hosts.parse_address, str(address))
    if reason is None:
        assert ip_address(hosts.parse_address(str(address))) == address
    else:
        assert re.search("multicast|no single host|IPv4 address that", reason)


def test_addresses_only_where_addresses_are_wanted() -> None:
    """A name stood for a source address and for a name server; both were refused."""
    assert refusal(hosts.parse_address, "www.example.net") == ""
    assert "by its address" in (refusal(hosts.parse_name_server, "dns.example.net") or "")
    assert hosts.parse_name_server("FE80::1%eth0") == "fe80::1%eth0"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("192.0.2.1", "192.0.2.1"),
        ("WWW.example.net", "www.example.net"),
        ("*.Example.net", "*.example.net"),
        ("*", "*"),
    ],
)
def test_what_the_probe_endpoint_may_trace(written: str, read: str) -> None:
    """Entries of `probe.allow` were written in every way; each has one form."""
    assert hosts.parse_allowed(written) == read


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("192.0.2.1/24", "bits are set behind the prefix; 192.0.2.0/24 holds it"),
        ("192.0.2.0/33", "it is no network"),
        ("a/b", "it is no network"),
        ("*.exa mple", "in which * stands"),
        ("*..net", "in which * stands"),
        ("ex ample", "names consist of"),
        ("224.0.0.1", "multicast"),
    ],
)
def test_what_the_probe_endpoint_may_not_trace(written: str, reason: str) -> None:
    """Somebody allowed what is neither host nor network; we said why not."""
    assert reason in (refusal(hosts.parse_allowed, written) or "")
