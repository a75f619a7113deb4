"""Origins from real MMDB files, good, changing and broken."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from exporter.enrichment.mmdb import MmdbFile, parse_record
from exporter.enrichment.origin import Origin
from exporter.names.lookup import LookupFailed

GEOLITE: dict[str, dict[str, Any]] = {
    "198.51.100.0/24": {
        "autonomous_system_number": 64500,
        "autonomous_system_organization": "Example Access",
    },
    "2001:db8::/32": {"autonomous_system_number": 64501},
}
IPINFO: dict[str, dict[str, Any]] = {
    "198.51.100.0/24": {
        "asn": "AS64500",
        "as_name": "Example\x00 Access",
        "as_domain": "example.net",
        "country_code": "DE",
        "country": "Germany",
    },
    "2001:db8::/32": {"asn": "AS64501", "name": "Six", "country": "FR"},
    "203.0.113.0/24": {"asn": "", "country": "US"},
}


def write(path: Path, networks: dict[str, dict[str, Any]], version: int = 6) -> Path:
    """Write an MMDB file and leave no doubt that it has changed."""
    writer = MMDBWriter(ip_version=version, ipv4_compatible=version == 6, database_type="Test-ASN")
    for prefix, record in networks.items():
        writer.insert_network(IPSet([prefix]), record)
    before = path.stat().st_mtime_ns if path.exists() else 0
    writer.to_db_file(str(path))
    os.utime(path, ns=(before + 10**9, before + 10**9))
    return path


def origins(path: Path, *addresses: str) -> list[Origin | None]:
    """What a fresh reader of the file says of each address."""

    async def ask() -> list[Origin | None]:
        file = MmdbFile(str(path))
        return [(await file.origin(address)).value for address in addresses]

    return asyncio.run(ask())


def test_geolite_layout(tmp_path: Path) -> None:
    """A GeoLite2-ASN file: number and organisation from the record, prefix from the tree."""
    path = write(tmp_path / "geolite.mmdb", GEOLITE)
    assert origins(path, "198.51.100.7", "2001:db8::1", "203.0.113.1", "::ffff:198.51.100.7") == [
        Origin(64500, "198.51.100.0/24", None, "Example Access"),
        Origin(64501, "2001:db8::/32", None, None),
        None,
        Origin(64500, "198.51.100.0/24", None, "Example Access"),
    ]


def test_ipinfo_layout(tmp_path: Path) -> None:
    """An ipinfo file: text numbers, old and new field names, checked as all text is."""
    path = write(tmp_path / "ipinfo.mmdb", IPINFO)
    assert origins(path, "198.51.100.7", "2001:db8::1", "203.0.113.1") == [
        Origin(64500, "198.51.100.0/24", "DE", "Example Access"),
        Origin(64501, "2001:db8::/32", "FR", "Six"),
        None,
    ]


def test_an_ipv4_file_knows_no_ipv6(tmp_path: Path) -> None:
    """A file for IPv4 was asked for an IPv6 address: nothing known, and no failure."""
    path = write(tmp_path / "v4.mmdb", {"198.51.100.0/24": {"asn": 64500}}, version=4)
    assert origins(path, "2001:db8::1", "198.51.100.1") == [
        None,
        Origin(64500, "198.51.100.0/24"),
    ]


@pytest.mark.parametrize(
    ("record", "origin"),
    [
        (
            {"autonomous_system_number": 64500, "as_organization": "X"},
            Origin(64500, "::/0", None, "X"),
        ),
        ({"asn": 64500, "country": {"iso_code": "de"}}, Origin(64500, "::/0", "DE", None)),
        ({"asn": "64500", "as_name": "", "name": "N"}, Origin(64500, "::/0", None, "N")),
        ({"asn": "junk"}, None),
        ({"asn": 0}, None),
        ({"asn": True}, None),
        ({"asn": ["64500"]}, None),
        ({}, None),
        ("text", None),
        (None, None),
    ],
)
def test_layouts(record: object, origin: Origin | None) -> None:
    """A record looked like this, and we read this origin from it."""
    assert parse_record(record, "2001:db8::1/0") == origin


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """The file was replaced, then broken, then gone, then back: we always knew the last good."""

    async def scene() -> None:
        path = write(tmp_path / "asn.mmdb", GEOLITE)
        file = MmdbFile(str(path))

        async def asn() -> int | None:
            found = await file.origin("198.51.100.1")
            return found.value.asn if found.value else None

        assert await asn() == 64500
        write(path, {"198.51.100.0/24": {"asn": 64999}})
        assert await asn() == 64999
        path.write_bytes(b"half a file")
        assert await asn() == 64999
        path.unlink()
        assert await asn() == 64999
        write(path, {"198.51.100.0/24": {"asn": 65000}})
        assert await asn() == 65000

    asyncio.run(scene())


def test_a_file_cut_short_while_in_use_does_no_harm(tmp_path: Path) -> None:
    """The file was truncated in place: a mapped one would end the process by SIGBUS."""

    async def scene() -> None:
        path = write(tmp_path / "asn.mmdb", GEOLITE)
        file = MmdbFile(str(path))
        await file.origin("198.51.100.1")
        os.truncate(path, 0)
        found = await file.origin("198.51.100.1")
        assert found.value is not None

    asyncio.run(scene())


@pytest.mark.parametrize("content", [None, b"", b"not a database", bytes(1000)])
def test_no_file_is_a_failure_with_its_name(tmp_path: Path, content: bytes | None) -> None:
    """There was no file, or none that can be read: a failure that names it, until there is."""
    path = tmp_path / "missing.mmdb"
    if content is not None:
        path.write_bytes(content)

    async def scene() -> None:
        file = MmdbFile(str(path))
        for _ in range(2):
            with pytest.raises(LookupFailed, match=r"missing\.mmdb: (No such|not a database)"):
                await file.origin("198.51.100.1")
        write(path, GEOLITE)
        assert (await file.origin("198.51.100.1")).value is not None

    asyncio.run(scene())


@pytest.fixture(scope="module")
def good_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a good file."""
    return write(tmp_path_factory.mktemp("mmdb") / "good.mmdb", IPINFO).read_bytes()


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_broken_bytes_cost_an_origin_at_most(
    good_file: bytes, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Bytes of the file were changed: an origin fit for labels, none, or a failure came of it."""
    broken = bytearray(good_file)
    places = st.integers(0, len(broken) - 1)
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=30)):
        broken[place] = value
    path = tmp_path_factory.getbasetemp() / "broken.mmdb"
    path.write_bytes(broken)
    for address in ("198.51.100.1", "2001:db8::1"):
        try:
            (found,) = origins(path, address)
        except LookupFailed:
            continue
        assert found is None or found.as_name is None or found.as_name.isprintable()
