"""Lays defaults, module and target on top of one another, and finds what does not fit together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from ipaddress import ip_address
from typing import Final, NamedTuple

from exporter.config.durations import format_duration
from exporter.config.faults import key_of
from exporter.config.node import Path
from exporter.config.shown import shown
from exporter.config.targetschema import ModuleFields
from exporter.model import Family, FamilyChoice, Protocol
from exporter.settings import Module
from exporter.sockets.table import PLATFORM, candidates
from exporter.sockets.udp_services import size_fault

FIELD_NAMES: Final = tuple(field.name for field in fields(Module))
_FIELD_SET: Final = frozenset(FIELD_NAMES)
_WEB_PORT: Final = 443
_OPTIONS: Final = ("packet_size", "dscp", "source", "interface", "mtu")
_SINGLE: Final = {FamilyChoice.IPV4: Family.IPV4, FamilyChoice.IPV6: Family.IPV6}


class Layer(NamedTuple):
    """Module fields written down in one place."""

    path: Path
    values: dict[str, object]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Fields that are each right and together wrong."""

    names: tuple[str, ...]
    message: str


def layer_of(path: Path, model: ModuleFields) -> Layer:
    """Return the module fields that are written in `model`."""
    names = model.model_fields_set & _FIELD_SET
    return Layer(path, {name: getattr(model, name) for name in names} if names else {})


def combine(layers: Sequence[Layer]) -> Module:
    """Return the module that the layers make, a later one winning over an earlier one."""
    merged: dict[str, object] = {}
    for layer in layers:
        merged.update(layer.values)
    return Module(**merged)  # type: ignore[arg-type]  # the models carry the fields' types


def settle(module: Module, family: Family | None) -> Module:
    """Fill in what follows from the rest; `family` is that of a host written as an address.

    TCP and QUIC go to port 443 where none is named; an address decides the family, as does a
    source address where the family was left open.
    """
    changes: dict[str, object] = {}
    if module.port is None and module.protocol in (Protocol.TCP, Protocol.QUIC):
        changes["port"] = _WEB_PORT
    if family is not None and module.family in (FamilyChoice.AUTO, FamilyChoice.BOTH):
        changes["family"] = FamilyChoice(family)
    elif module.source is not None and module.family is FamilyChoice.AUTO:
        changes["family"] = FamilyChoice(family_of(module.source))
    return replace(module, **changes) if changes else module  # type: ignore[arg-type]  # as above


def family_of(address: str) -> Family:
    """The family of an address in its canonical form."""
    return Family.IPV6 if ":" in address else Family.IPV4


def host_family(host: str) -> Family | None:
    """The family of a host that is written as an address, None for a name."""
    try:
        return Family.IPV4 if ip_address(host).version == 4 else Family.IPV6
    except ValueError:
        return None


def _hops(module: Module) -> Iterator[Conflict]:
    if module.first_hop > module.max_hops:
        names = ("first_hop", "max_hops")
        yield Conflict(names, "first_hop lies beyond max_hops")


def _times(module: Module) -> Iterator[Conflict]:
    if module.timeout > module.interval:
        yield Conflict(("timeout", "interval"), "timeout is longer than interval")


def _sizes(module: Module) -> Iterator[Conflict]:
    wants_ipv6 = module.family in (FamilyChoice.IPV6, FamilyChoice.BOTH)
    family = Family.IPV6 if wants_ipv6 else Family.IPV4
    size, port, payload = module.packet_size, module.port, module.payload
    fault = size_fault(module.protocol, family, size, port, payload)
    if fault is not None:
        yield Conflict(("packet_size", "protocol", "family"), fault)


def _payloads(module: Module) -> Iterator[Conflict]:
    if module.payload is not None and (module.protocol is not Protocol.UDP or module.port is None):
        names = ("payload", "protocol", "port")
        yield Conflict(names, "a payload is for protocol udp and a port of its own")


def _sources(module: Module) -> Iterator[Conflict]:
    if module.source is None or module.family is FamilyChoice.AUTO:
        return
    if module.family is FamilyChoice.BOTH:
        message = "an address to send from serves one family, not both"
        yield Conflict(("source", "family"), message)
    elif _SINGLE[module.family] is not family_of(module.source):
        yield Conflict(("source", "family"), "source is an address of the other family")


def _backends(module: Module) -> Iterator[Conflict]:
    """A protocol that no backend speaks on this platform, options that none of them can honour."""
    able = candidates(module.protocol)
    if not able:
        yield Conflict(("protocol",), f"nothing here probes by {module.protocol} on {PLATFORM}")
    for name in _OPTIONS:
        options = frozenset((name,)) if getattr(module, name) else frozenset[str]()
        obstacles = [each.obstacles(options) for each in able]
        if obstacles and all(obstacles):
            yield Conflict((name, "protocol"), f"{able[0].backend}: {obstacles[0][0]}")


_CHECKS: Final[tuple[Callable[[Module], Iterator[Conflict]], ...]] = (
    _hops,
    _times,
    _sizes,
    _payloads,
    _sources,
    _backends,
)


def conflicts(module: Module) -> list[Conflict]:
    """Return all that does not fit together in a settled module."""
    return [conflict for check in _CHECKS for conflict in check(module)]


def explain(conflict: Conflict, module: Module, layers: Sequence[Layer]) -> tuple[Path, str]:
    """Return where a conflict is best repaired, and a message that names all its sources."""
    origins = {
        name: next((layer.path for layer in reversed(layers) if name in layer.values), None)
        for name in conflict.names
    }
    written = [(path, name) for name, path in origins.items() if path is not None]
    depths = {layer.path: depth for depth, layer in enumerate(layers)}
    path = max(written, key=lambda item: depths[item[0]], default=(layers[-1].path, ""))
    where = ", ".join(
        f"{name} is {_value(getattr(module, name))} {_origin(origins[name])}"
        for name in conflict.names
    )
    return (*path[0], path[1]) if path[1] else path[0], f"{conflict.message}: {where}"


def _origin(path: Path | None) -> str:
    return "by default" if path is None else f"in {key_of(path)}"


def _value(value: object) -> str:
    if isinstance(value, bytes):
        return shown(value.hex())
    if isinstance(value, bool):
        return str(value).lower()
    return format_duration(value) if isinstance(value, float) else str(value)
