"""The JSON API, over real connections."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from urllib.parse import quote

import pytest

from exporter.model import Family
from exporter.monitoring.view import PathFacts
from exporter.settings import Target
from exporter.watch.verdict import Balancing, Knowledge
from tests.asking import (
    WEB,
    ask,
)
from tests.serving import REACHED, STARTED, World, state, trace


def test_the_list_shows_each_target_in_short() -> None:
    """One target over two families: the first reached with one loss in three, the other silent."""
    six = trace(family=Family.IPV6, address="2001:db8::1", errors=(("unreachable_network", 2),))
    world = World([state(WEB, REACHED, six, next_cycle_at=STARTED + 60)])
    got = ask(world, "/api/v1/targets")
    assert got.headers["Content-Type"] == "application/json; charset=utf-8"
    assert got.json() == {
        "targets": [
            {
                "name": "web",
                "host": "www.example.net",
                "labels": {"site": "home"},
                "interval_seconds": 60.0,
                "next_cycle_at": "2026-01-31T12:01:00.000Z",
                "families": [
                    {
                        "family": "ipv4",
                        "protocol": "icmp",
                        "address": "192.0.2.1",
                        "backend": "linux-icmp",
                        "reached": True,
                        "stop_reason": "destination",
                        "outcome": "the destination answered",
                        "remedy": None,
                        "rtt_seconds": 0.021,
                        "loss_ratio": 0.333333,
                        "hops": 3,
                        "last_trace_at": "2026-01-31T12:00:00.000Z",
                        "last_change_at": None,
                        "as_path": [64500, 64501],
                        "errors": [],
                    },
                    {
                        "family": "ipv6",
                        "protocol": "icmp",
                        "address": "2001:db8::1",
                        "backend": "linux-icmp",
                        "reached": True,
                        "stop_reason": "destination",
                        "outcome": "the destination answered",
                        "remedy": "check the routes of this host; without IPv6, say `family: ipv4`",
                        "rtt_seconds": 0.021,
                        "loss_ratio": None,
                        "hops": 0,
                        "last_trace_at": "2026-01-31T12:00:00.000Z",
                        "last_change_at": None,
                        "as_path": [],
                        "errors": ["this host has no route to the destination (2 times)"],
                    },
                ],
            }
        ]
    }


def test_a_target_before_its_first_trace_is_all_nulls() -> None:
    """Known is only what the configuration says."""
    new = Target("new", "192.0.2.9")
    world = World([state(new), state(Target("newer", "192.0.2.8"), None)])
    first, second = ask(world, "/api/v1/targets").json()["targets"]
    assert (first["families"], first["next_cycle_at"]) == ([], None)
    (family,) = second["families"]
    assert family.pop("errors") == family.pop("as_path") == []
    assert (family.pop("family"), family.pop("protocol")) == ("ipv4", "icmp")
    assert set(family.values()) == {None}
    (detail,) = ask(world, "/api/v1/targets/newer").json()["families"]
    assert (detail["path"], detail["trace"]) == ([], None)


def test_the_list_can_be_narrowed() -> None:
    """By name, repeatedly; unknown names are not there."""
    world = World([state(Target(name, "192.0.2.1")) for name in ("a", "b", "c")])
    got = ask(world, "/api/v1/targets?name=c&name=a&name=nobody")
    assert [each["name"] for each in got.json()["targets"]] == ["c", "a"]
    assert ask(World(), "/api/v1/targets").json()["targets"] == []


def test_ten_thousand_targets_are_one_valid_document() -> None:
    """Streamed in slices, and still one JSON object."""
    states = [state(Target(f"t{number}", "192.0.2.1"), REACHED) for number in range(2000)]
    got = ask(World(states * 5), "/api/v1/targets", headers={"Accept-Encoding": "gzip"})
    names = [each["name"] for each in json.loads(gzip.decompress(got.body))["targets"]]
    assert names == [each.target.name for each in states] * 5


def test_a_name_that_utf_8_cannot_hold_is_escaped() -> None:
    """YAML may smuggle a lone surrogate into a name: JSON can still say it."""
    world = World([state(Target("\ud800ä", "192.0.2.1"))])
    got = ask(world, "/api/v1/targets")
    assert rb"\ud800" in got.body
    assert got.json()["targets"][0]["name"] == "\ud800ä"


def test_one_target_comes_with_its_trace_and_path() -> None:
    """The form of the trace is the one of the interface; the path names the silent hop null."""
    got = ask(World([state(WEB, REACHED)]), "/api/v1/targets/web")
    (family,) = got.json()["families"]
    assert family["path"] == ["198.51.100.1", None, "192.0.2.1"]
    assert family["trace"]["target"] == "web"
    assert [hop["ttl"] for hop in family["trace"]["hops"]] == [1, 2, 3]
    assert family["trace"]["as_path"] == family["as_path"] == [64500, 64501]


def test_branches_and_outage_are_told() -> None:
    """Hop 1 is balanced by packet: both addresses and how; the destination has gone silent."""
    known = Knowledge(
        path=("198.51.100.1", None, "192.0.2.1"),
        branches=2,
        addresses={1: ("198.51.100.1", "198.51.100.9"), 3: ("192.0.2.1",)},
        balancing={1: Balancing.PER_PACKET},
    )
    told = state(WEB, REACHED)
    view = replace(told.views[0], facts=PathFacts(known=known, outage=True))
    got = ask(World([replace(told, views=(view,))]), "/api/v1/targets/web")
    (family,) = got.json()["families"]
    assert (family["branches"], family["outage"]) == (2, True)
    assert family["parallel_hops"] == [
        {"ttl": 1, "addresses": ["198.51.100.1", "198.51.100.9"], "balancing": "per_packet"}
    ]


def test_incidents_of_one_target() -> None:
    """What was kept comes newest first, as many as asked for; a stranger and nonsense are told."""
    kept: list[dict[str, object]] = [{"at": f"2026-01-31T12:00:0{n}.000Z"} for n in (3, 2, 1)]
    world = World([state(WEB, REACHED)], kept=kept)
    got = ask(world, "/api/v1/incidents?target=web")
    assert got.json() == {"target": "web", "incidents": kept}
    assert ask(world, "/api/v1/incidents?target=web&limit=1").json()["incidents"] == kept[:1]
    assert ask(world, "/api/v1/incidents?target=bew").status == 404
    for path in ("/api/v1/incidents", "/api/v1/history"):
        unsaid = ask(world, path)
        assert (unsaid.status, "parameter target is missing" in unsaid.json()["error"]) == (
            400,
            True,
        )
    refused = ask(world, "/api/v1/incidents?target=web&limit=-1")
    assert (refused.status, "limit is '-1'" in refused.json()["error"]) == (400, True)


@pytest.mark.parametrize(
    "name",
    ["a/b", "ä ö", "100%", "%2F", "a?b#c", "<b>&\"'", "x\\y", "a+b", "日本", "a//b", "☃/%41"],
)
def test_any_name_can_be_asked_for(name: str) -> None:
    """Escaped as one segment of the path, every name leads to its target, in JSON and in HTML."""
    world = World([state(Target("decoy", "192.0.2.1")), state(Target(name, "192.0.2.1"), REACHED)])
    escaped = quote(name, safe="")
    assert ask(world, f"/api/v1/targets/{escaped}").json()["name"] == name
    assert ask(world, f"/targets/{escaped}").status == 200


def test_slashes_in_a_name_need_no_escape() -> None:
    """As people type them."""
    world = World([state(Target("site/a", "192.0.2.1"), REACHED)])
    assert ask(world, "/api/v1/targets/site/a").json()["name"] == "site/a"


def test_an_unknown_target_is_not_found() -> None:
    """The message names it, with nothing in it that could harm a terminal."""
    got = ask(World(), "/api/v1/targets/gone%0A%1b")
    assert got.status == 404
    assert got.headers["Content-Type"] == "application/json; charset=utf-8"
    assert got.json() == {"error": r"there is no target named 'gone\n\x1b'"}


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/api/v1/nothing", "GET", 404),
        ("/api/v1/targets/", "GET", 404),
        ("/api/v1/targets", "POST", 405),
    ],
)
def test_the_api_refuses_in_json(path: str, method: str, status: int) -> None:
    """What the router turns away is JSON, too."""
    got = ask(World(), path, method=method)
    assert got.status == status
    assert set(got.json()) == {"error"}
