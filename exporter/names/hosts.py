"""The hosts(5) file and `localhost`: names that are answered before the DNS is asked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from exporter.model import Family

_FAMILIES = {Family.IPV4: AF_INET, Family.IPV6: AF_INET6}
_LOOPBACK = {Family.IPV4: "127.0.0.1", Family.IPV6: "::1"}


def canonical(address: str, family: Family) -> str | None:
    """The text that inet_ntop(3) gives; None for what is no address of this family."""
    number = _FAMILIES[family]
    try:
        return inet_ntop(number, inet_pton(number, address))
    except (OSError, ValueError):
        return None


def canonical_any(address: str) -> str | None:
    """The text that inet_ntop(3) gives for an address of either family, else None."""
    return canonical(address, Family.IPV6 if ":" in address else Family.IPV4)


def default_path() -> Path:
    """Where this system keeps its hosts file; Windows tells its own place in `SYSTEMROOT`."""
    root = os.environ.get("SYSTEMROOT")
    return Path(root, "System32", "drivers", "etc", "hosts") if root else Path("/etc/hosts")


def localhost(name: str, family: Family) -> str | None:
    """The loopback address for `localhost` and all names below it (RFC 6761 section 6.3)."""
    name = name.removesuffix(".").lower()
    return _LOOPBACK[family] if name == "localhost" or name.endswith(".localhost") else None


def signature(path: Path) -> tuple[int, int, int] | None:
    """Changes whenever the file does; None where it cannot be seen."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


class HostsFile:
    """A hosts file, read again when it has changed; one that cannot be read is empty."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or default_path()
        self._signature: tuple[int, int, int] | None = None
        self._addresses: dict[str, list[str]] = {}
        self._names: dict[str, str] = {}

    def addresses(self, name: str, family: Family) -> tuple[str, ...]:
        """Canonical addresses of a name, in the order of the file."""
        self._refresh()
        listed = self._addresses.get(name.removesuffix(".").lower(), ())
        found = (canonical(address, family) for address in listed)
        return tuple(dict.fromkeys(address for address in found if address))

    def name(self, address: str) -> str | None:
        """The first name that the file gives an address, as written there; unchecked."""
        self._refresh()
        return self._names.get(address)

    def _refresh(self) -> None:
        now = signature(self._path)
        if now == self._signature:
            return
        self._signature = now
        self._addresses, self._names = {}, {}
        for address, names in _entries(self._lines()):
            self._names.setdefault(canonical_any(address) or address, names[0])
            for name in names:
                self._addresses.setdefault(name.removesuffix(".").lower(), []).append(address)

    def _lines(self) -> list[str]:
        try:
            return self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except (OSError, ValueError):
            return []


def _entries(lines: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    for line in lines:
        address, *names = line.partition("#")[0].split() or [""]
        if names:
            yield address, names
