"""Makes a `Config` of a file, or tells every fault in it at once."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Any, Final

from exporter.config import sections
from exporter.config.faults import config_error, found
from exporter.config.node import Problem
from exporter.config.report import Report
from exporter.config.schema import Document
from exporter.config.source import Unreadable, read_text
from exporter.config.targets import TargetBuilder
from exporter.config.yamltree import LOADER, read_tree
from exporter.settings import Config, Target

_WORK: Final = ("targets", "target_files", "target_urls", "probe")


def load_config(path: str | FilePath) -> Config:
    """Read a configuration file. Raises `ConfigError` with every fault in it.

    Paths in the file are relative to its directory and come back joined to it.
    """
    file = FilePath(path)
    try:
        text = read_text(file)
    except Unreadable as error:
        raise config_error(str(path), [error.problem]) from error
    return parse_config(text, str(path), file.parent)


def parse_config(text: str, file: str, directory: FilePath, loader: Any = LOADER) -> Config:
    """Make a configuration of YAML text; `file` names it in faults. Raises `ConfigError`."""
    tree = read_tree(text, loader)
    root = tree.root
    if root is None or root.value is None:
        empty = Problem(0, (), "the file is empty; it needs at least `targets`")
        raise config_error(file, tree.problems or [empty])
    if not isinstance(root.value, dict):
        wrong = Problem(root.line, (), f"found {found(root)}; allowed is a mapping with `targets`")
        raise config_error(file, tree.problems or [wrong])
    report = Report(root)
    config = _build(report, root.value, directory)
    problems = [*tree.problems, *report.problems]
    if problems:
        raise config_error(file, problems)
    return config


def _build(report: Report, data: dict[str, Any], directory: FilePath) -> Config:
    document = report.model(Document, _outline(data), ())[0] or Document()
    if not any(name in data for name in _WORK):
        report.add((), "there is nothing to trace; give `targets`")
    builder = TargetBuilder(report, data.get("defaults"), _mapping(data.get("modules")))
    asn = _mapping(data.get("enrichment")).get("asn")
    return Config(
        targets=_targets(builder, data.get("targets")),
        defaults=builder.defaults,
        modules=builder.modules,
        target_files=sections.target_files(document.target_files, directory),
        target_urls=sections.target_urls(report, document.target_urls, directory),
        resolver=sections.resolver(document.resolver),
        enrichment=sections.enrichment(report, document.enrichment, asn, directory),
        probe=sections.probe(document.probe),
        limits=sections.limits(document.limits),
    )


def _outline(data: dict[str, Any]) -> dict[str, Any]:
    """The document without the parts that are validated piece by piece."""
    outline = {**data, "defaults": None}
    if isinstance(data.get("modules"), dict):
        outline["modules"] = {name: {} for name in data["modules"]}
    if isinstance(data.get("targets"), list):
        outline["targets"] = []
    enrichment = _mapping(data.get("enrichment"))
    if enrichment:
        outline["enrichment"] = {**enrichment, "asn": None}
    return outline


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _targets(builder: TargetBuilder, listed: object) -> tuple[Target, ...]:
    if not isinstance(listed, list):
        return ()
    made = (builder.target(index, value) for index, value in enumerate(listed))
    return tuple(target for target in made if target is not None)
