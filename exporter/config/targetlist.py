"""Reads lists of targets in the format of Prometheus' file_sd and http_sd.

The labels `__module`, `__name` and `__interval` choose; other labels that begin with `__` belong
to Prometheus and are left out; the rest become labels of the target's series.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from exporter.config import rules
from exporter.config.faults import config_error, found, place, suggestion
from exporter.config.jsontree import read_json, with_lines
from exporter.config.layers import conflicts, host_family, settle
from exporter.config.node import Path, Problem
from exporter.config.report import Report
from exporter.config.shown import shown
from exporter.config.targetschema import GroupFields, ModuleFields
from exporter.config.yamltree import read_tree
from exporter.model import Family
from exporter.settings import Config, Module, Target

_MODULE: Final = "__module"
_NAME: Final = "__name"
_INTERVAL: Final = "__interval"
_OWN: Final = {
    _MODULE: rules.NAME,
    _NAME: rules.NAME,
    _INTERVAL: next(
        each
        for each in ModuleFields.model_fields["interval"].metadata
        if isinstance(each, rules.Rule)
    ),
}
_Choice = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Listed:
    """A target, and where it is listed: `targets.d/a.yml:3`, or a URL."""

    target: Target
    place: str


def read_targets(text: str, file: str, config: Config, *, json: bool) -> tuple[Listed, ...]:
    """The targets that a list holds, under the modules of `config`. Raises `ConfigError`.

    `file` names the list in faults. A list with a fault gives nothing, as in Prometheus.
    """
    tree = read_json(text) if json else read_tree(text)
    root = tree.root
    if root is None or tree.problems:
        empty = Problem(0, (), "the list is empty; an empty list is written as []")
        raise config_error(file, tree.problems or [empty])
    if not isinstance(root.value, list):
        wrong = Problem(root.line, (), f"found {found(root)}; allowed is a list of groups")
        raise config_error(file, [wrong])
    report = Report(root)
    groups = _Groups(report, config, file)
    listed = tuple(
        each for index, group in enumerate(root.value) for each in groups.targets(index, group)
    )
    if report.problems:
        problems = with_lines(report.problems, text) if json else report.problems
        raise config_error(file, problems)
    return listed


class _Groups:
    """Makes targets of groups."""

    def __init__(self, report: Report, config: Config, file: str) -> None:
        self._report = report
        self._defaults = config.defaults
        self._modules = dict(config.modules)
        self._file = file
        self._made: dict[tuple[str | None, float | None, Family | None], Module] = {}

    def targets(self, index: int, group: object) -> Iterator[Listed]:
        """The targets of the group at `index`. Faults go to the report."""
        path: Path = (index,)
        before = len(self._report)
        plain, choice = self._split(group, path)
        fields, _ = self._report.model(GroupFields, plain, path)
        if fields is None:
            return
        if _NAME in choice and len(fields.targets) != 1:
            message = "one name is for a group of one target"
            self._report.add((*path, "labels", _NAME), message)
        labels = tuple(sorted(fields.labels.items())) if fields.labels else ()
        faulty = len(self._report) > before
        for number, host in enumerate(fields.targets):
            where = (*path, "targets", number)
            module = self._module(choice, host_family(host), where, quiet=faulty)
            target = Target(choice.get(_NAME, host), host, module, labels)
            yield Listed(target, self._place(where))

    def _split(self, group: object, path: Path) -> tuple[object, _Choice]:
        """The group without labels that begin with `__`, and what those of ours choose."""
        labels = group.get("labels") if isinstance(group, dict) else None
        if not isinstance(group, dict) or not isinstance(labels, dict):
            return group, {}
        plain = {name: value for name, value in labels.items() if not name.startswith("__")}
        choice = {}
        for name in labels.keys() & _OWN.keys():
            value = self._chosen(name, labels[name], (*path, "labels", name))
            if value is not None:
                choice[name] = value
        return {**group, "labels": plain}, choice

    def _chosen(self, name: str, value: object, path: Path) -> Any:
        rule = _OWN[name]
        try:
            chosen = rule.parse(value)
        except ValueError as error:
            reason = f" ({error})" if str(error) else ""
            what = found(place(self._report.root, path)[1], text_wanted=rule.text)
            self._report.add(path, f"found {what}{reason}; allowed is {rule.allowed}")
            return None
        if name == _MODULE and chosen not in self._modules:
            hint = suggestion(str(chosen), tuple(self._modules))
            self._report.add(path, f'there is no module named "{shown(str(chosen))}"{hint}')
            return None
        return chosen

    def _module(self, choice: _Choice, family: Family | None, path: Path, *, quiet: bool) -> Module:
        key = (choice.get(_MODULE), choice.get(_INTERVAL), family)
        made = self._made.get(key)
        if made is not None:
            return made
        name, interval, _ = key
        base = self._defaults if name is None else self._modules[name]
        module = settle(base if interval is None else replace(base, interval=interval), family)
        problems = [conflict.message for conflict in conflicts(module)]
        if family is not None and module.family.value != family.value:
            problems.append(f"the host is an address of {family}, the family is {module.family}")
        if not problems:
            self._made[key] = module
        elif not quiet:
            which = "defaults" if name is None else f'module "{shown(name)}"'
            for message in problems:
                self._report.add(path, f"{message} (by {which})")
        return module

    def _place(self, path: Path) -> str:
        line = place(self._report.root, path)[0]
        return f"{self._file}:{line}" if line else self._file
