"""YAML that is broken, hostile or merely unusual, read by the fast loader and the pure one."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.config.node import BROKEN, Node, Tree
from exporter.config.yamltree import MAX_DEPTH, read_tree

LOADERS = [
    pytest.param(yaml.SafeLoader, id="pure"),
    pytest.param(getattr(yaml, "CSafeLoader", yaml.SafeLoader), id="fast"),
]
pytestmark = pytest.mark.parametrize("loader", LOADERS)


def root_of(text: str, loader: Any) -> Node:
    """The root of a document without problems."""
    tree = read_tree(dedent(text), loader)
    assert tree.problems == ()
    assert tree.root is not None
    return tree.root


def problem_of(text: str, loader: Any) -> tuple[int, tuple[str | int, ...], str]:
    """The one problem of a document."""
    tree = read_tree(dedent(text), loader)
    assert len(tree.problems) == 1, tree.problems
    return tree.problems[0]


def test_values_know_their_lines_and_columns(loader: Any) -> None:
    """A nested document was read; each value and key stands where the editor shows it."""
    root = root_of(
        """\
        targets:
          - host: a
            port: 443
          - {host: b}
        """,
        loader,
    )
    assert root.value == {"targets": [{"host": "a", "port": 443}, {"host": "b"}]}
    targets = root.child("targets")
    assert targets is not None
    first, second = targets.child(0), targets.child(1)
    assert first is not None
    assert second is not None
    port, host = first.child("port"), second.child("host")
    assert port is not None
    assert host is not None
    assert (port.line, port.column) == (3, 11)
    assert (host.line, host.column) == (4, 12)
    assert first.key_lines == {"host": 2, "port": 3}
    assert port.child("x") is None
    assert targets.child("x") is None
    assert targets.child(2) is None
    assert first.child(0) is None


def test_quoted_and_tagged_scalars_are_what_they_say(loader: Any) -> None:
    """Scalars were quoted or tagged; quotes and !!str make text, other tags fit or are refused."""
    root = root_of(
        "[\"5\", '5', !!str 5, !!int 5, !!bool yes, !!float 1.5, !!null ~, "
        "!<tag:yaml.org,2002:str> 1]",
        loader,
    )
    assert root.value == ["5", "5", "5", 5, True, 1.5, None, "1"]
    assert root_of("!!map {a: !!seq [1]}", loader).value == {"a": [1]}


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("a: !!python/object/apply:os.system [ls]", "!!python/object/apply:os.system"),
        ("a: !!python/name:os.system x", "!!python/name:os.system"),
        ("a: !!int x", "!!int"),
        ("a: !!binary aGk=", "!!binary"),
        ("a: !!set {b}", "!!set"),
        ("a: !mine x", "!mine"),
    ],
)
def test_other_tags_are_refused(loader: Any, text: str, tag: str) -> None:
    """Somebody used a tag that would construct something; it was named and refused."""
    line, path, message = problem_of(text, loader)
    assert (line, path) == (1, ("a",))
    assert f"the tag {tag} is not allowed" in message


def test_anchors_aliases_and_merge_keys_work(loader: Any) -> None:
    """A document used anchors and merges; its own keys won, then the first of the merged."""
    root = root_of(
        """\
        base: &base {a: 1, b: 2}
        other: &other {b: 3, c: 4}
        one: {<<: *base, a: 5}
        two:
          <<: [*base, *other]
          d: 6
        text: &text hello
        again: *text
        *text : key
        """,
        loader,
    )
    assert root.value["one"] == {"a": 5, "b": 2}
    assert root.value["two"] == {"a": 1, "b": 2, "c": 4, "d": 6}
    assert root.value["again"] == "hello"
    assert root.value["hello"] == "key"
    two = root.child("two")
    assert two is not None
    assert two.key_lines["c"] == 2


@pytest.mark.parametrize("merged", ["5", "[{a: 1}, 5]", "~"])
def test_only_mappings_can_be_merged(loader: Any, merged: str) -> None:
    """Somebody merged something else than mappings; it was refused."""
    line, path, message = problem_of(f"x:\n  <<: {merged}\n", loader)
    assert (line, path) == (2, ("x", "<<"))
    assert "merges a mapping" in message


def test_duplicate_keys_are_found(loader: Any) -> None:
    """A key stood twice, once quoted; the second was reported with the line of the first."""
    line, path, message = problem_of('x:\n  a: 1\n  b: 2\n  "a": 3\n', loader)
    assert (line, path) == (4, ("x", "a"))
    assert message == "the key stands here twice; first in line 2"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("5: x", "found 5 as a key"),
        ("no: x", "found no as a key"),
        ("2026-01-01: x", "found 2026-01-01 as a key"),
        ("? [a, b]\n: x", "found a list or mapping as a key"),
        ("? {a: b}\n: x", "found a list or mapping as a key"),
        ("? \n: x", "found nothing as a key"),
    ],
)
def test_keys_are_text(loader: Any, text: str, what: str) -> None:
    """A key was no text; it was refused with the advice to quote it."""
    line, _, message = problem_of(text, loader)
    assert line == 1
    assert message == f"{what}; a key is text, so quote it"


def test_a_tagged_key_is_reported_once(loader: Any) -> None:
    """A key had a bad tag; only the tag was reported."""
    assert "!!binary" in problem_of("!!binary x: y", loader)[2]


def test_aliases_that_name_nothing_or_themselves(loader: Any) -> None:
    """An alias had no anchor, another stood inside what it names; both were reported."""
    tree = read_tree("a: *nobody\nb: &b [1, *b]\nc: &c {d: {e: *c}}\n", loader)
    assert [(problem.line, problem.path) for problem in tree.problems] == [
        (1, ("a",)),
        (2, ("b", 1)),
        (3, ("c", "d", "e")),
    ]
    assert "names no anchor" in tree.problems[0].message
    assert "contains itself" in tree.problems[1].message
    assert tree.root is not None
    assert tree.root.value == {"a": BROKEN, "b": [1, BROKEN], "c": {"d": {"e": BROKEN}}}


def test_alias_bombs_are_defused(loader: Any) -> None:
    """Aliases of aliases made 10^20 values of a few lines; reading stopped with one fault."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 20)]
    line, path, message = problem_of("\n".join(lines), loader)
    assert path[0] in {"a5", "a6"}
    assert line > 0
    assert "too large once its aliases are written out" in message


