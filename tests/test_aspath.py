"""Which AS paths can be the same, and which cannot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import HostInfo
from exporter.watch.aspath import AsWatch, Step, Steps, agree, flat, is_foreign_address

NOBODY: dict[str, HostInfo] = {}


def steps(text: str, *, is_open: bool = False) -> Steps:
    """`b:1` is address b in AS 1, `b:1+2` has two origins, `b` none; `*` is silent."""
    found = []
    for word in text.split():
        address, _, origins = word.partition(":")
        numbers = frozenset(int(each) for each in origins.split("+") if each)
        found.append(Step(None if address == "*" else address, numbers))
    return Steps(tuple(found), is_open)


@pytest.mark.parametrize(
    ("one", "other", "story"),
    [
        ("a:1 b:2 c:3", "a:1 b:2 c:3", "the same"),
        ("a:1 b:1 c:1 d:3", "a:1 d:3", "repeats are one"),
        ("a:1 b:2 c:3", "a:1 x c:3", "an unknown hop may be any AS"),
        ("a:1 b:2 c:3", "a:1 * c:3", "so may a silent one"),
        ("a:1 x c:3", "a:1 c:3", "or it is of the AS beside it"),
        ("a:1 x b:1 c:3", "a:1 c:3", "a gap within an AS is bridged"),
        ("x a:1", "a:1", "at the start"),
        ("a:1 x", "a:1", "at the end"),
        ("x y z", "a:1 b:2 c:3", "nothing is known of one"),
        ("", "", "nothing at all"),
        ("a:1+5 b:2", "a:5 b:2", "one of two origins"),
        ("a:1+5 b:5+7 c:7", "a:5 c:7", "neighbours that share an origin are of one AS"),
        ("a:1 x:9 b:1 c:3", "a:1 b:1 c:3", "a single odd hop within an AS is left out"),
        ("a:1 x:9 * b:1 c:3", "a:1 b:1 c:3", "also beside a silent one"),
    ],
)
def test_agree(one: str, other: str, story: str) -> None:
    """Both can be the same sequence, whichever comes first."""
    assert agree(steps(one), steps(other)), story
    assert agree(steps(other), steps(one)), story


@pytest.mark.parametrize(
    ("one", "other", "story"),
    [
        ("a:1 b:2 c:3", "a:1 c:3", "an AS is gone, and no hop could hide it"),
        ("a:1 b:2 c:3", "a:1 b:9 c:3", "another AS"),
        ("a:1 b:2 c:3", "a:1 b:2", "the last is gone"),
        ("a:1 b:2 c:3 d:4", "a:1 x d:4", "one unknown hop hides one AS, not two"),
        ("a:1 b:2", "b:2 a:1", "another order"),
        ("a:1 x:9 y:9 b:1", "a:1 b:1", "two hops in an odd AS are no single foreign address"),
        ("a:1", "", "nothing against something"),
    ],
)
def test_disagree(one: str, other: str, story: str) -> None:
    """No sequence fits both, whichever comes first."""
    assert not agree(steps(one), steps(other)), story
    assert not agree(steps(other), steps(one)), story


def test_open_ends() -> None:
    """What follows the known part of a path may be anything; what is known must fit."""
    short, long = steps("a:1 b:2", is_open=True), steps("a:1 b:2 c:3 d:4")
    assert agree(short, long)
    assert agree(long, short)
    assert agree(short, steps("a:1", is_open=True))
    assert not agree(short, steps("a:1 x:9 c:3"))
    assert not agree(steps("a:1 b:2"), long)
    assert not agree(steps("a:1 b:2 c:3 d:4", is_open=True), steps("a:1 b:2"))


origins = st.frozensets(st.integers(1, 4), max_size=2)
paths = st.lists(origins, max_size=8)


def of(path: list[frozenset[int]], *, is_open: bool = False) -> Steps:
    """Steps with these origins."""
    return Steps(tuple(Step(f"h{n}", each) for n, each in enumerate(path)), is_open)


@given(paths, paths, st.booleans(), st.booleans())
def test_agreement_goes_both_ways(
    one: list[frozenset[int]], other: list[frozenset[int]], one_open: bool, other_open: bool
) -> None:
    """It makes no difference which of two paths was there first."""
    first, second = of(one, is_open=one_open), of(other, is_open=other_open)
    assert agree(first, second) == agree(second, first)


@given(paths, st.data())
def test_knowing_less_never_disagrees(path: list[frozenset[int]], data: st.DataObject) -> None:
    """Look-ups that are missing contradict nothing; nor does a path that repeats its hops."""
    hidden = [data.draw(st.sampled_from([each, frozenset[int]()])) for each in path]
    singles = [frozenset(sorted(each)[:1]) for each in path]
    known = [each if shown else shown for each, shown in zip(singles, hidden, strict=True)]
    assert agree(of(path), of(path))
    assert agree(of(path), of([each for each in path for _ in range(2)])) or _has_odd(path)
    if not _has_odd(singles):
        assert agree(of(singles), of(known)) or _has_odd(known)


def _has_odd(path: list[frozenset[int]]) -> bool:
    """Whether a single hop of another AS stands between hops of one: doubled, it counts."""
    known = [each for each in path if each]
    return any(
        a & c and not b & (a | c) for a, b, c in zip(known, known[1:], known[2:], strict=False)
    )


@pytest.mark.parametrize(
    ("old", "new", "is_foreign", "story"),
    [
        ("a:1 b:1 c:3 d:3", "a:1 x:9 c:3 d:3", True, "b was of the AS before"),
        ("a:1 b:3 c:3 d:3", "a:1 x:9 c:3 d:3", True, "b was of the AS behind"),
        ("a:1 x:9 c:3 d:3", "a:1 b:1 c:3 d:3", True, "the other way round"),
        ("a:1 b:1 c:3 d:3", "a:1 x:9 y:3 d:3", False, "the hop behind changed too"),
        ("a:1 b:1 c:3 d:3", "a:1 b:1 x:9 c:3 d:3", False, "a hop more is no other address"),
        ("a:1 b:2 c:3 d:3", "a:1 x:9 c:3 d:3", False, "an AS of its own gave way to another"),
        ("* b:1 * c:1", "* x:9 * c:3", False, "between silent hops nothing is sure"),
        ("a:1 b:1 c:3", "x:9 b:1 c:3", False, "the first hop has nothing before it"),
    ],
)
def test_foreign_addresses(old: str, new: str, is_foreign: bool, story: str) -> None:
    """A third-party address changes one hop at an AS border, and nothing around it."""
    assert is_foreign_address(steps(old), steps(new)) == is_foreign, story


def test_flat() -> None:
    """What labels show: gaps bridged, repeats collapsed, the lowest of several origins."""
    assert flat(steps("a:1 * b:1 x c:2+7 d:7 e:3").steps) == (1, 7, 3)
    assert flat(steps("a:1 x:9 b:1").steps) == (1,)
    assert flat(()) == ()


def infos(**numbers: int) -> dict[str, HostInfo]:
    """Origins by address."""
    return {address: HostInfo(asn=asn) for address, asn in numbers.items()}


def test_a_late_change_is_confirmed_by_cycles() -> None:
    """The new router's AS is told when the path's change is long known: three cycles make sure."""
    watch = AsWatch()
    known = infos(a=1, b=2, c=3)
    assert watch.see([("a",), ("b",), ("c",)], known, 3, turned=False) is None
    moved = [("a",), ("x",), ("c",)]
    assert watch.see(moved, known, 3, turned=True) is None
    told = {**known, **infos(x=9)}
    assert [watch.see(moved, told, 3, turned=False) for _ in range(5)] == [
        None,
        None,
        ((1, 2, 3), (1, 9, 3)),
        None,
        None,
    ]
    assert watch.path == (1, 9, 3)


def test_what_disagrees_differently_is_not_confirmed() -> None:
    """Each cycle says something else of the new routers: nothing is confirmed."""
    watch = AsWatch()
    watch.see([("a",), ("b",), ("c",)], infos(a=1, b=2, c=3), 2, turned=False)
    for number in range(10, 20):
        told = infos(a=1, c=3, **{f"x{number}": number})
        seen = watch.see([("a",), (f"x{number}",), ("c",)], told, 2, turned=False)
        assert seen is None


def test_origins_are_remembered_for_the_path_only() -> None:
    """Thousands of addresses come and go; memory does not grow with them."""
    watch = AsWatch()
    for number in range(1000):
        name = f"x{number}"
        watch.see([("a",), (name,)], infos(a=1, **{name: number}), 3, turned=True)
    state = watch.state()
    assert isinstance(state["origins"], dict)
    assert len(state["origins"]) == 2


def test_one_address_has_few_origins() -> None:
    """A registry that tells another origin each time fills no memory."""
    watch = AsWatch()
    for number in range(100):
        assert watch.see([("a",), ("b",)], infos(a=1, b=100 + number), 1, turned=False) is None
    state = watch.state()
    assert isinstance(state["origins"], dict)
    assert len(state["origins"]["b"]) == 8
    assert watch.path == (1, 100)
