"""What the fields of the web configuration allow."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from typing import Final

from exporter.config import durations, gonames
from exporter.config.hosts import text_of
from exporter.config.rules import Rule

MAX_COST: Final = 15
HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
"""Headers that may be set, and their values, where those are few."""

_BCRYPT: Final = re.compile(r"\$2[abxy]?\$([0-9]{2})\$[./A-Za-z0-9]{53}", re.ASCII)
_HEADER_VALUE: Final = re.compile(r"[\x20-\x7e]*")


def choice(names: Collection[str], refused: Mapping[str, str] | None = None) -> Rule:
    """Rule for one of `names`; `refused` has reasons against other names that Go knows."""

    def parse(value: object) -> str:
        name = text_of(value)
        if name not in names:
            raise ValueError((refused or {}).get(name, ""))
        return name

    words = "one of " + ", ".join(names)
    return Rule(parse, words, {"enum": list(names)})


def _bcrypt_hash(value: object) -> str:
    match = _BCRYPT.fullmatch(text_of(value))
    if match is None:
        raise ValueError("")
    cost = int(match[1])
    if cost < 4:
        raise ValueError(f"its cost {cost} is none of bcrypt's")
    if cost > MAX_COST:
        raise ValueError(f"its cost {cost} makes every login take many seconds")
    return match[0]


def _user(value: object) -> str:
    name = text_of(value)
    if ":" in name:
        raise ValueError("a colon ends the name, RFC 7617")
    return name


def _header(value: object) -> str:
    if value not in HEADERS:
        raise ValueError("")
    return str(value)


def _header_value(value: object) -> str:
    if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
        raise ValueError("")
    return value


def _pem(value: object) -> str:
    if not isinstance(value, str) or "-----BEGIN " not in value:
        raise ValueError("")
    return value


def _san(value: object) -> str:
    """Addresses are brought into the one form that certificates are shown in."""
    text = text_of(value)
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


def _interval(value: object) -> float:
    """Go reads a bare number as nanoseconds, which nobody means."""
    if isinstance(value, int | float) and value != 0:
        raise ValueError(f"the unit is missing, as in {value}s")
    seconds = durations.parse_duration(value)
    if seconds > 3600:
        raise ValueError("")
    return seconds


CLIENT_AUTH: Final = choice(gonames.CLIENT_AUTH, gonames.UNVERIFIED)
VERSION: Final = choice(gonames.VERSIONS, gonames.OLD_VERSIONS)
SUITE: Final = choice((*gonames.SUITES, *sorted(gonames.MODERN_SUITES)))
CURVE: Final = choice(gonames.CURVES)
SAN: Final = Rule(_san, "a DNS name, an IP address, an e-mail address or a URI", {"type": "string"})
PEM: Final = Rule(_pem, "text in PEM form", {"type": "string"})
SECRET_PEM: Final = Rule(_pem, "a private key in PEM form", {"type": "string"}, secret=True)
BCRYPT: Final = Rule(
    _bcrypt_hash,
    f"a bcrypt hash of cost 4 to {MAX_COST}, as `htpasswd -nBC 10 USER` makes",
    {"type": "string"},
    secret=True,
)
USER: Final = Rule(_user, "a user name without a colon", {"type": "string"})
HEADER: Final = Rule(_header, "one of " + ", ".join(HEADERS), {"enum": list(HEADERS)})
HEADER_VALUE: Final = Rule(_header_value, "text of printable ASCII", {"type": "string"})
INTERVAL: Final = Rule(
    _interval, "a duration up to 1h, as 100ms; 0 for no limit", {"type": "string"}, text=False
)
