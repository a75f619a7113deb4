"""The JSON form of a trace, held against the interface."""

from __future__ import annotations

import json

import pytest

from exporter.model import Family, Hop, HostInfo, Kind, Response, StopReason
from exporter.reading.jsonform import hop_json, info_json, rfc3339, trace_event_json, trace_json
from exporter.reading.path import follow, path_id
from tests.serving import FAILED, INFOS, REACHED, REFUSED, response, trace


def test_a_reached_destination_has_the_documented_form() -> None:
    """Two routers shared a hop, one hop was silent, the destination lost one of three probes."""
    path = follow((), REACHED)
    form = trace_json(REACHED, INFOS, target="example", path=path)
    assert form == {
        "target": "example",
        "host": "www.example.net",
        "address": "192.0.2.1",
        "family": "ipv4",
        "protocol": "icmp",
        "backend": "linux-icmp",
        "started_at": "2026-01-31T12:00:00.000Z",
        "duration_seconds": 0.041,
        "reached": True,
        "stop_reason": "destination",
        "path_id": path_id(path),
        "as_path": [64500, 64501],
        "hops": [
            {
                "ttl": 1,
                "sent": 3,
                "lost": 0,
                "responders": [
                    {
                        "address": "198.51.100.1",
                        "hostname": "gw.example.net",
                        "asn": 64500,
                        "as_name": "EXAMPLE",
                        "prefix": "198.51.100.0/24",
                        "country": "DE",
                        "rtt_seconds": [0.00051, 0.00049],
                        "kind": "time_exceeded",
                        "reply_ttl": 64,
                        "return_hops": 1,
                        "asymmetry": 0,
                        "mpls": [{"label": 24017, "exp": 0, "bottom": True, "ttl": 1}],
                    },
                    {
                        "address": "198.51.100.9",
                        "hostname": None,
                        "asn": None,
                        "as_name": None,
                        "prefix": None,
                        "country": None,
                        "rtt_seconds": [0.0005],
                        "kind": "time_exceeded",
                        "reply_ttl": 64,
                        "return_hops": 1,
                        "asymmetry": 0,
                        "mpls": [],
                    },
                ],
            },
            {"ttl": 2, "sent": 3, "lost": 3, "responders": []},
            {
                "ttl": 3,
                "sent": 3,
                "lost": 1,
                "responders": [
                    {
                        "address": "192.0.2.1",
                        "hostname": "www.example.net",
                        "asn": 64501,
                        "as_name": "TARGET",
                        "prefix": "192.0.2.0/24",
                        "country": "NL",
                        "rtt_seconds": [0.02, 0.022],
                        "kind": "echo_reply",
                        "reply_ttl": 64,
                        "return_hops": 1,
                        "asymmetry": -2,
                        "mpls": [],
                    }
                ],
            },
        ],
    }
    assert json.loads(json.dumps(form)) == form


def test_an_unreachable_shows_its_code_at_the_top_and_at_the_responder() -> None:
    """A router said "host unreachable": code 1 stands where a reader looks for it."""
    form = trace_json(REFUSED, {}, target="t", path=follow((), REFUSED))
    assert form["code"] == 1
    hops = form["hops"]
    assert isinstance(hops, list)
    assert "code" not in hops[0]["responders"][0]
    assert hops[1]["responders"][0]["code"] == 1


def test_a_local_failure_shows_errors_and_nulls() -> None:
    """The name did not resolve: no address, no backend, no path, but the reason and its words."""
    form = trace_json(FAILED, {}, target="t", path=())
    assert form["errors"] == {"resolve": 1}
    assert form["message"] == "www.example.net: no such name"
    unknown = [form[key] for key in ("address", "backend", "path_id")]
    assert unknown == [None, None, None]
    assert (form["as_path"], form["hops"]) == ([], [])
    assert "code" not in form


def test_a_path_of_silence_has_no_identity() -> None:
    """Nothing answered: the path is not the path of some other silent target."""
    silent = trace(Hop(1, 3), Hop(2, 3), stop=StopReason.GAP)
    assert trace_json(silent, {}, target="t", path=(None, None))["path_id"] is None


def test_a_responder_that_changed_its_answer_shows_the_latest() -> None:
    """A router first let the probe expire, then had lost its route: one responder, two RTTs."""
    both = trace(
        Hop(1, 2, (response(1, "198.51.100.1"), _unreachable(1, "198.51.100.1", round_=1))),
        stop=StopReason.UNREACHABLE,
        code=0,
    )
    hops = trace_json(both, {}, target="t", path=("198.51.100.1",))["hops"]
    assert isinstance(hops, list)
    (responder,) = hops[0]["responders"]
    assert responder["kind"] == "unreachable"
    assert responder["code"] == 0
    assert len(responder["rtt_seconds"]) == 2


def _unreachable(ttl: int, address: str, *, round_: int) -> Response:
    return response(ttl, address, round_=round_, kind=Kind.UNREACHABLE, code=0)


def test_events_say_what_happened_to_which_target() -> None:
    """A hop is an event, its name another one, the end of the trace the last."""
    answer = response(1, "198.51.100.1", mpls=True)
    hop = hop_json(answer, None, target="t")
    assert {key: hop[key] for key in ("event", "target", "ttl", "round")} == {
        "event": "hop",
        "target": "t",
        "ttl": 1,
        "round": 0,
    }
    responder = hop["responder"]
    assert isinstance(responder, dict)
    assert responder["hostname"] is None
    known = hop_json(answer, INFOS["198.51.100.1"], target="t")["responder"]
    assert isinstance(known, dict)
    assert known["hostname"] == "gw.example.net"
    assert info_json("192.0.2.9", HostInfo(asn=64500), target="t") == {
        "event": "info",
        "target": "t",
        "address": "192.0.2.9",
        "hostname": None,
        "asn": 64500,
        "as_name": None,
        "prefix": None,
        "country": None,
    }
    path = follow((), REACHED)
    end = trace_event_json(REACHED, INFOS, target="t", path=path)
    assert end == {"event": "trace", **trace_json(REACHED, INFOS, target="t", path=path)}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1_769_860_800.0004, "2026-01-31T12:00:00.000Z"),
        (1_769_860_800.9996, "2026-01-31T12:00:01.000Z"),
        (1_769_860_800.125, "2026-01-31T12:00:00.125Z"),
    ],
)
def test_times_are_rfc_3339_in_utc_with_milliseconds(seconds: float, text: str) -> None:
    """Rounded, not cut, so that .9996 s is the next second."""
    assert rfc3339(seconds) == text


def test_ipv6_is_no_special_case() -> None:
    """The family is told in its own field, the address as inet_ntop writes it."""
    six = trace(Hop(1, 1, (response(1, "2001:db8::1"),)), family=Family.IPV6, address="2001:db8::9")
    form = trace_json(six, {}, target="t", path=follow((), six))
    assert (form["family"], form["address"]) == ("ipv6", "2001:db8::9")
