"""The report for people: a table of hops that grows, and a line that says how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from exporter.model import Family, HostInfo, Protocol, Response, StopReason, Trace
from exporter.reading.path import as_path, follow
from exporter.reading.words import errors_in_words, outcome_in_words
from exporter.report.base import Heading
from exporter.report.paint import GREEN, RED, Layout, printable
from exporter.report.screen import Screen
from exporter.report.table import Table, milliseconds, title

_LEAST_HEIGHT = 5
_LEAST_WIDTH = 20


class TextReport:
    """Prints hops as they become known.

    On a terminal (`height` lines of `width` columns) the whole table is kept up to date in place:
    names and origins appear when they arrive. Elsewhere (`height` 0, or a tiny terminal) a hop's
    line is printed once, in TTL order, as soon as it is settled and looked up and those before it
    are printed.
    A hop that was given up as silent and answers after all gets a second line at the end.
    """

    def __init__(self, out: TextIO, *, colour: bool, width: int, height: int = 0) -> None:
        self._out = out
        self._colour = colour
        self._size = (width, height)
        self._live = height >= _LEAST_HEIGHT and width >= _LEAST_WIDTH
        self._traces = 0
        self._reset(_NO_HEADING)

    def start(self, heading: Heading) -> None:
        """Print the title and begin an empty table."""
        self._reset(heading)
        self._begin()
        self._write(printable(title(heading)) + "\n")

    def response(self, response: Response, info: HostInfo | None) -> None:
        """Show the answer."""
        self._table.add(response, info)
        self._update()

    def info(self, address: str, info: HostInfo, *, complete: bool = False) -> None:
        """Show the name and the origin of an address that was shown without."""
        self._table.know(address, info, complete=complete)
        self._update()

    def finish(self, trace: Trace, infos: Mapping[str, HostInfo]) -> None:
        """Show what is missing, and the outcome."""
        if not self._started:
            self._begin()
        self._table.finish(trace, infos)
        if self._live:
            self._finish_screen()
        else:
            self._finish_lines()
        colour = GREEN if trace.reached else RED
        numbers = as_path(follow((), trace), infos)
        if numbers:
            self._write(f"AS path: {' '.join(map(str, numbers))}\n")
        self._write(self._plain.paint([(printable(closing(trace)), colour)]) + "\n")
        self._reset(_NO_HEADING)

    def _reset(self, heading: Heading) -> None:
        width, height = self._size
        self._table = Table(heading)
        self._plain = Layout(colour=self._colour, width=None)
        # One column stays free: a terminal may wrap a line that fills its last one.
        self._layout = Layout(colour=self._colour, width=width - 1) if self._live else self._plain
        self._screen = Screen(self._write, height)
        self._printed: dict[int, bool] = {}
        self._next = heading.first_hop
        self._started = False

    def _begin(self) -> None:
        self._started = True
        if self._traces:
            self._write("\n")
        self._traces += 1

    def _update(self) -> None:
        if self._live:
            self._screen.show(self._layout.lines(self._table.all_rows()))
        else:
            while self._next <= self._table.last and self._table.settled(self._next):
                self._print(self._next)
                self._next += 1

    def _finish_screen(self) -> None:
        lines = self._layout.lines(self._table.all_rows())
        self._screen.show(lines)
        if self._screen.stale:
            self._write("".join(f"{line}\n" for line in lines))

    def _finish_lines(self) -> None:
        for ttl in range(self._table.first, self._table.last + 1):
            if self._printed.get(ttl) is None or (
                self._table.heard(ttl) and not self._printed[ttl]
            ):
                self._print(ttl)

    def _print(self, ttl: int) -> None:
        self._printed[ttl] = self._table.heard(ttl)
        lines = self._layout.lines(self._table.rows(ttl))
        self._write("".join(f"{line}\n" for line in lines))

    def _write(self, text: str) -> None:
        encoding = self._out.encoding or "utf-8"
        self._out.write(text.encode(encoding, "replace").decode(encoding))
        self._out.flush()


def closing(trace: Trace) -> str:
    """How a trace ended, in one line."""
    if trace.stop_reason is StopReason.ERROR:
        return f"could not trace {trace.host}: {outcome_in_words(trace)}"
    failed = f" ({'; '.join(errors_in_words(trace))})" if trace.errors else ""
    took = f"{trace.duration:.2f} s"
    hops = "1 hop" if trace.path_hops == 1 else f"{trace.path_hops} hops"
    if not trace.reached:
        after = f"after {hops}" if trace.path_hops else "and no hop answered"
        return f"{trace.host} not reached {after} in {took}: {outcome_in_words(trace)}{failed}"
    rtts = trace.destination_rtts
    mean = f", RTT {milliseconds(sum(rtts) / len(rtts))} ms" if rtts else ""
    lost = trace.destination_lost
    loss = f", {lost} of {trace.destination_sent} probes lost" if lost else ""
    return f"{trace.host} reached in {hops} and {took}{mean}{loss}{failed}"


_NO_HEADING = Heading("", "", Family.IPV4, Protocol.AUTO, "", 0, 1)
