"""Turns the values of a world's description into types: durations, shares, services. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any

from exporter.model import ExtensionObject, MplsEntry
from tests.lab.world import UNREACHABLE_CODES, Addresses, RateLimit, Step, WorldError

Parser = Callable[[Any], Any]
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
ACTIONS = {
    "udp": ("unreachable", "silent", "echo", "quic", "dns", "ntp", "banner"),
    "tcp": ("refused", "silent", "open"),
}


def parsed(parser: Parser, value: object, where: str) -> Any:
    try:
        return parser(value)
    except (ValueError, TypeError, KeyError, AttributeError, WorldError) as error:
        raise WorldError(f"{where}: {value!r}: {error}") from error


def mapping(value: object, where: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise WorldError(f"{where}: a mapping is expected, not {value!r}")
    return value


def only(content: Mapping[Any, Any], where: str, allowed: set[str]) -> None:
    unknown = sorted(str(key) for key in content if key not in allowed)
    if unknown:
        raise WorldError(
            f"{where}: unknown key {', '.join(unknown)}; known are {', '.join(sorted(allowed))}"
        )


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("text is expected")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false is expected")
    return value


def whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("a whole number of at least 0 is expected")
    return value


def _ttl(value: Any) -> int:
    if not 1 <= whole(value) <= 255:
        raise ValueError("a TTL between 1 and 255 is expected")
    return int(value)


def _duration(value: Any) -> float:
    match = re.fullmatch(r"([0-9.]+)(us|ms|s)", value) if isinstance(value, str) else None
    seconds = float(match[1]) * UNITS[match[2]] if match else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 60:
        raise ValueError("a duration such as 300us, 5ms or 0.2s is expected")
    return float(seconds)


def _share(value: Any) -> float:
    if isinstance(value, str) and value.endswith("%"):
        value = float(value[:-1]) / 100
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError("a share between 0 and 1, or such as 5%, is expected")
    return float(value)


def _loss(value: Any) -> float | tuple[int, ...]:
    if not isinstance(value, list):
        return _share(value)
    if not value or set(value) - {0, 1}:
        raise ValueError("a list of 0 (answered) and 1 (lost) is expected")
    return tuple(value)


def _rate_limit(value: Any) -> RateLimit | None:
    if value is None:
        return None
    match = re.fullmatch(r"([0-9.]+)/s(?: burst ([0-9]+))?", value)
    if not match:
        raise ValueError("a rate such as '1/s' or '10/s burst 5' is expected")
    rate = float(match[1])
    return RateLimit(rate, float(match[2] or max(1.0, rate)))


def _quote(value: Any) -> int | None:
    return None if value == "full" or value is None else whole(value)


def addresses(value: Any) -> Addresses:
    content = mapping(value, "addresses")
    only(content, "addresses", {"ipv4", "ipv6"})
    found = {}
    for version, key in ((4, "ipv4"), (6, "ipv6")):
        if content.get(key) is not None:
            address = ip_address(content[key])
            if address.version != version:
                raise ValueError(f"{content[key]} is no {key} address")
            found[key] = str(address)
    return Addresses(**found)


def _mpls(value: Any) -> tuple[MplsEntry, ...]:
    last = len(value) - 1
    return tuple(
        MplsEntry(whole(each["label"]), each.get("exp", 0), index == last, each.get("ttl", 1))
        for index, each in enumerate(value)
    )


def _extensions(value: Any) -> tuple[ExtensionObject, ...]:
    return tuple(
        ExtensionObject(each["class"], each["type"], bytes.fromhex(each.get("payload", "")))
        for each in value
    )


def _codes(value: Any) -> tuple[int, int] | None:
    if value is None or isinstance(value, bool):
        return None
    return UNREACHABLE_CODES[value] if isinstance(value, str) else (whole(value), whole(value))


def _optional(parser: Parser) -> Parser:
    return lambda value: None if value is None else parser(value)


def _step(value: Any) -> Step:
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not value:
        raise ValueError("a step is a hop's name or a list of branches")
    branches = (branch if isinstance(branch, list) else [branch] for branch in value)
    return tuple(tuple(text(name) for name in branch) for branch in branches)


def _path(value: Any) -> tuple[Step, ...]:
    if not isinstance(value, list):
        raise ValueError("a list of hops is expected")
    return tuple(_step(each) for each in value)


def _one_of(*allowed: str) -> Parser:
    def parser(value: Any) -> str:
        if value not in allowed:
            raise ValueError(f"one of {', '.join(allowed)} is expected")
        return str(value)

    return parser


def _services(protocol: str) -> Parser:
    """Ports are numbers, or text where they came as JSON."""
    action = _one_of(*ACTIONS[protocol])

    def parser(value: Any) -> tuple[tuple[int | str, str], ...]:
        if isinstance(value, str):
            return (("default", action(value)),)
        default = ACTIONS[protocol][0]
        given = {k if k == "default" else int(k): action(v) for k, v in value.items()}
        return tuple({"default": default, **given}.items())

    return parser


NODE_KEYS: dict[str, Parser] = {
    "delay": _duration,
    "slow": _duration,
    "jitter": _duration,
    "loss": _loss,
    "forward_loss": _share,
    "rate_limit": _rate_limit,
    "silent": _flag,
    "quote": _quote,
    "mpls": _mpls,
    "extensions": _extensions,
    "initial_ttl": _ttl,
    "return_hops": _optional(whole),
    "duplicate": whole,
    "answers_as": addresses,
    "unreachable": _codes,
    "blackhole": _flag,
    "mtu": _optional(whole),
}

TARGET_KEYS: dict[str, Parser] = {
    "path": _path,
    "balance": _one_of("flow", "packet", "destination"),
    "loop": whole,
    "unreachable": _codes,
    "icmp": _one_of("reply", "silent"),
    "udp": _services("udp"),
    "tcp": _services("tcp"),
}
