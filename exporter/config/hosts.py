"""Reads hosts, addresses and the patterns that allow them. Raises `ValueError` with the reason."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

_LABEL: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_PATTERN: Final = re.compile(r"[A-Za-z0-9_*.-]{1,253}")
_NUMERIC_LABEL: Final = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
_LONGEST_NAME: Final = 253


def text_of(value: object) -> str:
    """Return `value`, which must be text that is not empty."""
    if not isinstance(value, str):
        raise ValueError("")
    if not value:
        raise ValueError("it is empty")
    if not value.isprintable():
        raise ValueError("it holds control characters")
    if value != value.strip():
        raise ValueError("it begins or ends with a space")
    return value


def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """The address that `text` writes out, None for anything else."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def parse_address(value: object) -> str:
    """Return an IP address in canonical form; a zone (`%eth0`) is refused."""
    text = text_of(value)
    address = address_of(text)
    if address is None:
        raise ValueError("")
    _refuse_special(address)
    return str(address)


def parse_name_server(value: object) -> str:
    """Return an IP address in canonical form; link-local ones may carry a zone."""
    address = address_of(text_of(value))
    if address is None:
        raise ValueError("a name server is given by its address")
    return str(address)


def _refuse_special(address: IPv4Address | IPv6Address) -> None:
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            raise ValueError("a zone is not possible here; name the interface in `interface`")
        if address.ipv4_mapped is not None:
            raise ValueError(f"write {address.ipv4_mapped}, the IPv4 address that it stands for")
    if address.is_multicast:
        raise ValueError("it is a multicast address")
    if address.is_unspecified or address == IPv4Address(2**32 - 1):
        raise ValueError("it is the address of no single host")


def parse_host(value: object) -> str:
    """Return a host: a name (RFC 1123, underscores allowed) or a canonical IP address."""
    text = text_of(value)
    address = address_of(text)
    if address is not None:
        _refuse_special(address)
        return str(address)
    _refuse_near_misses(text)
    labels = text.removesuffix(".").split(".")
    if _NUMERIC_LABEL.fullmatch(labels[-1]):
        raise ValueError("it is neither a whole IPv4 address nor a name")
    if len(text.removesuffix(".")) > _LONGEST_NAME:
        raise ValueError(f"a name has at most {_LONGEST_NAME} characters")
    for label in labels:
        if not _LABEL.fullmatch(label):
            raise ValueError(_why_no_label(label))
    return text


def _why_no_label(label: str) -> str:
    if not label:
        return "a part between its dots is empty"
    if len(label) > 63:
        return "a part between its dots has more than 63 characters"
    if label.startswith("-") or label.endswith("-"):
        return "a part between its dots begins or ends with a hyphen"
    return "names consist of letters, digits, hyphens, underscores and dots"


def _refuse_near_misses(text: str) -> None:
    if "://" in text:
        raise ValueError("give the host alone, not a URL")
    if "/" in text:
        raise ValueError("give one host, not a network or path")
    if text.startswith("["):
        raise ValueError("write an IPv6 address without brackets")
    if ":" in text:
        raise ValueError("it is no IPv6 address; a port goes into `port`")
    if not text.isascii():
        raise ValueError(_advice_for_unicode(text))


def _advice_for_unicode(text: str) -> str:
    advice = "write an internationalised name in its ASCII form"
    try:
        return f"{advice}, {text.encode('idna').decode('ascii')}"
    except UnicodeError:
        return advice


def parse_allowed(value: object) -> str:
    """Return an entry of `probe.allow`: address, network, host name, or name with `*`."""
    text = text_of(value)
    if "/" in text:
        return _network(text)
    if address_of(text) is not None:
        return parse_address(text)
    if "*" not in text:
        return parse_host(text).lower()
    if not _PATTERN.fullmatch(text) or ".." in text:
        raise ValueError("a pattern is a host name in which * stands for any characters")
    return text.lower()


def _network(text: str) -> str:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError("it is no network") from None
    if str(network.network_address) != str(address_of(text.partition("/")[0])):
        raise ValueError(f"bits are set behind the prefix; {network} holds it")
    return str(network)
