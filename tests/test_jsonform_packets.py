"""What the packets also say, as JSON and as text: interfaces, unknown objects, the way back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from exporter.model import ExtensionObject, Hop, Kind, Probe, Response
from exporter.reading.interfaces import InterfaceInfo, InterfaceRole
from exporter.reading.jsonform import hop_json, loss_json
from exporter.report.paint import Layout
from exporter.report.table import Row, Table, interface_text
from exporter.statistics.loss import HopCounts, PathLoss, assess
from tests.reporting import feed, heading, plain
from tests.serving import LABEL_24017, STARTED, trace
from tests.test_interfaces import EVERYTHING

UNKNOWN = ExtensionObject(250, 7, b"\x01\x02\x03\x04")
NAMED = ExtensionObject(2, 0x82, b"\x10evil\x1b]0;x\x07name\0\0")


def answered(*extensions: ExtensionObject, reply_ttl: int | None = 61, ttl: int = 2) -> Response:
    """A router's answer with these objects."""
    return Response(
        *(Probe(1, 0, ttl), "198.51.100.1", Kind.TIME_EXCEEDED, 0.001, STARTED),
        None,
        reply_ttl,
        extensions,
    )


def responder(answer: Response) -> dict[str, Any]:
    """What JSON shows of it, read back."""
    form: dict[str, Any] = json.loads(json.dumps(hop_json(answer, None, target="t")))
    shown: dict[str, Any] = form["responder"]
    return shown


def test_interfaces_and_unknown_objects() -> None:
    """A label stack, an interface with all its parts, and an object of a class unknown to us."""
    form = responder(answered(LABEL_24017, EVERYTHING, UNKNOWN))
    assert form["interfaces"] == [
        {
            "role": "incoming",
            "index": 5,
            "address": "198.51.100.1",
            "name": "ge-0/0/1",
            "mtu": 1500,
        }
    ]
    assert form["extensions"] == [{"class": 250, "c_type": 7, "bytes": 4, "payload": "01020304"}]
    assert len(form["mpls"]) == 1


@pytest.mark.parametrize("extensions", [(), (LABEL_24017,)])
def test_keys_are_there_only_with_something_in_them(
    extensions: tuple[ExtensionObject, ...],
) -> None:
    """Most answers have no extensions, most others a label stack alone."""
    assert {"interfaces", "extensions"}.isdisjoint(responder(answered(*extensions)))


def test_misfits_are_shown_as_they_came() -> None:
    """Interface information that contradicts itself is no interface, but somebody may know it."""
    form = responder(answered(ExtensionObject(2, 8, b"\0\1")))
    assert "interfaces" not in form
    assert form["extensions"] == [{"class": 2, "c_type": 8, "bytes": 2, "payload": "0001"}]


def test_forgeries_are_cut() -> None:
    """Hundreds of objects, or one of a thousand bytes, make no page of any length."""
    form = responder(answered(*[UNKNOWN] * 300, *[EVERYTHING] * 300))
    assert (len(form["interfaces"]), len(form["extensions"])) == (16, 16)
    (one,) = responder(answered(ExtensionObject(9, 9, bytes(1000))))["extensions"]
    assert (one["bytes"], len(one["payload"])) == (1000, 256)


@pytest.mark.parametrize(
    ("reply_ttl", "back", "asymmetry"), [(63, 2, 0), (61, 4, 2), (64, 1, -1), (None, None, None)]
)
def test_the_way_back(reply_ttl: int | None, back: int | None, asymmetry: int | None) -> None:
    """From the second hop: as long as the way there, longer, shorter, and unknown."""
    form = responder(answered(reply_ttl=reply_ttl))
    assert (form["return_hops"], form["asymmetry"]) == (back, asymmetry)


def test_loss_of_a_path() -> None:
    """Loss starts at hop 3; hop 2 limits its answers."""
    lost = [HopCounts(ttl, 60, gone) for ttl, gone in enumerate((0, 40, 12), 1)]
    assert loss_json(assess(lost, HopCounts(4, 60, 12))) == {
        "starts_at": 3,
        "hops": [
            {"ttl": 1, "forward_loss_ratio": 0.0, "condition": "clear"},
            {"ttl": 2, "forward_loss_ratio": 0.0, "condition": "rate_limited"},
            {"ttl": 3, "forward_loss_ratio": 0.2, "condition": "lossy"},
            {"ttl": 4, "forward_loss_ratio": 0.2, "condition": "lossy"},
        ],
    }
    assert loss_json(PathLoss()) == {"starts_at": None, "hops": []}


def test_the_text_report_shows_interfaces() -> None:
    """Behind the round trips, after the labels."""
    report, out = plain()
    answer = answered(LABEL_24017, EVERYTHING, UNKNOWN, ttl=1)
    feed(report, trace(Hop(1, 1, (answer,))), rounds=1)
    line = out.getvalue().splitlines()[1]
    labels, interface = "[MPLS: 24017 exp 0 ttl 1]", "ge-0/0/1, index 5, 198.51.100.1, MTU 1500"
    assert line.endswith(f"1.00 ms {labels} [incoming: {interface}]")


def test_a_name_from_the_network_cannot_drive_a_terminal() -> None:
    """Escape and bell are gone before the line is made."""
    table = Table(heading(1))
    table.add(answered(NAMED, ttl=1), None)
    (row,) = table.rows(1)
    assert row.added == "[outgoing: evil]0;xname]"
    (line,) = Layout(colour=False, width=None).lines([row])
    assert line.isprintable()


def test_interfaces_as_far_as_known() -> None:
    """A role alone is told, too."""
    assert interface_text(InterfaceInfo(InterfaceRole.SUB_IP)) == "[sub ip]"
    assert interface_text(InterfaceInfo(InterfaceRole.NEXT_HOP, mtu=0)) == "[next hop: MTU 0]"
    assert Row("1", "*").added == ""
