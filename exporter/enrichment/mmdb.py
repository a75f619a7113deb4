"""Origins from a local MMDB file: GeoLite2-ASN, ipinfo and db-ip layouts.

The file is read into memory, not mapped: one that is overwritten in place would otherwise end the
process by SIGBUS. It is read again when it has changed, in a thread; what cannot be read leaves
the database before it in use.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping
from io import BytesIO
from ipaddress import ip_address, ip_network
from pathlib import Path

import maxminddb

from exporter.enrichment.cache import Found
from exporter.enrichment.labels import clean_asn, clean_country, clean_text
from exporter.enrichment.origin import Origin
from exporter.names.hosts import signature
from exporter.names.lookup import LookupFailed

# What maxminddb raises on hostile bytes besides its own InvalidDatabaseError.
_BROKEN = (
    maxminddb.InvalidDatabaseError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    RecursionError,
    AttributeError,
    struct.error,
)
_LIFETIME = 60.0  # the cache makes the most of it: a new file shows within minutes
_ASN = ("autonomous_system_number", "asn")
_NAME = ("autonomous_system_organization", "as_name", "name", "as_organization")
_COUNTRY = ("country_code", "country")


class MmdbFile:
    """An MMDB file that may come, change and go while it is used."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._signature: tuple[int, int, int] | None = None
        self._reader: maxminddb.Reader | None = None
        self._problem = ""
        self._loading = asyncio.Lock()

    async def origin(self, address: str) -> Found[Origin]:
        """The origin of an address. Raises `LookupFailed` where there is no readable file."""
        async with self._loading:
            now = signature(self._path)
            if now is None or now != self._signature:
                self._signature = now
                await self._load()
        if self._reader is None:
            raise LookupFailed("error", f"{self._path}: {self._problem}")
        try:
            asked = ip_address(address)
            asked = getattr(asked, "ipv4_mapped", None) or asked
            if asked.version > self._reader.metadata().ip_version:
                return Found(None, _LIFETIME)
            record, bits = self._reader.get_with_prefix_len(asked)
        except _BROKEN as error:
            raise LookupFailed("error", f"{self._path}: {error!r}") from error
        return Found(parse_record(record, f"{asked}/{bits}"), _LIFETIME)

    async def _load(self) -> None:
        try:
            self._reader = await asyncio.to_thread(_open, self._path)
        except OSError as error:
            self._problem = error.strerror or str(error)
        except _BROKEN as error:
            self._problem = f"not a database that can be read ({error})"


def parse_record(record: object, prefix: str) -> Origin | None:
    """An origin from a record of any known layout; None where it names no AS.

    `prefix` is the network that the record holds for; its host bits may be set.
    """
    if not isinstance(record, Mapping):
        return None
    asn = clean_asn(_first(record, _ASN))
    if asn is None:
        return None
    return Origin(
        asn,
        prefix=str(ip_network(prefix, strict=False)),
        country=clean_country(_first(record, _COUNTRY)),
        as_name=clean_text(_first(record, _NAME)),
    )


def _open(path: Path) -> maxminddb.Reader:
    return maxminddb.open_database(BytesIO(path.read_bytes()), maxminddb.MODE_FD)


def _first(record: Mapping[object, object], keys: tuple[str, ...]) -> str:
    """The first of these fields that is there, as text: numbers and nested codes included."""
    for key in keys:
        value = record.get(key)
        if isinstance(value, Mapping):
            value = value.get("iso_code")
        if isinstance(value, str | int) and value != "":
            return str(value)
    return ""
