"""Imports point down: the structure of the package, held by reading every import in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.sockets.table import CANDIDATES

PACKAGE = Path(__file__).parent.parent / "exporter"

LEVELS: dict[str, int] = {
    "exporter": 0,
    "exporter.model": 0,
    "exporter.errors": 0,
    "exporter.settings": 0,
    "exporter.reading": 1,
    "exporter.statistics": 1,
    "exporter.watch": 1,
    "exporter.enrichment": 2,
    "exporter.enrichment.cymru": 1,
    "exporter.enrichment.labels": 1,
    "exporter.enrichment.scope": 1,
    "exporter.history": 2,
    "exporter.names": 2,
    "exporter.names.lookup": 1,
    "exporter.process": 2,
    "exporter.process.logformat": 1,
    "exporter.sockets": 2,
    "exporter.sockets.base": 1,
    "exporter.sockets.echo_ids": 1,
    "exporter.sockets.echo_request": 1,
    "exporter.sockets.errqueue": 1,
    "exporter.sockets.extensions": 1,
    "exporter.sockets.icmp": 1,
    "exporter.sockets.icmp_platforms": 1,
    "exporter.sockets.icmp_quirks": 1,
    "exporter.sockets.ip_packet": 1,
    "exporter.sockets.source_ports": 1,
    "exporter.sockets.table": 1,
    "exporter.sockets.tcpinfo": 1,
    "exporter.sockets.udp_services": 1,
    "exporter.sockets.windows_reply": 1,
    "exporter.sockets.wire": 1,
    "exporter.sockets.wire_dns": 1,
    "exporter.sockets.wire_ntp": 1,
    "exporter.sockets.wire_quic": 1,
    "exporter.sockets.wire_udp": 1,
    "exporter.trace": 1,
    "exporter.trace.flowset": 3,
    "exporter.trace.mtuprobe": 3,
    "exporter.trace.pacer": 3,
    "exporter.trace.tracer": 3,
    "exporter.monitoring": 3,
    "exporter.monitoring.differences": 1,
    "exporter.monitoring.pace": 1,
    "exporter.monitoring.view": 1,
    "exporter.config": 4,
    "exporter.discovery": 4,
    "exporter.metrics": 4,
    "exporter.metrics.columns": 1,
    "exporter.metrics.families": 1,
    "exporter.metrics.family": 1,
    "exporter.metrics.limit": 1,
    "exporter.metrics.lines": 1,
    "exporter.metrics.own_families": 1,
    "exporter.metrics.shown": 1,
    "exporter.metrics.text": 1,
    "exporter.probe": 4,
    "exporter.probe.allow": 1,
    "exporter.report": 4,
    "exporter.server": 4,
    "exporter.commands": 5,
    "exporter.daemon": 5,
    "exporter.cli": 6,
    "exporter.__main__": 7,
}
"""A module's level, or that of the nearest package above it."""

IMPURE = {"socket", "asyncio", "time", "threading", "subprocess", "select", "logging", "os"}
THIRD_PARTY = {
    "aiohttp": {"exporter.server", "exporter.discovery.http"},
    "bcrypt": {"exporter.server.passwords"},
    "dns": {"exporter.names.query", "exporter.names.nameserver"},
    "maxminddb": {"exporter.enrichment.mmdb"},
    "prometheus_client": {"exporter.metrics", "exporter.server"},
    "pydantic": {"exporter.config"},
    "yaml": {"exporter.config"},
    "structlog": {"exporter.process", "exporter.monitoring.scheduler", "exporter.daemon"},
}


def modules() -> Iterator[tuple[str, Path]]:
    """Every module of the package by its dotted name."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def is_module(name: str) -> bool:
    """Whether a dotted name is a module of the package, and not a name in one."""
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or path.joinpath("__init__.py").exists()


def imported(path: Path) -> Iterator[str]:
    """Dotted names that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if is_module(inner) else node.module


def level(module: str) -> int:
    """The level of a module."""
    name = module
    while name not in LEVELS:
        name, dot, _ = name.rpartition(".")
        assert dot, f"{module} has no level; give it one in LEVELS"
        if name == "exporter":
            raise AssertionError(f"{module} has no level; give it one in LEVELS")
    return LEVELS[name]


@pytest.mark.parametrize(("module", "path"), list(modules()))
def test_imports_point_down(module: str, path: Path) -> None:
    """A module imports from its own level or below, and pure ones touch nothing but values."""
    for name in imported(path):
        root = name.partition(".")[0]
        if root == "exporter":
            assert level(name) <= level(module), f"{module} imports {name} from above"
        if level(module) <= 1 and module != "exporter":
            assert root not in IMPURE, f"{module} is pure and imports {name}"
            assert root not in THIRD_PARTY, f"{module} is pure and imports {name}"


@pytest.mark.parametrize(("module", "path"), list(modules()))
def test_libraries_stay_where_they_belong(module: str, path: Path) -> None:
    """Each third-party library is known to one corner of the package only."""
    for name in imported(path):
        allowed = THIRD_PARTY.get(name.partition(".")[0])
        if allowed is not None:
            assert any(module == place or module.startswith(f"{place}.") for place in allowed), (
                f"{module} imports {name}"
            )


def test_backends_do_not_know_each_other() -> None:
    """A backend imports shared parts, never another backend; only the factory names them."""
    backends = {candidate.module for candidate in CANDIDATES}
    for module, path in modules():
        assert not backends & set(imported(path)), f"{module} imports a backend"


def test_no_cycles() -> None:
    """No module imports itself by a detour."""
    graph = {
        module: {name for name in imported(path) if name.startswith("exporter.")}
        for module, path in modules()
    }
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " -> ".join((*above, module))
        if module not in done:
            for name in graph.get(module, ()):
                visit(name, (*above, module))
            done.add(module)

    for module in graph:
        visit(module, ())
