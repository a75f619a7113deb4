"""What `ftr-exporter trace` prints: as plain lines, on a terminal, and as JSON."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.jsonform import trace_json
from exporter.model import (
    NOTHING_KNOWN,
    Family,
    Hop,
    HostInfo,
    Kind,
    Protocol,
    StopReason,
    Trace,
)
from exporter.path import follow
from exporter.report import Heading, JsonLinesReport, JsonReport, Report, TextReport
from exporter.report.paint import cells, fit
from exporter.report.table import milliseconds
from tests.serving import FAILED, INFOS, REACHED, REFUSED, response, trace

TITLE = (
    "trace to www.example.net (192.0.2.1) by icmp over IPv4, linux-icmp, at most 30 hops, "
    "3 probes each\n"
)
MPLS = " [MPLS: 24017 exp 0 ttl 1]"
REACHED_LINES = f"""\
  1  198.51.100.1 (gw.example.net)     AS64500 EXAMPLE    0.510  0.490        ms{MPLS}
     198.51.100.9                                                       0.500 ms
  2  *
  3  192.0.2.1 (www.example.net)       AS64501 TARGET      20.0   22.0      * ms
www.example.net reached in 3 hops and 0.04 s, RTT 21.0 ms, 1 of 3 probes lost
"""


def heading(rounds: int = 3, host: str = "www.example.net", first_hop: int = 1) -> Heading:
    """What the command is about to do."""
    return Heading(
        host=host,
        address="192.0.2.1",
        family=Family.IPV4,
        protocol=Protocol.ICMP,
        backend="linux-icmp",
        max_hops=30,
        rounds=rounds,
        first_hop=first_hop,
    )


def feed(report: Report, done: Trace, *, rounds: int = 3, known: bool = True) -> None:
    """The events of a whole trace, round by round, nearest hop first."""
    report.start(heading(rounds))
    answers = [each for hop in done.hops for each in hop.responses]
    for answer in sorted(answers, key=lambda each: each.probe.round):
        info = INFOS.get(answer.address, NOTHING_KNOWN)
        report.response(answer, info if known else None)
    report.finish(done, INFOS)


def plain() -> tuple[TextReport, io.StringIO]:
    """A report into a pipe."""
    out = io.StringIO()
    return TextReport(out, colour=False, width=0), out


class Terminal(io.StringIO):
    """A screen of some lines and columns: enough of ECMA-48 to see what a person would see.

    A line that would wrap, a cursor moved off the screen and an unknown sequence are faults.
    """

    def __init__(self, width: int, height: int) -> None:
        super().__init__()
        self.size = (width, height)
        self.lines = [""]
        self.row = 0
        self.colours: set[str] = set()

    def write(self, text: str) -> int:
        for sequence, newline, plain_text in _pieces(text):
            if newline:
                self.row += 1
                if self.row == len(self.lines):
                    self.lines.append("")
                self.column = 0
            elif sequence:
                self._obey(sequence)
            else:
                self._print(plain_text)
        return len(text)

    column = 0

    def _obey(self, sequence: str) -> None:
        number, action = sequence[:-1] or "0", sequence[-1]
        if action == "A":
            self.row -= int(number)
            assert self.row >= max(0, len(self.lines) - self.size[1])
        elif action == "K":
            self.lines[self.row] = self.lines[self.row][: self.column]
        elif action == "J":
            self.lines[self.row] = self.lines[self.row][: self.column]
            del self.lines[self.row + 1 :]
        else:
            assert action == "m"
            self.colours.add(number)

    def _print(self, text: str) -> None:
        assert text.isprintable()
        line = self.lines[self.row]
        self.lines[self.row] = line[: self.column] + text + line[self.column + len(text) :]
        self.column += len(text)

    @property
    def shown(self) -> str:
        """All lines, those that scrolled off included, without blanks at their ends."""
        return "\n".join(line.rstrip() for line in self.lines)


def _pieces(text: str) -> Iterator[tuple[str, str, str]]:
    pattern = re.compile(r"\x1b\[([0-9;]*[A-Za-z])|(\n)|([^\x1b\n]+)")
    end = 0
    for match in pattern.finditer(text):
        assert match.start() == end
        end = match.end()
        yield match[1] or "", match[2] or "", match[3] or ""
    assert end == len(text)


def screen(
    width: int = 120, height: int = 24, *, colour: bool = False
) -> tuple[TextReport, Terminal]:
    """A report on a terminal."""
    out = Terminal(width, height)
    return TextReport(out, colour=colour, width=width, height=height), out


def table(out: Terminal) -> list[str]:
    """The lines below the title, each with single blanks."""
    return [" ".join(line.split()) for line in out.shown.splitlines()[1:]]


# -- into a pipe --------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [True, False], ids=["names first", "names last"])
def test_a_pipe_gets_aligned_lines(known: bool) -> None:
    """Two responders at hop 1, silence at hop 2, one probe lost at the end."""
    report, out = plain()
    feed(report, REACHED, known=known)
    assert out.getvalue() == TITLE + REACHED_LINES


def test_a_line_comes_as_soon_as_its_hop_and_all_before_are_settled() -> None:
    """One probe a hop: hop 2 answers before hop 1, and waits for it."""
    report, out = plain()
    report.start(heading(1))
    start = len(out.getvalue())
    report.response(response(2, "198.51.100.7"), NOTHING_KNOWN)
    assert out.getvalue()[start:] == ""
    report.response(response(1, "198.51.100.1"), None)
    assert out.getvalue()[start:] == ""
    report.info("198.51.100.1", HostInfo("gw.example.net"))
    assert out.getvalue()[start:] == ""
    report.info("198.51.100.1", INFOS["198.51.100.1"], complete=True)
    assert out.getvalue()[start:].splitlines() == [
        "  1  198.51.100.1 (gw.example.net)     AS64500 EXAMPLE    0.500 ms",
        "  2  198.51.100.7                                         0.500 ms",
    ]


def test_silence_is_known_once_the_last_round_runs() -> None:
    """Hop 1 was silent in two of three rounds: its star lets hop 2 through in the third."""
    report, out = plain()
    report.start(heading())
    for number in range(3):
        before = out.getvalue()
        report.response(response(2, "198.51.100.7", round_=number), NOTHING_KNOWN)
        assert (out.getvalue() != before) == (number == 2)
    assert out.getvalue().splitlines()[1] == "  1  *"


def test_a_hop_that_speaks_up_late_gets_a_line_after_all() -> None:
    """Hop 1 was given up as silent, but answered the last round: the answer is not lost."""
    report, out = plain()
    report.start(heading(2))
    late = response(1, "198.51.100.1", round_=1)
    others = [response(2, "192.0.2.1", round_=number, kind=Kind.ECHO_REPLY) for number in (0, 1)]
    for answer in (*others, late):
        report.response(answer, NOTHING_KNOWN)
    done = trace(Hop(1, 2, (late,)), Hop(2, 2, tuple(others)))
    report.finish(done, {})
    assert [line.split()[:2] for line in out.getvalue().splitlines()[1:-1]] == [
        ["1", "*"],
        ["2", "192.0.2.1"],
        ["1", "198.51.100.1"],
    ]


def test_the_destination_beyond_its_own_hop_is_no_hop() -> None:
    """The first window of probes went further than the path: the destination answered them all."""
    report, out = plain()
    report.start(heading(1))
    for ttl in (4, 3, 2):
        report.response(response(ttl, "192.0.2.1", kind=Kind.ECHO_REPLY), NOTHING_KNOWN)
    report.response(response(1, "198.51.100.1"), NOTHING_KNOWN)
    done = trace(
        Hop(1, 1, (response(1, "198.51.100.1"),)),
        Hop(2, 1, (response(2, "192.0.2.1", kind=Kind.ECHO_REPLY),)),
    )
    report.finish(done, {})
    assert [line.split()[0] for line in out.getvalue().splitlines()] == [
        *("trace", "1", "2", "www.example.net")
    ]


def test_an_unreachable_is_marked_and_explained() -> None:
    """The mark is that of traceroute, the words are in the last line."""
    report, out = plain()
    feed(report, REFUSED, rounds=1)
    assert out.getvalue().splitlines()[1:] == [
        "  1  198.51.100.1 (gw.example.net)     AS64500 EXAMPLE    0.500 ms",
        "  2  198.51.100.7                                         0.500 ms !H",
        "www.example.net not reached after 2 hops in 0.04 s: "
        "unreachable: host unreachable by 198.51.100.7",
    ]


def test_what_could_not_be_tried_is_one_line() -> None:
    """No address, so no title and no table; the next host starts after an empty line."""
    report, out = plain()
    report.finish(FAILED, {})
    feed(report, REACHED)
    first = "could not trace www.example.net: www.example.net: no such name\n"
    assert out.getvalue() == f"{first}\n{TITLE}{REACHED_LINES}"


def test_local_failures_within_a_trace_are_told() -> None:
    """Two probes could not be sent, the trace went on."""
    report, out = plain()
    feed(report, trace(*REACHED.hops, errors=(("send", 2),)))
    assert out.getvalue().endswith("lost (the kernel did not take the probe (2 times))\n")


def test_silence_all_along_ends_with_its_reason() -> None:
    """Nothing answered; there is nothing to count hops to."""
    report, out = plain()
    feed(report, trace(Hop(1, 3), Hop(2, 3), stop=StopReason.GAP))
    assert out.getvalue().splitlines()[1:] == [
        "  1  *",
        "  2  *",
        "www.example.net not reached and no hop answered in 0.04 s: too many silent hops in a row",
    ]


def test_many_probes_are_summed_up() -> None:
    """Five probes a hop would be five columns: least, mean and most tell as much."""
    report, out = plain()
    rtts = (0.001, 0.002, 0.003, 0.004, 0.1)
    answers = tuple(response(1, "192.0.2.1", rtt, round_=n) for n, rtt in enumerate(rtts))
    feed(report, trace(Hop(1, 5, answers)), rounds=5)
    title, line, _ = out.getvalue().splitlines()
    assert title.endswith("5 probes each, RTTs: least, mean, most")
    assert line.split()[-4:] == ["1.00", "22.0", "100", "ms"]


def test_a_trace_from_a_later_hop_starts_there() -> None:
    """`--first-hop 2`: hop 1 was not asked, so it is not silent. One hop is one hop."""
    report, out = plain()
    report.start(heading(1, host="192.0.2.1", first_hop=2))
    answer = response(2, "192.0.2.1", kind=Kind.ECHO_REPLY)
    report.response(answer, NOTHING_KNOWN)
    report.finish(trace(Hop(2, 1, (answer,))), {})
    title, line, _ = out.getvalue().splitlines()
    assert title.startswith("trace to 192.0.2.1 by icmp")
    assert title.endswith("1 probe each")
    assert line.startswith("  2  192.0.2.1 ")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.000"),
        (0.0000123, "0.012"),
        (0.00051, "0.510"),
        (0.0009996, "1.00"),
        (0.00999, "9.99"),
        (0.009996, "10.0"),
        (0.0999, "99.9"),
        (0.09996, "100"),
        (1.5, "1500"),
    ],
)
def test_rtts_have_three_digits(seconds: float, text: str) -> None:
    """In milliseconds, also where rounding makes the number longer."""
    assert milliseconds(seconds) == text


# -- on a terminal ------------------------------------------------------------------------------


def test_a_terminal_ends_with_the_same_table() -> None:
    """Only the columns are as narrow as they can be, since they can grow later."""
    report, out = screen()
    feed(report, REACHED, known=False)
    assert out.shown.splitlines()[1:] == [
        "  1  198.51.100.1 (gw.example.net)  AS64500 EXAMPLE   0.510  0.490        ms"
        " [MPLS: 24017 exp 0 ttl 1]",
        "     198.51.100.9                                                   0.500 ms",
        "  2  *",
        "  3  192.0.2.1 (www.example.net)    AS64501 TARGET     20.0   22.0      * ms",
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
    assert len(out.shown.splitlines()) == 4


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


# -- JSON ---------------------------------------------------------------------------------------


def test_json_is_one_object_for_each_trace() -> None:
    """Nothing before the end; the same form as everywhere."""
    out = io.StringIO()
    report = JsonReport(out)
    feed(report, REACHED)
    report.info("192.0.2.1", NOTHING_KNOWN)
    report.finish(FAILED, {})
    first, second = map(json.loads, out.getvalue().splitlines())
    path = follow((), REACHED)
    assert first == trace_json(REACHED, INFOS, target="www.example.net", path=path)
    assert second["errors"] == {"resolve": 1}


def test_json_lines_are_flushed_as_things_happen() -> None:
    """A reader at the other end of a pipe sees each event before the next one."""
    raw = io.BytesIO()
    report = JsonLinesReport(io.TextIOWrapper(raw, "ascii"))

    def latest() -> dict[str, object]:
        form = json.loads(raw.getvalue().splitlines()[-1])
        assert isinstance(form, dict)
        return form

    report.start(heading())
    assert latest()["event"] == "start"
    assert latest()["address"] == "192.0.2.1"
    report.response(response(1, "198.51.100.1"), None)
    assert (latest()["event"], latest()["ttl"]) == ("hop", 1)
    report.info("198.51.100.1", HostInfo("gw.example.net", as_name="Ä\x1b[2J"))
    assert latest()["as_name"] == "Ä\x1b[2J"
    assert b"\x1b" not in raw.getvalue()
    report.finish(REACHED, INFOS)
    assert latest()["event"] == "trace"
    assert latest()["target"] == "www.example.net"
    assert len(raw.getvalue().splitlines()) == 4
