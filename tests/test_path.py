"""What a path is, when it stays what it was, and which links it has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import HostInfo, StopReason
from exporter.reading.path import Path, as_path, follow, links, path_id
from tests.measured import a_hop, a_response, a_trace, along

ABCD: Path = ("a", "b", "c", "d")
END, GAP, UNREACHABLE = StopReason.DESTINATION, StopReason.GAP, StopReason.UNREACHABLE


@pytest.mark.parametrize(
    ("previous", "hops", "stop", "expected", "story"),
    [
        ((), ["a", "b"], END, ("a", "b"), "a first trace is the path"),
        ((), ["a", "*", "c"], END, ("a", None, "c"), "a hop that never answered is unknown"),
        ((), ["a", "*", "*"], GAP, ("a",), "silence at the end is no part of the path"),
        ((), ["*", "*"], GAP, (), "where nothing answered there is no path"),
        (ABCD, ["a", "*", "c", "d"], END, ABCD, "a silent hop is as before"),
        (ABCD, ["a", "*", "c", "x"], END, ("a", "b", "c", "x"), "also beside a changed one"),
        (("a", None, "c"), ["a", "b", "c"], END, ("a", "b", "c"), "a silent hop found its voice"),
        (ABCD, ["a", "b", "*", "*"], GAP, ABCD, "a silent destination ends no path"),
        (ABCD, ["*", "*", "*"], GAP, ABCD, "nor does silence of all"),
        (ABCD, ["a", "b"], GAP, ABCD, "the end was not heard and nothing contradicts"),
        (ABCD, ["a", "x", "*"], GAP, ("a", "x"), "a new router leaves the old rest in doubt"),
        (ABCD, ["a", "b"], UNREACHABLE, ("a", "b"), "a router says that the path ends here"),
        (ABCD, ["a", "*", "d"], END, ("a", None, "d"), "a shorter path has new hops"),
        (ABCD, ["a", "*", "b", "c", "d"], END, ("a", None, "b", "c", "d"), "so has a longer one"),
        (ABCD, ["a", "*", "c", "d", "e"], GAP, ("a", None, "c", "d", "e"), "longer than known"),
        (ABCD, [], StopReason.ERROR, ABCD, "a local failure says nothing of the path"),
        (ABCD, ["a", "x"], StopReason.ERROR, ABCD, "even where some probes had left"),
        ((), ["a"], StopReason.ERROR, ("a",), "unless nothing better is known"),
    ],
)
def test_follow(
    previous: Path, hops: list[str], stop: StopReason, expected: Path, story: str
) -> None:
    """A path changes where an answer says so, and never for silence."""
    assert follow(previous, along(*hops, stop=stop)) == expected, story


def test_follow_several_responders() -> None:
    """Rounds took different branches: the known one stays, else the lowest round decides."""
    trace = along("a", "x b y", "c")
    assert follow((), trace) == ("a", "x", "c")
    assert follow(("a", "b", "c"), trace) == ("a", "b", "c")
    assert follow(("a", "z", "c"), trace) == ("a", "x", "c")


def test_follow_answers_out_of_order() -> None:
    """The answer of a later round overtook that of the first; the first round still decides."""
    late = a_trace(a_hop(1, a_response("b", number=2), a_response("a", number=0)))
    assert follow((), late) == ("a",)


def test_follow_starts_at_first_hop() -> None:
    """A target traced from TTL 5 on, with TTL 6 unsent: positions count from 5."""
    trace = a_trace(a_hop(5, a_response("a")), a_hop(7, a_response("c")))
    assert follow((), trace) == ("a", None, "c")
    assert follow(("a", "b", "c"), trace) == ("a", "b", "c")


ADDRESS = st.sampled_from([None, "a", "b", "c"])


@given(st.lists(ADDRESS, max_size=6).map(tuple), st.lists(ADDRESS, max_size=6), st.data())
def test_follow_twice_is_follow_once(
    previous: Path, hops: list[str | None], data: st.DataObject
) -> None:
    """The same trace again changes nothing, and silence of everything never does."""
    trace = along(*hops, stop=data.draw(st.sampled_from(StopReason)))
    path = follow(previous, trace)
    assert follow(path, trace) == path
    assert follow(path, along(*[None] * len(hops), stop=GAP)) == path


def test_path_id_is_stable() -> None:
    """The id is written to disk and compared by alerts: it must never depend on the process."""
    assert path_id(("192.0.2.1", None, "2001:db8::1")) == "6624b35c15e3feee"
    assert path_id(()) == "e3b0c44298fc1c14"
    assert path_id(("192.0.2.1", None)) != path_id(("192.0.2.1",))
    assert len(path_id(("\N{SNOWMAN}",))) == 16


def test_as_path() -> None:
    """Two routers of one AS are one step; silent and unannounced hops are bridged."""
    infos = {
        "a": HostInfo(asn=64500),
        "b": HostInfo(asn=64500),
        "c": HostInfo(asn=64501),
        "x": HostInfo(hostname="x.example.net"),
    }
    assert as_path(("a", None, "b", "x", "unheard-of", "c", "a"), infos) == (64500, 64501, 64500)
    assert as_path((None, "x"), infos) == ()


def test_links_of_a_plain_path() -> None:
    """Neighbours are linked; a silent hop between them is bridged."""
    assert links(along("a", "b", "*", "c")) == ((2, "a", "b"), (4, "b", "c"))
    assert links(along("a")) == ()
    assert links(along("*", "*")) == ()


def test_links_of_a_diamond() -> None:
    """Two branches, told apart by round: no edge runs across, though both pairs are neighbours."""
    diamond = along("a a", "b1 b2", "c1 c2", "d d")
    assert links(diamond) == (
        *((2, "a", "b1"), (2, "a", "b2")),
        *((3, "b1", "c1"), (3, "b2", "c2")),
        *((4, "c1", "d"), (4, "c2", "d")),
    )


def test_links_where_rounds_were_lost() -> None:
    """No round heard both ends: a far responder is never left without a link."""
    assert links(along("a *", "* b")) == ((2, "a", "b"),)
    assert links(along("a * a", "x b *")) == ((2, "a", "x"), (2, "a", "b"))


def test_no_link_to_itself() -> None:
    """Some routers forward with TTL 0, so that the next one answers twice."""
    assert links(along("a", "b", "b", "c")) == ((2, "a", "b"), (4, "b", "c"))
