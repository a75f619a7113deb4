"""Turns YAML text into plain data that knows its lines, however hostile the text is.

Works on the parser's events instead of its loader: nothing is constructed but text, numbers,
booleans, lists and mappings; nesting is bounded; an alias shares what it names, and the size of
the document with all aliases written out is bounded too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import yaml

from exporter.config.node import BROKEN, Node, Path, Problem, Tree
from exporter.config.scalars import Odd, Scalar, resolve
from exporter.config.shown import shown
from exporter.errors import FtrError

MAX_DEPTH: Final = 32
MAX_SIZE: Final = 2_000_000
_CORE: Final = "tag:yaml.org,2002:"
_MERGE: Final = Odd("<<", "a merge key")
_TYPE_OF_TAG: Final = {"int": int, "float": float, "bool": bool, "null": type(None)}
LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Stop(FtrError):
    """Ends the reading of a document; never leaves this file."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class _Frame:
    """A list or mapping being read; `key` is the mapping's key that waits for its value."""

    __slots__ = ("key", "merges", "node")

    def __init__(self, node: Node) -> None:
        self.node = node
        self.key: Node | None = None
        self.merges: list[Node] = []


class _Builder:
    def __init__(self) -> None:
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self._documents = 0
        self._stack: list[_Frame] = []
        self._anchors: dict[str, Node] = {}

    def read(self, events: Iterable[Any]) -> None:
        # Not kept: a tree that holds itself alive waits for the collector, which takes long.
        handlers: dict[type, Callable[[Any], None]] = {
            yaml.DocumentStartEvent: self._document,
            yaml.ScalarEvent: self._scalar,
            yaml.AliasEvent: self._alias,
            yaml.SequenceStartEvent: self._open,
            yaml.MappingStartEvent: self._open,
            yaml.SequenceEndEvent: self._close,
            yaml.MappingEndEvent: self._close,
        }
        for event in events:
            handler = handlers.get(type(event))
            if handler is not None:
                handler(event)

    def _path(self) -> Path:
        steps: list[str | int] = []
        for frame in self._stack:
            if isinstance(frame.node.children, list):
                steps.append(len(frame.node.children))
            elif frame.key is not None:
                steps.append(frame.key.text)
        return tuple(steps)

    def _problem(self, line: int, message: str) -> None:
        self.problems.append(Problem(line, self._path(), message))

    def _stop(self, line: int, message: str) -> _Stop:
        return _Stop(Problem(line, self._path(), message))

    def _document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            line = event.start_mark.line + 1
            raise _Stop(Problem(line, (), "a second document begins; only one is allowed"))

    def _scalar(self, event: Any) -> None:
        text: str = event.value
        if event.implicit[0]:
            value: object = _MERGE if text == "<<" else resolve(text)
        elif event.tag is None or event.tag == _CORE + "str":
            value = text
        else:
            value = self._tagged(event.tag, text, event.start_mark.line + 1)
        if event.style == '"' and not _encodable(text):
            self._problem(event.start_mark.line + 1, "the text holds half a surrogate pair")
            value = BROKEN
        node = Node(value, text, event.start_mark)
        if event.anchor:
            self._anchors[event.anchor] = node
        self._add(node)

    def _tagged(self, tag: str, text: str, line: int) -> object:
        value: Scalar = resolve(text)
        wanted = _TYPE_OF_TAG.get(tag.removeprefix(_CORE)) if tag.startswith(_CORE) else None
        if wanted is not None and type(value) is wanted:
            return value
        self._bad_tag(tag, line)
        return BROKEN

    def _bad_tag(self, tag: str, line: int) -> None:
        short = shown(tag.replace(_CORE, "!!", 1))
        self._problem(line, f"the tag {short} is not allowed here; write the value without it")

    def _alias(self, event: Any) -> None:
        line = event.start_mark.line + 1
        node = self._anchors.get(event.anchor)
        if node is None:
            self._problem(line, f"*{shown(event.anchor)} names no anchor that stands before it")
        elif any(frame.node is node for frame in self._stack):
            self._problem(line, f"*{shown(event.anchor)} contains itself")
            node = None
        self._add(node or Node(BROKEN, "", event.start_mark))

    def _open(self, event: Any) -> None:
        mark = event.start_mark
        if len(self._stack) >= MAX_DEPTH:
            raise self._stop(mark.line + 1, f"nested deeper than {MAX_DEPTH} levels")
        mapping = type(event) is yaml.MappingStartEvent
        if event.tag not in (None, "!", _CORE + ("map" if mapping else "seq")):
            self._bad_tag(event.tag, mark.line + 1)
        node = Node({}, "", mark, {}) if mapping else Node([], "", mark, [])
        if event.anchor:
            self._anchors[event.anchor] = node
        self._stack.append(_Frame(node))

    def _close(self, _event: Any) -> None:
        frame = self._stack.pop()
        node = frame.node
        if isinstance(node.children, dict):
            for merged in frame.merges:
                assert isinstance(merged.children, dict)
                node.children = {**merged.children, **node.children}
                node.key_lines = {**merged.key_lines, **node.key_lines}
            node.value = {key: child.value for key, child in node.children.items()}
        elif node.children is not None:
            node.value = [child.value for child in node.children]
        self._add(node)

    def _add(self, node: Node) -> None:
        if not self._stack:
            self.root = node
            return
        frame = self._stack[-1]
        frame.node.size += node.size
        if frame.node.size > MAX_SIZE:
            raise self._stop(node.line, "too large once its aliases are written out")
        children = frame.node.children
        if isinstance(children, list):
            children.append(node)
        elif frame.key is None:
            frame.key = node
        else:
            self._entry(frame, frame.key, node)
            frame.key = None

    def _entry(self, frame: _Frame, key: Node, node: Node) -> None:
        children = frame.node.children
        assert isinstance(children, dict)
        if key.value is _MERGE:
            self._merge(frame, node)
        elif not isinstance(key.value, str):
            what = "a list or mapping" if key.children is not None else shown(key.text) or "nothing"
            if key.value is not BROKEN:
                self._problem(key.line, f"found {what} as a key; a key is text, so quote it")
        elif key.value in children:
            first = frame.node.key_lines[key.value]
            self._problem(key.line, f"the key stands here twice; first in line {first}")
        else:
            children[key.value] = node
            frame.node.key_lines[key.value] = key.line

    def _merge(self, frame: _Frame, node: Node) -> None:
        sources = node.children if isinstance(node.children, list) else [node]
        mappings = [source for source in sources if isinstance(source.children, dict)]
        if len(mappings) < len(sources):
            self._problem(node.line, "<< merges a mapping or a list of mappings, nothing else")
        frame.merges.extend(mappings)


def _encodable(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def read_tree(text: str, loader: Any = LOADER) -> Tree:
    """Parse one document. Never raises for its contents: all that is wrong is in `problems`."""
    builder = _Builder()
    try:
        builder.read(yaml.parse(text, Loader=loader))
    except _Stop as stop:
        return Tree(None, (*builder.problems, stop.problem))
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        return Tree(None, (*builder.problems, _syntax_problem(error, text)))
    return Tree(builder.root, tuple(builder.problems))


def _syntax_problem(error: Exception, text: str) -> Problem:
    mark = getattr(error, "problem_mark", None)
    reason = shown(str(getattr(error, "problem", None) or "it cannot be read"))
    line: int = mark.line + 1 if mark else 0
    lines = text.splitlines()
    source = lines[line - 1] if 0 < line <= len(lines) else ""
    if "\t" in source[: len(source) - len(source.lstrip())]:
        return Problem(line, (), "a tab indents this line; YAML is indented by spaces")
    hint = "; quote text that holds a colon" if "mapping values" in reason else ""
    return Problem(line, (), f"this is not valid YAML: {reason}{hint}")
