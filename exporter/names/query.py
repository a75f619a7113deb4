"""One question to the name servers, by dnspython: settings in, `Answer` or `LookupFailed` out.

dnspython does the resolver's work (servers in turn, CNAME chains, search list, TCP where an
answer is cut off). This file adds what a daemon needs: every failure in an operator's words,
resolv.conf read again when it changed, and the server that answered last asked first.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.rdata
import dns.rdatatype
import dns.rdtypes.ANY.PTR
import dns.rdtypes.ANY.TXT
import dns.resolver

from exporter.names.hosts import canonical_any, signature
from exporter.names.lookup import Answer, LookupFailed
from exporter.names.nameserver import PlainNameserver
from exporter.settings import ResolverSettings

_NO_TTL = 2**31 - 1


class DnsClient:
    """Questions to the configured name servers, or to the system's. Bound to no event loop."""

    def __init__(self, settings: ResolverSettings, resolv_conf: Path) -> None:
        self._settings = settings
        self._resolv_conf = resolv_conf
        self._signature: tuple[int, int, int] | int | None = None
        self._resolver: dns.asyncresolver.Resolver | None = None

    async def ask(self, name: str, record: str, *, search: bool = False) -> Answer:
        """Records of type A, AAAA, PTR or TXT, in the order given, as unchecked text.

        `search` tries the search list of resolv.conf with a name of too few dots. Waits
        `timeout` seconds for each server. Raises `LookupFailed`, never anything of dnspython's.
        """
        resolver = self._current()
        try:
            wanted = dns.name.from_text(name, None)
            few = search and len(wanted) <= (1 if resolver.ndots is None else resolver.ndots)
            found = await resolver.resolve(wanted, record, raise_on_no_answer=False, search=few)
        except dns.resolver.NXDOMAIN as error:
            return Answer(ttl=_absence_ttl(error), exists=False)
        except (dns.resolver.NoNameservers, dns.resolver.LifetimeTimeout) as error:
            raise self._failure(name, error.kwargs["errors"]) from error
        except (dns.exception.DNSException, UnicodeError) as error:
            raise LookupFailed("error", f"{name!a} cannot be asked for: {error}") from error
        self._prefer(resolver, found.nameserver)
        return Answer(_texts(found), _ttl(found.chaining_result.minimum_ttl))

    def _current(self) -> dns.asyncresolver.Resolver:
        # Without a file to watch, as on Windows, the system's settings are read again each minute.
        now = signature(self._resolv_conf) or int(time.monotonic() // 60)
        if self._resolver is None or now != self._signature:
            self._resolver = self._configured()
            self._signature = now
        return self._resolver

    def _configured(self) -> dns.asyncresolver.Resolver:
        settings = self._settings
        place = "the registry" if "SYSTEMROOT" in os.environ else str(self._resolv_conf)
        problem = f"no name server in {place}"
        try:
            resolver = dns.asyncresolver.Resolver(str(self._resolv_conf))
            servers: Sequence[object] = settings.nameservers or resolver.nameservers
        except (dns.exception.DNSException, ValueError, OSError) as error:
            problem = f"cannot use {place}: {error}"
            resolver = dns.asyncresolver.Resolver(configure=False)
            servers = settings.nameservers
        usable = [str(server) for server in servers if _is_server(str(server))]
        if not usable:
            raise LookupFailed("error", problem)
        resolver.nameservers = [PlainNameserver(server, settings.port) for server in usable]
        resolver.rotate = False
        resolver.timeout = settings.timeout
        resolver.lifetime = settings.timeout * len(usable)
        return resolver

    def _prefer(self, resolver: dns.asyncresolver.Resolver, server: str | None) -> None:
        """Ask the server that answered first next time: a dead one costs its timeout once."""
        servers = list(resolver.nameservers)
        if len(servers) > 1 and getattr(servers[0], "address", None) != server:
            servers.sort(key=lambda each: getattr(each, "address", None) != server)
            resolver.nameservers = servers

    def _failure(self, name: str, errors: Sequence[dns.resolver.ErrorTuple]) -> LookupFailed:
        problems = dict.fromkeys(
            f"name server {_server(error)} {self._problem(error[3])}" for error in errors
        )
        # dnspython gives up without an error to show where the wall clock was set meanwhile.
        kinds = [_result(error[3]) for error in errors] or ["timeout"]
        message = "; ".join(problems) or "the name servers did not answer"
        return LookupFailed(max(kinds, key=_RESULTS.index), f"{name}: {message}")

    def _problem(self, cause: Exception | str) -> str:
        if isinstance(cause, str):
            return f"answered {cause}"
        if isinstance(cause, dns.exception.Timeout):
            return f"did not answer within {self._settings.timeout:g} s"
        if isinstance(cause, OSError):
            return f"cannot be asked ({cause.strerror or cause})"
        return f"sent an answer that cannot be understood ({type(cause).__name__})"


_RESULTS = ("error", "unreachable", "timeout")


def _result(cause: Exception | str) -> str:
    if isinstance(cause, dns.exception.Timeout):
        return "timeout"
    return "unreachable" if isinstance(cause, OSError) else "error"


def _server(error: dns.resolver.ErrorTuple) -> str:
    return str(error[0]).removeprefix("Do53:").removesuffix("@53").replace("@", " port ")


def _is_server(text: str) -> bool:
    return canonical_any(text.partition("%")[0]) is not None


def _ttl(seconds: int) -> float | None:
    return None if seconds >= _NO_TTL else float(seconds)


def _absence_ttl(error: dns.resolver.NXDOMAIN) -> float | None:
    """How long the absence holds by the SOA record that came with it (RFC 2308 section 5)."""
    ttls = [
        response.resolve_chaining().minimum_ttl for response in error.kwargs["responses"].values()
    ]
    return _ttl(min(ttls, default=_NO_TTL))


def _texts(answer: dns.resolver.Answer) -> tuple[str, ...]:
    return tuple(_text(record) for record in answer.rrset or ())


def _text(record: dns.rdata.Rdata) -> str:
    if isinstance(record, dns.rdtypes.ANY.TXT.TXT):
        return b"".join(record.strings).decode("utf-8", "replace")
    if isinstance(record, dns.rdtypes.ANY.PTR.PTR):
        return str(record.target)
    return record.to_text()
