"""What a question to the DNS gives: an `Answer`, maybe an empty one, or `LookupFailed`.

The three outcomes are kept apart, since they live differently long: a record is true for its
TTL, its absence for a shorter time (RFC 2308), and a failure says nothing about the name.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from exporter.errors import ResolveError


class LookupFailed(ResolveError):
    """No answer: `result` is `timeout`, `unreachable` or `error`, for counting."""

    def __init__(self, result: str, message: str) -> None:
        super().__init__(message)
        self.result = result


@dataclass(frozen=True, slots=True)
class Answer:
    """What an authority says, as text that nobody has checked yet.

    `values` is empty where there is no such record; `exists` is False where there is no such
    name at all (NXDOMAIN). `ttl` is in seconds, that of the absence where `values` is empty;
    None where the authority gave none.
    """

    values: tuple[str, ...] = ()
    ttl: float | None = None
    exists: bool = True


def reverse_name(address: str) -> str:
    """The absolute name under which the DNS keeps the name of an address (RFC 1035, RFC 3596).

    A v4-mapped IPv6 address is asked for as the IPv4 address in it. Raises `LookupFailed` for
    what is no address.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError as error:
        raise LookupFailed("error", f"{address} is not an address") from error
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return f"{(mapped or parsed).reverse_pointer}."
