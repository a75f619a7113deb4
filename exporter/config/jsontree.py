"""Turns JSON text into the same tree as YAML; the lines are looked for only when asked for."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from exporter.config.faults import place
from exporter.config.node import Node, Path, Problem, Tree
from exporter.config.shown import shown
from exporter.config.yamltree import read_tree


class _Mark(NamedTuple):
    line: int = -1
    column: int = -1


_NOWHERE = _Mark()


def read_json(text: str) -> Tree:
    """Parse a document. Never raises for its contents: all that is wrong is in `problems`."""
    try:
        return Tree(_node(json.loads(text)), ())
    except json.JSONDecodeError as error:
        message = f"this is not valid JSON: {shown(error.msg)}"
        return Tree(None, (Problem(error.lineno, (), message),))
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else shown(str(error))
        return Tree(None, (Problem(0, (), f"this is not valid JSON: {reason}"),))


def with_lines(problems: list[Problem], text: str) -> list[Problem]:
    """The problems of a JSON document with the lines that it has when it is read as YAML."""
    # Tabs are space to JSON and never part of its texts; YAML minds them.
    root = read_tree(text.replace("\t", " ")).root
    if root is None:
        return problems
    return [each._replace(line=_line(root, each.path)) for each in problems]


def _line(root: Node, path: Path) -> int:
    return place(root, path)[0]


def _node(value: Any) -> Node:
    if isinstance(value, dict):
        return Node(value, "", _NOWHERE, {key: _node(item) for key, item in value.items()})
    if isinstance(value, list):
        return Node(value, "", _NOWHERE, [_node(item) for item in value])
    return Node(value, value if isinstance(value, str) else json.dumps(value), _NOWHERE)
