"""Local addresses stay at home; all others, those of the documentation too, may be asked for."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.enrichment.scope import public_address

LOCAL = """
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.0.1
    169.254.1.1 172.16.0.1 172.31.255.255 192.0.0.1 192.168.0.1 224.0.0.1 239.255.255.255
    240.0.0.1 255.255.255.255
    :: ::1 fc00::1 fd12:3456::1 fe80::1 febf::1 fec0::1 ff02::1 64:ff9b:1::1
    ::ffff:10.0.0.1 ::ffff:192.168.1.1 ::ffff:127.0.0.1 64:ff9b::10.0.0.1 2002:a00:1::1
    fe80::1%eth0 2001:db8::1%eth0
    nonsense 192.0.2 192.0.2.1/32
"""
PUBLIC = """
    1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.0
    192.0.2.1 198.51.100.1 203.0.113.1 198.18.0.1 192.167.255.255 192.0.0.8 223.255.255.255
    2001:db8::1 2001:db8:ffff::1 2606:4700::1111 3fff::1 64:ff9b::c000:201 2002:c000:201::1
"""


@pytest.mark.parametrize("text", LOCAL.split())
def test_a_local_address_is_not_asked_for(text: str) -> None:
    """A hop had this local address (or none at all), and nobody outside was told."""
    assert public_address(text) is None


@pytest.mark.parametrize("text", PUBLIC.split())
def test_any_other_address_is_asked_for(text: str) -> None:
    """A hop had this address, and we asked for it, were it for documentation or benchmarks."""
    assert public_address(text) == ip_address(text)


def test_a_mapped_address_stands_for_the_one_in_it() -> None:
    """A hop showed itself as a v4-mapped address, and we asked for the IPv4 address in it."""
    assert public_address("::ffff:192.0.2.1") == ip_address("192.0.2.1")


@given(st.ip_addresses(v=4))
def test_mapped_and_plain_are_judged_alike(address: object) -> None:
    """However an IPv4 address was written, we came to one judgement."""
    assert public_address(f"::ffff:{address}") == public_address(str(address))