def test_a_long_text_repeated_by_aliases_is_a_bomb_too(loader: Any) -> None:
    """One long text was named 10,000 times; that counts by its length."""
    text = f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 10_000)}]\n"
    assert "too large" in problem_of(text, loader)[2]


def test_merge_bombs_are_defused(loader: Any) -> None:
    """A large mapping was merged again and again; reading stopped before memory was gone."""
    keys = ", ".join(f"k{n}: 1" for n in range(3000))
    text = f"a: &a {{{keys}}}\nb:\n" + "  - {<<: *a}\n" * 1000
    assert "too large" in problem_of(text, loader)[2]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_deep_nesting_is_refused(loader: Any, opening: str) -> None:
    """A document was 100,000 levels deep; reading stopped at the bound, without recursion."""
    message = problem_of(opening * 100_000, loader)[2]
    assert message == f"nested deeper than {MAX_DEPTH} levels"


def test_the_deepest_allowed_nesting_works(loader: Any) -> None:
    """A document was as deep as allowed; it was read."""
    assert root_of("[" * MAX_DEPTH + "]" * MAX_DEPTH, loader).value != []


def test_one_document_only(loader: Any) -> None:
    """A second document began; its line was reported."""
    assert problem_of("a: 1\n---\nb: 2\n", loader)[:2] == (2, ())
    assert root_of("---\na: 1\n...\n", loader).value == {"a": 1}


@pytest.mark.parametrize("text", ["", "# only a comment\n", "\n\n"])
def test_an_empty_file_has_no_root(loader: Any, text: str) -> None:
    """There was nothing in the file; there is no root and, so far, no problem."""
    assert read_tree(text, loader) == Tree(None, ())


def test_tabs_are_named(loader: Any) -> None:
    """A tab indented a line; the fault says so instead of the parser's riddle."""
    line, _, message = problem_of("a:\n\tb: 1\n", loader)
    assert line == 2
    assert message.startswith("a tab indents this line")


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: [1, 2\nb: 3\n", 2), ("a: b: c\n", 1), ('a: "x\n', 2), ("a: &\n", 1), ("%YAML 9.9\n", 1)],
)
def test_syntax_errors_have_a_line(loader: Any, text: str, line: int) -> None:
    """The text was no YAML; the fault names the line where the parser gave up."""
    problem = problem_of(text, loader)
    assert problem[0] in {line, line + 1}
    assert problem[2].startswith("this is not valid YAML: ")


def test_what_was_found_before_a_syntax_error_is_kept(loader: Any) -> None:
    """A key stood twice before the syntax broke; both faults were told."""
    tree = read_tree("a: 1\na: 2\nb: [\n", loader)
    assert tree.root is None
    assert tree.problems[0].line == 2
    assert len(tree.problems) == 2


@pytest.mark.parametrize("escape", ["\\ud800", "\\uDFFF x", "\\Uffffffff"])
def test_escapes_that_name_no_character(loader: Any, escape: str) -> None:
    """An escape named half a surrogate pair, or nothing at all; it was a problem, no crash."""
    assert problem_of(f'a: "é{escape}"', loader)[0] in {0, 1}


TOKENS = (
    *("a", "b:", "-", ",", "[", "]", "{", "}", "?", ":", "&", "*", "!", "&x", "*x", "!!str", "!!x"),
    *("<<", "<<:", "|", ">", "1", "~", "yes", "1:2", "'", '"', "\\", "#", "%", "@", "`", "---"),
    *("...", "\t", "é", "2026-01-01", "\n", "\n  ", "\n- "),
)


@given(st.lists(st.sampled_from(TOKENS), max_size=60))
@example(["%YAML 1." + "9" * 5000, "\n", "---"])
@example(["%TAG ! !!", "\n", "--- !x"])
def test_no_text_breaks_the_reader(loader: Any, parts: list[str]) -> None:
    """Tokens of YAML came in any order; there was a root, nothing, or a problem with a line."""
    text = " ".join(parts)
    tree = read_tree(text, loader)
    assert all(0 <= problem.line <= text.count("\n") + 2 for problem in tree.problems)
