"""Says what is wrong with a value: what was found, and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from exporter.config.node import BROKEN, Node, Path, Problem
from exporter.config.rules import allowed, plain_type, rule_of
from exporter.config.scalars import Odd
from exporter.config.shown import shown
from exporter.errors import ConfigError, Fault

_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_MOST_SUGGESTIONS_FROM: Final = 200
_LONGEST_FILE_NAME: Final = 4096


def config_error(file: str, problems: Iterable[Problem]) -> ConfigError:
    """Return the error that tells all `problems` of a file, in the order of their lines."""
    name = shown(file, _LONGEST_FILE_NAME)
    return ConfigError(
        tuple(
            Fault(name, problem.line, key_of(problem.path), problem.message)
            for problem in sorted(problems, key=lambda problem: problem.line)
        )
    )


def key_of(path: Path) -> str:
    """Return a path as people write it: `targets[2].labels.site`."""
    written = ""
    for step in path:
        if isinstance(step, int):
            written += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            written += f".{step}" if written else step
        else:
            written += f'["{shown(step)}"]'
    return written


def found(node: Node | None, *, text_wanted: bool = False) -> str:
    """Describe a value, and how to make text of it where YAML took it for something else."""
    if node is None or node.value is None:
        return "nothing"
    if isinstance(node.value, dict | list):
        return "a mapping" if isinstance(node.value, dict) else "a list"
    if isinstance(node.value, str):
        return f'"{shown(node.value)}"'
    return shown(node.text) + _reading(node.value, node.text, text_wanted)


def _reading(value: object, text: str, text_wanted: bool) -> str:
    if isinstance(value, Odd):
        return f", which YAML reads as {value.reading} (quote it where text is meant)"
    if not isinstance(value, bool):
        return ", which YAML reads as a number (quote it)" if text_wanted else ""
    reading = "true" if value else "false"
    if text_wanted:
        return f", which YAML reads as {reading} (quote it)"
    return f", which YAML reads as {reading}" if text != reading else ""


@lru_cache(maxsize=1024)
def suggestion(word: str, candidates: tuple[str, ...]) -> str:
    """Return `, did you mean "x"?` for a word close to a candidate, else nothing."""
    if len(candidates) > _MOST_SUGGESTIONS_FROM:
        return ""
    close = get_close_matches(word[:100], candidates, 1)
    return f'; did you mean "{shown(close[0])}"?' if close else ""


def field_at(model: type[BaseModel], path: Path) -> FieldInfo | None:
    """The field of `model` that a path leads to, None where no field stands there."""
    field: FieldInfo | None = None
    kind: Any = model
    for step in path:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = kind.model_fields.get(str(step))
        else:
            inner = get_args(kind)
            field = FieldInfo.from_annotation(inner[-1]) if inner else None
        if field is None:
            return None
        kind = plain_type(field)
    return field


def problem_of(error: Mapping[str, Any], root: Node, base: Path, model: type[BaseModel]) -> Problem:
    """Return one of pydantic's errors in `model`, which stands at `base`, as our own sentence."""
    local: Path = error["loc"]
    if local and local[-1] == "[key]":
        return _bad_key(error, root, base + local[:-1], model, local[:-2])
    path = base + local
    if error["type"] == "extra_forbidden":
        return _unknown_key(root, path, model, local)
    field = field_at(model, local)
    words = allowed(field) if field else "a mapping"
    line, node = place(root, path)
    if error["type"] == "missing":
        return Problem(line, path, f"the key is missing; allowed is {words}")
    rule = rule_of(field) if field else None
    what = found(node, text_wanted=rule is not None and rule.text)
    if rule is not None and rule.secret:
        what = "found text that is not shown here, for it is secret"
    return Problem(line, path, f"found {what}{_reason(error)}; allowed is {words}")


def _reason(error: Mapping[str, Any]) -> str:
    reason = str(error.get("ctx", {}).get("error", ""))
    return f" ({shown(reason, 200)})" if reason else ""


def _unknown_key(root: Node, path: Path, model: type[BaseModel], local: Path) -> Problem:
    parent = field_at(model, local[:-1])
    owner = plain_type(parent) if parent else model
    known = tuple(owner.model_fields)
    word = str(local[-1])
    hint = suggestion(word, known) or "; known here: " + ", ".join(sorted(known))
    return Problem(key_line(root, path), path, f"there is no such key{hint}")


def _bad_key(
    error: Mapping[str, Any], root: Node, path: Path, model: type[BaseModel], local: Path
) -> Problem:
    field = field_at(model, local)
    key_type = get_args(plain_type(field))[0] if field else str
    words = allowed(FieldInfo.from_annotation(key_type))
    what = f'found "{shown(str(path[-1]))}" as a name'
    return Problem(key_line(root, path), path, f"{what}{_reason(error)}; allowed is {words}")


def place(root: Node, path: Path) -> tuple[int, Node | None]:
    """Return the line of the value at `path`, or of the nearest thing around it, and its node.

    A list or mapping begins where its key stands.
    """
    node: Node | None = root
    line = root.line
    for step in path:
        below = node.child(step) if node else None
        if below is None:
            return line, None
        line = below.line
        if node and below.children is not None and isinstance(step, str):
            line = node.key_lines.get(step, line)
        node = below
    return line, node


def key_line(root: Node, path: Path) -> int:
    """Return the line of the key at the end of `path`."""
    line, parent = place(root, path[:-1])
    return parent.key_lines.get(str(path[-1]), line) if parent else line


def is_broken(root: Node, path: Path) -> bool:
    """Whether the value at `path` was reported already, when it was read."""
    _, node = place(root, path)
    return node is not None and (node.value is BROKEN or _holds_broken(node))


def _holds_broken(node: Node) -> bool:
    below: Iterable[Node] = ()
    if isinstance(node.children, dict):
        below = node.children.values()
    elif isinstance(node.children, list):
        below = node.children
    return any(child.value is BROKEN for child in below)
