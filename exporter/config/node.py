"""What a YAML document becomes: values that know their places, and problems that name theirs."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

Path = tuple[str | int, ...]
_CHARACTERS_PER_UNIT: Final = 64


class Problem(NamedTuple):
    """What is wrong at a place: `line` counts from 1, 0 where there is none."""

    line: int
    path: Path
    message: str


class Broken:
    """The value of a node about which a problem was already reported."""


BROKEN: Final = Broken()
_Children = dict[str, "Node"] | list["Node"] | None


class Node:
    """A value with its place. `size` counts the node and all below it, aliases written out."""

    __slots__ = ("children", "column", "key_lines", "line", "size", "text", "value")

    def __init__(self, value: object, text: str, mark: Any, children: _Children = None) -> None:
        self.value: Any = value
        self.text = text
        self.line: int = mark.line + 1
        self.column: int = mark.column + 1
        self.children = children
        self.key_lines: dict[str, int] = {}
        self.size = 1 + len(text) // _CHARACTERS_PER_UNIT

    def child(self, key: str | int) -> Node | None:
        """The node under `key`, None where there is none."""
        if isinstance(self.children, dict):
            return self.children.get(key) if isinstance(key, str) else None
        if isinstance(self.children, list) and isinstance(key, int):
            return self.children[key] if 0 <= key < len(self.children) else None
        return None


class Tree(NamedTuple):
    """A document; `root` is None where it is empty or could not be read to its end."""

    root: Node | None
    problems: tuple[Problem, ...]
