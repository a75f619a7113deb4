"""Text from strangers into text fit for a label, or None: nothing else may become a label."""

from __future__ import annotations

import ipaddress
import re
import unicodedata

_HOSTNAME = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_LONGEST_HOSTNAME = 253
_HIGHEST_ASN = 2**32 - 1


def clean_hostname(text: str) -> str | None:
    """A host name in lower case without trailing dot: letters, digits, hyphen, underscore.

    None for anything else (RFC 1123 section 2.1; RFC 8553 for the underscore), and for what ends
    in a number: no name in the DNS does, but a false address would.
    """
    name = text.removesuffix(".")
    if len(name) > _LONGEST_HOSTNAME or not name.isascii():
        return None
    name = name.lower()
    if not _HOSTNAME.fullmatch(name) or name.rpartition(".")[2].isdecimal():
        return None
    return name


def clean_text(text: str, limit: int = 100) -> str | None:
    """One line of at most `limit` printable characters; None where nothing is left.

    White space becomes one space. Control, format (so also bidirectional), surrogate, private
    and unassigned characters are dropped.
    """
    spaced = " ".join(text[: 8 * limit].split())
    printable = "".join(filter(str.isprintable, spaced))
    return unicodedata.normalize("NFC", printable)[:limit].strip() or None


def clean_country(text: str) -> str | None:
    """Two letters in upper case (ISO 3166-1 alpha-2), else None."""
    code = text.strip()
    return code.upper() if len(code) == 2 and code.isascii() and code.isalpha() else None


def clean_asn(text: str) -> int | None:
    """An AS number from `64500` or `AS64500`; None where it is no number from 1 to 2**32 - 1."""
    digits = text.strip().upper().removeprefix("AS")
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 10:
        return None
    number = int(digits)
    return number if 1 <= number <= _HIGHEST_ASN else None


def clean_prefix(text: str, address: str) -> str | None:
    """A network in canonical form that holds the address, else None."""
    try:
        network = ipaddress.ip_network(text.strip())
        holds = ipaddress.ip_address(address) in network
    except ValueError:
        return None
    return str(network) if holds else None
