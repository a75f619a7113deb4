"""How a change is put into words and into JSON."""

from __future__ import annotations

from exporter.model import HostInfo
from exporter.watch.verdict import AsPathChange, Difference, Verdict, change_json
from exporter.watch.watcher import PathWatcher
from tests.pathcases import infos, traces

ORIGINS = infos({"a": 1, "b": 2, "c": 3, "x": 9, "D": 4})


def verdict(before: str, after: str, origins: dict[str, HostInfo] = ORIGINS) -> Verdict:
    """The verdict that confirms a change, 10 seconds after it was first seen."""
    watcher = PathWatcher(3)
    for _ in range(4):
        watcher.observe(traces(before)[0], origins, 1_769_860_000.0)
    watcher.observe(traces(after)[0], origins, 1_769_860_800.0)
    watcher.observe(traces(after)[0], origins, 1_769_860_805.0)
    return watcher.observe(traces(after)[0], origins, 1_769_860_810.0)


def words(before: str, after: str) -> str:
    """What is said of a change."""
    change = verdict(before, after).change
    assert change is not None
    return change.words


def test_words() -> None:
    """A few differences are named, more are counted, and a new length comes first."""
    assert words("a b c D", "a x c D") == "hop 2: x instead of b"
    assert words("a b c D", "a x y D") == "hop 2: x instead of b; hop 3: y instead of c"
    assert words("a b c D", "a b D") == (
        "shorter: 3 hops instead of 4; hop 3: D instead of c; hop 4: D is not seen any more"
    )
    assert words("a b c D", "p q r s t D") == (
        "longer: 6 hops instead of 4; hop 1: p instead of a; hop 2: q instead of b;"
        " hop 3: r instead of c; 3 more hops differ"
    )
    assert words("a b c d D", "p q r s D").endswith("hop 3: r instead of c; 1 more hop differs")
    assert words("a * D", "a * b c D").startswith("longer: 5 hops instead of 3; hop 3: b instead")


def test_words_of_one_difference() -> None:
    """Parallel addresses, and what came to or left a TTL."""
    assert str(Difference(3, ("a", "b"), ("x", "y"))) == "hop 3: x or y instead of a or b"
    assert str(Difference(3, ("a",), ())) == "hop 3: a is not seen any more"
    assert str(Difference(3, (), ("x",))) == "hop 3: x is new"
    assert AsPathChange(0.0, (1, 2), (1, 3)).words == "AS path 1 3 instead of 1 2"


def test_json_of_a_change_of_both_paths() -> None:
    """All that history keeps and the API shows."""
    assert change_json(verdict("a b c D", "a x c D")) == {
        "since": "2026-01-31T12:00:00.000Z",
        "words": "hop 2: x instead of b; AS path 1 9 3 4 instead of 1 2 3 4",
        "first_ttl": 1,
        "old_path": ["a", "b", "c", "D"],
        "new_path": ["a", "x", "c", "D"],
        "old_as_path": [1, 2, 3, 4],
        "new_as_path": [1, 9, 3, 4],
        "differences": [{"ttl": 2, "old": ["b"], "new": ["x"]}],
    }


def test_json_of_one_change_alone() -> None:
    """A path may change within its AS, and an AS path when a look-up arrives late."""
    form = change_json(verdict("a b c D", "a x c D", {}))
    assert form is not None
    assert form["old_as_path"] == form["new_as_path"] == []
    known = verdict("a b c D", "a b c D").known
    late = change_json(Verdict(known, as_change=AsPathChange(5.0, (1,), (1, 2, 3, 4))))
    assert late is not None
    assert late["since"] == "1970-01-01T00:00:05.000Z"
    assert late["old_path"] == late["new_path"] == ["a", "b", "c", "D"]
    assert late["old_as_path"] == [1]
    assert late["differences"] == []
    assert change_json(Verdict(known)) is None
