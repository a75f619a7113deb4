"""The reverse names of addresses."""

from __future__ import annotations

import pytest

from exporter.errors import FtrError
from exporter.names.lookup import LookupFailed, reverse_name


def test_addresses_have_reverse_names() -> None:
    """Addresses of both families, mapped and scoped ones were asked for by the right names."""
    assert reverse_name("192.0.2.1") == "1.2.0.192.in-addr.arpa."
    assert reverse_name("::ffff:192.0.2.1") == "1.2.0.192.in-addr.arpa."
    assert reverse_name("2001:db8::1") == "1." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa."
    assert reverse_name("fe80::1%eth0") == "1." + "0." * 28 + "8.e.f.ip6.arpa."


def test_what_is_no_address_is_a_failure() -> None:
    """Something that is no address was asked for, and we refused as for any failure."""
    with pytest.raises(LookupFailed, match=r"gw\.example is not an address") as caught:
        reverse_name("gw.example")
    assert caught.value.result == "error"
    assert isinstance(caught.value, FtrError)
