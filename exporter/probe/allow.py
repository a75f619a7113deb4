"""Pure: which hosts `/probe` may trace.

An address is allowed by an address or a network, a name by a name or a pattern, never the one by
the other: where networks alone are listed, no name gets in, whatever it resolves to. Whoever runs
the DNS of a name that is allowed chooses the addresses that are traced.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address, ip_network


class Rules:
    """The entries of `probe.allow`, as the configuration has checked them."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._networks = []
        self._names: set[str] = set()
        self._patterns: list[str] = []
        for entry in entries:
            if "*" in entry:
                self._patterns.append(entry)
            elif _is_network(entry):
                self._networks.append((ip_network(entry), entry))
            else:
                self._names.add(_plain(entry))

    def permit(self, host: str) -> str | None:
        """The entry that allows a host, as `parse_host` gives it; None where none does."""
        try:
            address = ip_address(host)
        except ValueError:
            return self._permit_name(_plain(host))
        for network, entry in self._networks:
            if network.version == address.version and address in network:
                return entry
        return None

    def _permit_name(self, name: str) -> str | None:
        if name in self._names:
            return name
        return next((each for each in self._patterns if matches(_plain(each), name)), None)


def matches(pattern: str, name: str) -> bool:
    """Whether a name is what a pattern says, where `*` stands for any characters, also none.

    Takes time in proportion to the lengths, whatever the pattern: names come from strangers.
    """
    head, *middle, tail = pattern.split("*")
    if len(name) < len(head) + len(tail):
        return False
    if not (name.startswith(head) and name.endswith(tail)):
        return False
    position, end = len(head), len(name) - len(tail)
    for part in middle:
        found = name.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


def _plain(name: str) -> str:
    """Case and the dot of an absolute name make no difference (RFC 4343, RFC 1034 section 3.1)."""
    return name.lower().removesuffix(".")


def _is_network(entry: str) -> bool:
    try:
        ip_network(entry)
    except ValueError:
        return False
    return True
