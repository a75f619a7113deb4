"""What `ftr-exporter trace` prints into a pipe."""

from __future__ import annotations

import pytest

from exporter.model import (
    NOTHING_KNOWN,
    Hop,
    HostInfo,
    Kind,
    Response,
    StopReason,
)
from exporter.report.table import milliseconds
from tests.reporting import (
    REACHED_LINES,
    TITLE,
    feed,
    heading,
    plain,
)
from tests.serving import FAILED, INFOS, REACHED, REFUSED, response, trace


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
        "  1  198.51.100.1 (gw.example.net)       AS64500 EXAMPLE    0.500 ms",
        "  2  198.51.100.7                                           0.500 ms",
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


@pytest.mark.parametrize(
    ("farther", "hops"),
    [
        ([response(ttl, f"203.0.113.{ttl % 2}") for ttl in range(2, 17)], 6),
        ([response(ttl, "203.0.113.9", kind=Kind.UNREACHABLE, code=1) for ttl in range(2, 9)], 2),
    ],
    ids=["loop", "unreachable"],
)
def test_what_answers_beyond_the_end_is_no_hop(farther: list[Response], hops: int) -> None:
    """Routers sent probes to and fro, or one refused them all, and the first hop answered last."""
    report, out = plain()
    report.start(heading(1))
    for answer in (*farther, response(1, "198.51.100.1")):
        report.response(answer, NOTHING_KNOWN)
    assert [int(line.split()[0]) for line in out.getvalue().splitlines()[1:]] == [
        *range(1, hops + 1)
    ]


def test_an_unreachable_is_marked_and_explained() -> None:
    """The mark is that of traceroute, the words are in the last line."""
    report, out = plain()
    feed(report, REFUSED, rounds=1)
    assert out.getvalue().splitlines()[1:] == [
        "  1  198.51.100.1 (gw.example.net)       AS64500 EXAMPLE    0.500 ms",
        "  2  198.51.100.7                                           0.500 ms !H",
        "AS path: 64500",
        "www.example.net not reached after 2 hops in 0.04 s: "
        "unreachable: host unreachable by 198.51.100.7",
    ]


def test_another_as_is_marked_where_it_begins() -> None:
    """A silent hop and one of unknown origin lie between: the first that is known is marked."""
    report, out = plain()
    infos = {
        "192.0.2.1": HostInfo(asn=64500),
        "192.0.2.2": HostInfo(asn=64500),
        "192.0.2.5": HostInfo(asn=64501),
        "192.0.2.6": HostInfo(asn=64501),
    }
    hops = [Hop(n, 1, () if n == 3 else (response(n, f"192.0.2.{n}"),)) for n in range(1, 7)]
    report.start(heading(1))
    report.finish(trace(*hops, stop=StopReason.GAP), infos)
    lines = out.getvalue().splitlines()
    assert [line.split()[2] for line in lines[1:7] if "AS6" in line] == ["AS64500"] * 2 + [
        ">",
        "AS64501",
    ]
    assert lines[7] == "AS path: 64500 64501"


def test_a_translated_destination_is_told() -> None:
    """The router quotes another destination than was probed: something on the way rewrote it."""
    report, out = plain()
    report.start(heading(1))
    answer = response(1, "192.0.2.1")._replace(translated=True)
    report.response(answer, NOTHING_KNOWN)
    assert out.getvalue().endswith("0.500 ms [destination translated]\n")


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
    title, line, *_ = out.getvalue().splitlines()
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
