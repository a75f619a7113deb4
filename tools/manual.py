"""Writes the man page from the same parsers that read the flags: `python -m tools.manual`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator

from exporter import __version__
from tools import flags

_FILES = (
    ("/etc/ftr-exporter/config.yaml", "What is traced, where the system's service runs."),
    ("/etc/default/ftr-exporter", "Further flags of the service, in FTR_EXPORTER_ARGS."),
    ("/var/lib/ftr-exporter/history.db", "Path histories of the service."),
)
_SIGNALS = (
    ("SIGHUP", "Read the configuration again; a bad one changes nothing."),
    ("SIGTERM, SIGINT", "Stop within some seconds; answers under way are ended."),
)


def roff() -> str:
    """The page. Its date is SOURCE_DATE_EPOCH, or today."""
    day = time.strftime(
        "%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", "0")) or None)
    )
    lines = [f'.TH FTR\\-EXPORTER 1 {day} "ftr\\-exporter {__version__}" "User Commands"']
    daemon, *commands = flags.parsers()
    lines += [".SH NAME", "ftr\\-exporter \\- always\\-on traceroute exporter for Prometheus"]
    lines.append(".SH SYNOPSIS")
    lines += [".B ftr\\-exporter", "[\\fIFLAGS\\fR]", ".br"]
    for parser in commands:
        what = [flags.names(each) for each in flags.actions(parser) if not each.option_strings]
        lines += [f".B {_escaped(parser.prog)}", _escaped(" ".join(["[FLAGS]", *what])), ".br"]
    lines += [".SH DESCRIPTION", _escaped(daemon.description or "")]
    lines += [".SH OPTIONS", *_options(daemon)]
    for parser in commands:
        title = parser.prog.removeprefix("ftr-exporter ").upper()
        lines += [f".SH OPTIONS OF {title}", _escaped(parser.description or ""), *_options(parser)]
    for title, rows in (("SIGNALS", _SIGNALS), ("FILES", _FILES)):
        lines += [f".SH {title}", *(line for row in rows for line in _entry(*row))]
    lines += [".SH SEE ALSO", ".BR traceroute (1),", ".BR prometheus (1)"]
    return "\n".join(lines) + "\n"


def _options(parser: flags.Parser) -> Iterator[str]:
    for action in flags.actions(parser):
        yield from _entry(flags.names(action), flags.meaning(parser, action))


def _entry(term: str, text: str) -> Iterator[str]:
    yield from (".TP", f"\\fB{_escaped(term)}\\fR", _escaped(text))


def _escaped(text: str) -> str:
    """Text as roff shows it: no hyphen for a minus, no request from a line's first character."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + escaped if escaped[:1] in (".", "'") else escaped


if __name__ == "__main__":
    sys.stdout.write(roff())
