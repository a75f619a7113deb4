"""The hosts file and localhost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from exporter.model import Family
from exporter.names.hosts import (
    HostsFile,
    canonical,
    canonical_any,
    default_path,
    localhost,
    signature,
)

CONTENT = """\
# comment
127.0.0.1\tlocalhost
192.0.2.1  GW.Example.net gw  # the gateway
192.0.2.2  gw
2001:DB8:0::1 gw
192.0.2.2  gw again
not-an-address broken
198.51.100.9
"""


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    """A hosts file with the usual oddities."""
    path = tmp_path / "hosts"
    path.write_text(CONTENT)
    return path


def test_names_have_the_addresses_of_their_family(hosts: Path) -> None:
    """The file gave a name three addresses, and we took those of the family in its order."""
    file = HostsFile(hosts)
    assert file.addresses("gw", Family.IPV4) == ("192.0.2.1", "192.0.2.2")
    assert file.addresses("gw", Family.IPV6) == ("2001:db8::1",)
    assert file.addresses("gw.EXAMPLE.net.", Family.IPV4) == ("192.0.2.1",)
    assert file.addresses("gw.example.net", Family.IPV6) == ()
    assert file.addresses("broken", Family.IPV4) == ()
    assert file.addresses("nobody", Family.IPV4) == ()


def test_addresses_have_the_first_name(hosts: Path) -> None:
    """The file named an address twice, and the first name is its name."""
    file = HostsFile(hosts)
    assert file.name("192.0.2.1") == "GW.Example.net"
    assert file.name("192.0.2.2") == "gw"
    assert file.name("2001:db8::1") == "gw"
    assert file.name("198.51.100.9") is None


def test_a_change_is_seen(hosts: Path) -> None:
    """The operator changed the file, took it away and brought it back: we saw each at once."""
    file = HostsFile(hosts)
    assert file.addresses("new", Family.IPV4) == ()
    hosts.write_text("192.0.2.7 new\n")
    os.utime(hosts, ns=(1, 1))
    assert file.addresses("new", Family.IPV4) == ("192.0.2.7",)
    assert file.addresses("gw", Family.IPV4) == ()
    hosts.unlink()
    assert file.addresses("new", Family.IPV4) == ()
    hosts.write_text("192.0.2.8 new\n")
    assert file.addresses("new", Family.IPV4) == ("192.0.2.8",)


def test_a_file_that_cannot_be_read_is_empty(tmp_path: Path) -> None:
    """The file was a directory, or binary: names went on to the DNS."""
    assert HostsFile(tmp_path).addresses("gw", Family.IPV4) == ()
    binary = tmp_path / "binary"
    binary.write_bytes(bytes(range(256)) + b"\n192.0.2.1 \xff\xfe good\n")
    assert HostsFile(binary).addresses("good", Family.IPV4) == ("192.0.2.1",)


def test_localhost_never_leaves() -> None:
    """A target below localhost was asked for, and loopback was the answer (RFC 6761)."""
    assert localhost("localhost", Family.IPV4) == "127.0.0.1"
    assert localhost("LOCALHOST.", Family.IPV6) == "::1"
    assert localhost("db.localhost", Family.IPV4) == "127.0.0.1"
    assert localhost("notlocalhost", Family.IPV4) is None


def test_canonical_text_is_that_of_the_kernel() -> None:
    """Addresses were written in many ways, and had one text, or none where there was a doubt."""
    assert canonical("2001:DB8:0:0::1", Family.IPV6) == "2001:db8::1"
    assert canonical("::ffff:c000:201", Family.IPV6) == "::ffff:192.0.2.1"
    assert canonical("192.0.2.1", Family.IPV4) == "192.0.2.1"
    assert canonical_any("192.0.2.1") == "192.0.2.1"
    for text in ("192.0.2", "192.0.2.01", "0x7f.1", "", "192.0.2.1\x00", "gw", "\ud800"):
        assert canonical_any(text) is None
    assert canonical_any("fe80::1%eth0") is None


def test_the_file_of_this_system() -> None:
    """Nobody named a file, and we took that of the system."""
    assert default_path() == Path("/etc/hosts")
    assert signature(Path("/nonexistent/hosts")) is None
