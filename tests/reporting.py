"""Feed a report the events of a trace, and see what a person would see."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

from exporter.model import (
    NOTHING_KNOWN,
    Family,
    Protocol,
    Trace,
)
from exporter.report import Heading, Report, TextReport
from tests.serving import INFOS

TITLE = (
    "trace to www.example.net (192.0.2.1) by icmp over IPv4, linux-icmp, at most 30 hops, "
    "3 probes each\n"
)
MPLS = " [MPLS: 24017 exp 0 ttl 1]"
REACHED_LINES = f"""\
  1  198.51.100.1 (gw.example.net)       AS64500 EXAMPLE    0.510  0.490        ms{MPLS}
     198.51.100.9                                                         0.500 ms
  2  *
  3  192.0.2.1 (www.example.net)       > AS64501 TARGET      20.0   22.0      * ms
AS path: 64500 64501
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
