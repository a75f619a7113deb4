"""The pages: whole HTML, everything escaped, nothing that a browser would have to run."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import Family, Hop, HostInfo, StopReason, Trace
from exporter.monitoring.view import View
from exporter.server import TargetState
from exporter.server.frame import POLICY
from exporter.server.page import home_pieces, missing_page, target_page
from exporter.settings import Target
from exporter.statistics.tally import Tally
from tests.serving import FAILED, INFOS, REACHED, REFUSED, response, state, trace

VOID = frozenset({"meta", "link"})
WEB = Target("web", "www.example.net", labels=(("site", "home & away"),))


class Page(HTMLParser):
    """Reads a page strictly: every element is closed in order, and nothing inline could run."""

    def __init__(self, page: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.links: list[str] = []
        self.heading = ""
        self.raw = page
        text = page.decode()
        assert text.startswith("<!DOCTYPE html>\n<html lang=")
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            assert dict(attrs)["src"]
        for name, value in attrs:
            assert not name.startswith("on")
            assert name != "style"
            if name == "href" and tag == "a":
                self.links.append(value or "")
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        assert self.open[-1:] not in (["script"], ["style"])
        if self.open and self.open[-1] == "h1":
            self.heading += data
        elif "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data


def home(*states: TargetState) -> Page:
    """The page at `/`."""
    return Page(b"".join(home_pieces(states, telemetry_path="/metrics")))


def page_of(state_: TargetState) -> Page:
    """The page of one target."""
    return Page(target_page(state_, root="../", telemetry_path="/metrics"))


def test_the_table_shows_every_target_with_its_state() -> None:
    """Reached, refused, failed, and two that nobody traced yet."""
    page = home(
        state(WEB, REACHED),
        state(Target("shut", "192.0.2.1"), REFUSED),
        state(Target("lost", "www.example.net"), FAILED),
        state(Target("new", "192.0.2.3")),
        state(Target("newer", "192.0.2.4"), None),
    )
    host = "www.example.net"
    assert page.rows[1:] == [
        ["web", host, "ipv4", "192.0.2.1", "reached", "21.00 ms", "33.3 %", "3", "64500 64501"],
        [
            *("shut", "192.0.2.1", "ipv4", "192.0.2.1"),
            "unreachable: host unreachable by 198.51.100.7",
            *("", "100 %", "2", "64500"),
        ],
        ["lost", host, "ipv4", "", "www.example.net: no such name", "", "", "", ""],
        ["new", "192.0.2.3", "", "", "waiting for the first trace", "", "", "", ""],
        ["newer", "192.0.2.4", "ipv4", "", "waiting for the first trace", "", "", "", ""],
    ]
    assert page.links[1:5] == ["./", "./metrics", "./api/v1/openapi.json", "targets/web"]


def test_the_page_of_a_target_shows_its_hops() -> None:
    """Two responders share hop 1, hop 2 was silent, the destination lost one probe."""
    page = page_of(state(WEB, REACHED))
    assert page.heading == "web"
    assert b"home &amp; away" in page.raw
    assert page.rows[1:] == [
        [
            *("1", "198.51.100.1", "gw.example.net", "AS64500 EXAMPLE", "0 %", "3"),
            *("0.49 ms", "0.50 ms", "0.51 ms", "24017"),
        ],
        ["", "198.51.100.9", "", "", "", "", "0.50 ms", "0.50 ms", "0.50 ms", ""],
        ["2", "*", "", "", "100 %", "3", "", "", "", ""],
        [
            *("3", "192.0.2.1", "www.example.net", "AS64501 TARGET", "33.3 %", "3"),
            *("20.00 ms", "21.00 ms", "22.00 ms", ""),
        ],
    ]
    assert page.links == ["#main", "../", "../metrics", "../api/v1/openapi.json"]


def test_pages_without_hops_say_why() -> None:
    """Failed, never traced, not yet traced over one family."""
    assert b"No address at 2026-01-31T12:00:00.000Z" in page_of(state(WEB, FAILED)).raw
    assert b"www.example.net: no such name" in page_of(state(WEB, FAILED)).raw
    assert b"No trace has ended yet." in page_of(state(WEB)).raw
    assert b"No trace has ended yet." in page_of(state(WEB, None)).raw


def test_both_families_are_on_one_page() -> None:
    """Each with its own table."""
    six = trace(Hop(1, 1, (response(1, "2001:db8::1"),)), family=Family.IPV6)
    raw = page_of(state(WEB, REACHED, six)).raw
    assert raw.count(b"<table>") == 2
    assert b"<h2>ipv6 by icmp</h2>" in raw


def test_an_origin_without_a_name_is_its_number() -> None:
    """DNS knew the AS but not what it is called; nothing was sent to another hop."""
    bare = trace(Hop(1, 1, (response(1, "192.0.2.9"),)), Hop(2, 0), stop=StopReason.GAP)
    view = View(
        WEB,
        Family.IPV4,
        bare.protocol,
        bare,
        ("192.0.2.9",),
        {"192.0.2.9": HostInfo(asn=64502)},
        Tally(WEB.module),
    )
    rows = page_of(TargetState(WEB, (view,))).rows
    assert rows[1][3] == "AS64502"
    assert rows[2][4] == ""


def test_a_missing_target_is_said_to_be_missing() -> None:
    """With the name that was asked for, harmless."""
    page = Page(missing_page("no '<script>'", root="../", telemetry_path="/metrics"))
    assert page.heading == "Not found"
    assert b"no &#x27;&lt;script&gt;&#x27;" in page.raw


def test_the_policy_allows_nothing_inline() -> None:
    """Scripts, styles and data come from this server alone."""
    assert "unsafe" not in POLICY
    assert POLICY.startswith("default-src 'none';")
    for kind in ("script", "style", "connect"):
        assert f"{kind}-src 'self';" in POLICY


@pytest.mark.parametrize("name", ["a/b", "..", "javascript:alert(1)", "ä", '"><script>', "\ud800"])
def test_links_lead_to_their_target(name: str) -> None:
    """Whatever the name, the link is relative, and one segment of a path."""
    *_, link = home(state(Target(name, "192.0.2.1"))).links
    assert re.fullmatch(r"targets/[\w.~%-]+", link, re.ASCII)


@given(st.text(min_size=1), st.text(), st.text())
def test_hostile_text_stays_text(name: str, label: str, hostname: str) -> None:
    """Nothing that a configuration or DNS says becomes an element or breaks the page."""
    target = Target(name, hostname or "x", labels=(("label", label),))
    info = HostInfo(hostname, 64500, label)
    view = View(
        target,
        Family.IPV4,
        REACHED.protocol,
        _spoken(label),
        ("198.51.100.1", None, "192.0.2.1"),
        {**INFOS, "198.51.100.1": info},
        Tally(target.module),
    )
    page = page_of(TargetState(target, (view,)))
    assert len(page.rows) == 5
    if "\r" not in name and "\0" not in name:
        assert page.heading == name.encode("utf-8", "replace").decode()
    assert len(home(TargetState(target, (view,))).rows) == 2


def _spoken(message: str) -> Trace:
    return trace(*REACHED.hops, stop=StopReason.ERROR, errors=(("send", 1),), message=message)
