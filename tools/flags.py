"""The flags of every command, read from their parsers, as Markdown."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from exporter.cli import check_parser, daemon_parser
from exporter.commands.sockets import sockets_parser
from exporter.commands.traceflags import trace_parser

Parser = argparse.ArgumentParser


def parsers() -> Iterator[Parser]:
    """The parser of the daemon, then those of the other commands."""
    yield daemon_parser()
    yield trace_parser()
    yield check_parser()
    yield sockets_parser()


def actions(parser: Parser) -> list[argparse.Action]:
    """Arguments and flags in their order, `--help` last."""
    found = [action for action in parser._actions if action.help != argparse.SUPPRESS]
    return sorted(found, key=lambda action: "--help" in action.option_strings)


def names(action: argparse.Action) -> str:
    """A flag as it is typed, with what follows it: `-p, --port=PORT`."""
    value = action.metavar
    if value is None and action.choices is not None:
        value = "|".join(map(str, action.choices))
    if not action.option_strings:
        return f"{value or action.dest.upper()}{'...' if action.nargs in ('+', '*') else ''}"
    flags = ", ".join(action.option_strings)
    return flags if action.nargs == 0 else f"{flags}={value or action.dest.upper()}"


def meaning(parser: Parser, action: argparse.Action) -> str:
    """The help of a flag, its default filled in."""
    values = {**vars(action), "prog": parser.prog}
    return (action.help or "") % values


def markdown() -> str:
    """A table for each command."""
    parts = []
    for parser in parsers():
        rows = ["| flag | meaning |", "|---|---|"]
        for action in actions(parser):
            cells = f"`{names(action)}`", meaning(parser, action)
            rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        parts.append(f"### `{parser.prog}`\n\n{parser.description}\n\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)
