"""What `ftr-exporter trace` shows on a terminal."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import (
    NOTHING_KNOWN,
    Hop,
    HostInfo,
    Kind,
    StopReason,
)
from exporter.report import TextReport
from exporter.report.paint import cells, fit
from tests.reporting import (
    REACHED_LINES,
    TITLE,
    feed,
    heading,
    screen,
    table,
)
from tests.serving import INFOS, REACHED, REFUSED, response, trace


def test_a_terminal_ends_with_the_same_table() -> None:
    """Only the columns are as narrow as they can be, since they can grow later."""
    report, out = screen()
    feed(report, REACHED, known=False)
    assert out.shown.splitlines()[1:] == [
        "  1  198.51.100.1 (gw.example.net)    AS64500 EXAMPLE   0.510  0.490        ms"
        " [MPLS: 24017 exp 0 ttl 1]",
        "     198.51.100.9                                                     0.500 ms",
        "  2  *",
        "  3  192.0.2.1 (www.example.net)    > AS64501 TARGET     20.0   22.0      * ms",
        "AS path: 64500 64501",
        "www.example.net reached in 3 hops and 0.04 s, RTT 21.0 ms, 1 of 3 probes lost",
    ]


def test_hops_are_on_the_screen_the_moment_they_answer() -> None:
    """Hop 3 answers first; the table is in TTL order, and names fill in when they come."""
    report, out = screen()
    report.start(heading(1))
    report.response(response(3, "198.51.100.3"), None)
    assert table(out) == ["1 *", "2 *", "3 198.51.100.3 0.500 ms"]
    report.response(response(1, "198.51.100.1"), None)
    report.info("198.51.100.3", HostInfo(asn=64500))
    assert table(out) == ["1 198.51.100.1 0.500 ms", "2 *", "3 198.51.100.3 AS64500 0.500 ms"]
    report.info("198.51.100.1", HostInfo("gw.example.net"))
    assert table(out)[0] == "1 198.51.100.1 (gw.example.net) 0.500 ms"
    report.response(response(2, "192.0.2.1", kind=Kind.ECHO_REPLY), None)
    assert len(table(out)) == 2


def test_nothing_new_is_nothing_written() -> None:
    """The same news again costs the terminal nothing."""
    report, out = screen()
    report.start(heading(1))
    report.response(response(1, "198.51.100.1"), INFOS["198.51.100.1"])
    out.write = lambda text: pytest.fail(text)  # type: ignore[method-assign] # any write is a fault
    report.info("198.51.100.1", INFOS["198.51.100.1"])


def test_a_path_longer_than_the_screen_is_shown_whole_at_the_end() -> None:
    """Lines that scrolled off cannot be mended: as their names came later, all is shown again."""
    report, out = screen(height=6)
    hops = tuple(Hop(ttl, 1, (response(ttl, f"198.51.100.{ttl}"),)) for ttl in range(1, 21))
    report.start(heading(1))
    for hop in reversed(hops):
        report.response(hop.responses[0], None)
    infos = {hop.addresses[0]: HostInfo(f"r{hop.ttl}.example") for hop in hops}
    for address, info in infos.items():
        report.info(address, info)
    report.finish(trace(*hops, stop=StopReason.GAP), infos)
    lines = out.shown.splitlines()[-21:-1]
    assert [line.split()[2] for line in lines] == [f"(r{ttl}.example)" for ttl in range(1, 21)]


def test_a_path_that_shrinks_leaves_no_lines_behind() -> None:
    """Twenty lines were shown when the destination turned out to be hop 2."""
    report, out = screen(height=6)
    report.start(heading(1))
    report.response(response(20, "192.0.2.1", kind=Kind.ECHO_REPLY), NOTHING_KNOWN)
    report.response(response(2, "192.0.2.1", kind=Kind.ECHO_REPLY), NOTHING_KNOWN)
    done = trace(Hop(1, 1), Hop(2, 1, (response(2, "192.0.2.1", kind=Kind.ECHO_REPLY),)))
    report.finish(done, {})
    assert [line.split()[:2] for line in out.shown.splitlines()[-3:-1]] == [
        ["1", "*"],
        ["2", "192.0.2.1"],
    ]


@pytest.mark.parametrize(("width", "height"), [(80, 4), (19, 24), (0, 0)])
def test_a_tiny_terminal_gets_plain_lines(width: int, height: int) -> None:
    """No cursor is moved where there is no room for it."""
    report, out = screen(width, height)
    feed(report, REACHED)
    assert out.shown == TITLE + REACHED_LINES


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100])
def test_no_line_of_the_table_wraps(width: int) -> None:
    """A wrapped line would take two rows and break the table; what does not fit is cut."""
    report, out = screen(width)
    infos = {
        address: HostInfo("very.long.name." * 8 + "example", 64500, "日本語" * 30)
        for address in ("198.51.100.1", "198.51.100.9", "192.0.2.1")
    }
    report.start(heading())
    for hop in REACHED.hops:
        for answer in hop.responses:
            report.response(answer, infos[answer.address])
    lines = out.shown.splitlines()[1:]
    assert len(lines) == 4
    assert all(cells(line) < width for line in lines)
    assert "…" in lines[0]


def test_colours_are_for_terminals_that_want_them() -> None:
    """Losses stand out, the end is green or red; without colour there is no such sequence."""
    report, out = screen(colour=True)
    feed(report, REACHED)
    feed(report, REFUSED)
    assert {"2", "31", "32", "33", "36", "0"} == out.colours
    colourless, bare = screen()
    feed(colourless, REACHED)
    feed(colourless, REFUSED)
    assert bare.colours == set()
    assert bare.shown == out.shown


@given(st.text(), st.text(), st.text())
def test_hostile_text_moves_no_cursor(host: str, hostname: str, as_name: str) -> None:
    """Whatever DNS or the command line says, only printable characters and our own sequences."""
    info = HostInfo(hostname, 64500, as_name)
    hops = tuple(Hop(ttl, 1, (response(ttl, f"192.0.2.{ttl}"),)) for ttl in (1, 2))
    report, out = screen(60, 10, colour=True)
    report.start(heading(1, host=host))
    for hop in hops:
        report.response(hop.responses[0], info)
    message = hostname + as_name
    done = trace(*hops, stop=StopReason.ERROR, errors=(("send", 1),), message=message)
    report.finish(done, dict.fromkeys(("192.0.2.1", "192.0.2.2"), info))
    assert len(out.shown.splitlines()) == 5


def test_an_encoding_that_lacks_a_character_gets_a_question_mark() -> None:
    """An AS name in Japanese, a terminal in Latin-1: the trace goes on."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, "latin-1")
    report = TextReport(out, colour=False, width=0)
    report.start(heading(1))
    report.response(response(1, "192.0.2.1"), HostInfo(asn=64500, as_name="日本 Ä"))
    assert "AS64500 ?? Ä" in raw.getvalue().decode("latin-1")


@pytest.mark.parametrize(
    ("text", "width", "fitted"),
    [
        ("abc", 5, "abc  "),
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("abcd", 1, "…"),
        ("abcd", 0, ""),
        ("日本", 4, "日本"),
        ("日本", 3, "日…"),
        ("日本語", 4, "日… "),
        ("e\u0301e\u0301", 2, "e\u0301e\u0301"),
    ],
)
def test_text_is_fitted_by_columns_not_characters(text: str, width: int, fitted: str) -> None:
    """Wide characters take two columns, combining ones none."""
    assert fit(text, width) == fitted
