"""Makes modules and targets of what the document says about them."""

from __future__ import annotations

from typing import Any, Final

from exporter.config.faults import suggestion
from exporter.config.layers import (
    Layer,
    combine,
    conflicts,
    explain,
    host_family,
    layer_of,
    settle,
)
from exporter.config.node import Path
from exporter.config.report import Report
from exporter.config.shown import shown
from exporter.config.targetschema import ModuleFields, TargetFields
from exporter.model import Family, FamilyChoice, Protocol
from exporter.settings import Module, Target

DEFAULT_MODULE: Final = "default"
_OPEN: Final = (FamilyChoice.AUTO, FamilyChoice.BOTH)


class TargetBuilder:
    """Knows the layers below a target, and the names that are taken."""

    def __init__(self, report: Report, defaults: Any, modules: dict[str, Any]) -> None:
        self._report = report
        self._bases: dict[str | None, tuple[Layer, ...]] = {}
        self._shared: dict[tuple[str | None, Family | None], Module] = {}
        self._interned: dict[Module, Module] = {}
        self._names: dict[str, int] = {}
        bottom = self._layer(("defaults",), {} if defaults is None else defaults)
        self._bases[None] = (bottom,)
        for name, value in modules.items():
            own = self._layer(("modules", name), value)
            self._check_port(own)
            self._bases[name] = (bottom, own)
        self.defaults = self._module(self._bases[None], None)
        self.modules = self._all_modules()

    def _layer(self, path: Path, value: object) -> Layer:
        model, _ = self._report.model(ModuleFields, value, path)
        return layer_of(path, model) if model else Layer(path, {})

    def _all_modules(self) -> tuple[tuple[str, Module], ...]:
        """Every named module with the defaults below it; `default` is the defaults alone."""
        named = {name: self._module(layers, None) for name, layers in self._bases.items() if name}
        named.setdefault(DEFAULT_MODULE, self.defaults)
        self._bases.setdefault(DEFAULT_MODULE, self._bases[None])
        return tuple(sorted(named.items()))

    def target(self, index: int, value: object) -> Target | None:
        """Return the target at `index`, None where it is no mapping. Faults go to the report."""
        path: Path = ("targets", index)
        model, bad = self._report.model(TargetFields, value, path)
        if model is None:
            return None
        name = model.host if model.name is None else model.name
        if "name" not in bad and (model.name is not None or "host" not in bad):
            self._claim(name, index, (*path, "host" if model.name is None else "name"))
        self._check_reference(model, path)
        family = None if "host" in bad else host_family(model.host)
        module = self._module_of(model, family, path)
        labels = tuple(sorted(model.labels.items())) if model.labels else ()
        return Target(name, model.host, module, labels)

    def _claim(self, name: str, index: int, path: Path) -> None:
        first = self._names.setdefault(name, index)
        if first != index:
            message = f'targets[{first}] is named "{shown(name)}" too; give each its own `name`'
            self._report.add(path, message)

    def _check_reference(self, model: TargetFields, path: Path) -> None:
        if model.module is None or model.module in self._bases:
            return
        known = tuple(name for name in self._bases if name)
        hint = suggestion(model.module, known)
        self._report.add(
            (*path, "module"), f'there is no module named "{shown(model.module)}"{hint}'
        )

    def _check_port(self, own: Layer) -> None:
        """Refuse a port right beside `protocol: icmp`; one from further below has no effect."""
        port = own.values.get("port")
        if port is not None and own.values.get("protocol") is Protocol.ICMP:
            message = f"found {port}; allowed is none beside protocol icmp, which has no ports"
            self._report.add((*own.path, "port"), message)

    def _module_of(self, model: TargetFields, family: Family | None, path: Path) -> Module:
        own = layer_of(path, model)
        if own.values:
            self._check_port(own)
            module = self._module((*self._bases.get(model.module, self._bases[None]), own), family)
            return self._interned.setdefault(module, module)
        shared = self._shared.get((model.module, family))
        if shared is None:
            before = len(self._report)
            shared = self._module((*self._bases.get(model.module, self._bases[None]), own), family)
            if len(self._report) == before:
                self._shared[model.module, family] = shared
        return shared

    def _module(self, layers: tuple[Layer, ...], family: Family | None) -> Module:
        """Combine layers; `family` is that of the target's host where that is an address."""
        combined = combine(layers)
        module = settle(combined, family)
        by_host = family is not None and combined.family in _OPEN
        if by_host:
            layers = (*layers, Layer(layers[-1].path, {"family": module.family}))
        for conflict in conflicts(module):
            path, message = explain(conflict, module, layers)
            if by_host and path[-1] == "family":
                path = (*path[:-1], "host")
            self._report.add(path, message)
        if family is not None and module.family.value != family.value:
            self._family_mismatch(module, family, layers[-1])
        return module

    def _family_mismatch(self, module: Module, family: Family, own: Layer) -> None:
        key = "family" if "family" in own.values else "host"
        message = f"the host is an address of {family}, but its family is set to {module.family}"
        self._report.add((*own.path, key), message)
