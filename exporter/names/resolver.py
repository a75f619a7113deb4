"""Names to addresses and back: literals, hosts file, `localhost`, then the DNS.

dnspython takes a tenth of a second to load: it is loaded at the first question that needs it,
in a thread, so that a trace to an address never waits for it and the event loop never stops.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.errors import ResolveError
from exporter.model import Family
from exporter.names.hosts import HostsFile, canonical, localhost
from exporter.names.lookup import Answer, LookupFailed, reverse_name
from exporter.settings import ResolverSettings

if TYPE_CHECKING:
    from exporter.names.query import DnsClient

_DNS = "exporter.names.query"
_RECORD = {Family.IPV4: "A", Family.IPV6: "AAAA"}
_FAMILY_NAME = {Family.IPV4: "IPv4", Family.IPV6: "IPv6"}
_HOST_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_NO_TOP_LEVEL_DOMAIN = re.compile(r"(.*\.)?(0x[0-9a-f]*|[0-9]+)\.?", re.IGNORECASE)


class Resolver:
    """Asks what the settings name, or the system's name servers; keeps no answers.

    `hosts_path` and `resolv_conf` replace the system's files. `concurrency` bounds the forward
    look-ups in flight, and with them the sockets.
    """

    def __init__(
        self,
        settings: ResolverSettings,
        *,
        hosts_path: Path | None = None,
        resolv_conf: Path = Path("/etc/resolv.conf"),
        concurrency: int = 256,
    ) -> None:
        self._settings = settings
        self._resolv_conf = resolv_conf
        self._hosts = HostsFile(hosts_path)
        self._client: DnsClient | None = None
        self._slots = asyncio.Semaphore(concurrency)

    def use(self, settings: ResolverSettings) -> None:
        """Ask these from the next question on."""
        self._settings = settings
        self._client = None

    async def addresses(self, host: str, family: Family) -> tuple[str, ...]:
        """All addresses of a host as inet_ntop(3) writes them; a literal comes back at once.

        The hosts file's order is kept; addresses from the DNS are sorted, so that a server that
        rotates them does not look like a change. Raises `ResolveError` with a message for the
        operator where there is none.
        """
        if literal := _literal(host, family):
            return (literal,)
        if listed := self._hosts.addresses(host, family):
            return listed
        if loopback := localhost(host, family):
            return (loopback,)
        client = await self._dns()
        async with self._slots:
            answer = await client.ask(host, _RECORD[family], search=True)
        found = {address for value in answer.values if (address := canonical(value, family))}
        if not found:
            missing = (
                f"has no {_RECORD[family]} record" if answer.exists else "does not exist (NXDOMAIN)"
            )
            raise ResolveError(f"{host} {missing}")
        return tuple(sorted(found, key=lambda address: ipaddress.ip_address(address).packed))

    async def ptr(self, address: str) -> Answer:
        """Names of an address, sorted and unchecked. Raises `LookupFailed`."""
        name = reverse_name(address)
        if listed := self._hosts.name(address):
            return Answer((listed,))
        answer = await (await self._dns()).ask(name, "PTR")
        return Answer(tuple(sorted(answer.values)), answer.ttl, answer.exists)

    async def txt(self, name: str) -> Answer:
        """TXT records of an absolute name, each as one unchecked text. Raises `LookupFailed`."""
        return await (await self._dns()).ask(name, "TXT")

    async def _dns(self) -> DnsClient:
        if self._client is None:
            if _DNS not in sys.modules:
                await asyncio.to_thread(import_module, _DNS)
            from exporter.names.query import DnsClient

            self._client = self._client or DnsClient(self._settings, self._resolv_conf)
        return self._client


def _literal(host: str, family: Family) -> str | None:
    """The address that `host` already is. Raises `ResolveError` for one that cannot be used."""
    if address := canonical(host, family):
        return address
    other = Family.IPV6 if family is Family.IPV4 else Family.IPV4
    if canonical(host, other):
        raise ResolveError(f"{host} is not an {_FAMILY_NAME[family]} address")
    bare, percent, zone = host.partition("%")
    if percent and canonical(bare, Family.IPV6):
        raise ResolveError(f"{host}: give the zone as the setting interface ({zone}) instead")
    plain = _HOST_NAME.fullmatch(host) if host.isascii() else host.isprintable()
    if not plain or _NO_TOP_LEVEL_DOMAIN.fullmatch(host):
        raise ResolveError(f"{host!a} is neither an address nor a host name")
    return None


__all__ = ["Answer", "LookupFailed", "Resolver"]
