"""Validates parts of a document and gathers every fault, going on with what is right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from exporter.config.faults import is_broken, place, problem_of
from exporter.config.node import Node, Path, Problem

Model = TypeVar("Model", bound=BaseModel)


class Report:
    """The faults of the document below `root`, each once."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self._problems: dict[Problem, None] = {}

    def __len__(self) -> int:
        return len(self._problems)

    @property
    def problems(self) -> list[Problem]:
        """All faults, in the order of their lines."""
        return sorted(self._problems, key=lambda problem: problem.line)

    def add(self, path: Path, message: str) -> None:
        """Note a fault of the value at `path`, or of what is nearest around it."""
        self._problems[Problem(place(self.root, path)[0], path, message)] = None

    def model(
        self, kind: type[Model], value: object, path: Path
    ) -> tuple[Model | None, frozenset[str]]:
        """Return `value` as a model, and the keys that it had to leave out for their faults.

        A required key that is missing or faulty gets the value of its first example, so that
        checks across the other keys can go on. None comes back where `value` is no mapping.
        """
        try:
            return kind.model_validate(value), frozenset()
        except ValidationError as error:
            faults = error.errors(include_url=False, include_input=False)
        for fault in faults:
            if fault["type"] == "extra_forbidden" or not is_broken(self.root, path + fault["loc"]):
                problem = problem_of(fault, self.root, path, kind)
                self._problems[problem] = None
            _let_go(fault)
        bad = frozenset(str(fault["loc"][0]) for fault in faults if fault["loc"])
        if not isinstance(value, dict):
            return None, bad
        return kind.model_validate(_repaired(kind, value, bad)), bad


def _let_go(fault: Mapping[str, Any]) -> None:
    """An error knows the frames that it came through, and they know it: nobody would free them."""
    error = fault.get("ctx", {}).get("error")
    if isinstance(error, Exception):
        error.__traceback__ = None


def _repaired(
    kind: type[BaseModel], value: dict[str, object], bad: frozenset[str]
) -> dict[str, object]:
    kept = {key: item for key, item in value.items() if key not in bad}
    for name in bad & kind.model_fields.keys():
        field = kind.model_fields[name]
        if field.is_required() and field.examples:
            kept[name] = field.examples[0]
    return kept
