"""`ftr-exporter sockets`: which ways to probe open here; for the others why not, and the remedy."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from exporter.sockets.factory import Verdict, survey


def main(arguments: Sequence[str]) -> int:
    """Print the table; exit status 0 where at least one way to probe opens, else 1."""
    sockets_parser().parse_args(arguments)
    verdicts = asyncio.run(_survey())
    rows = [("BACKEND", "PROTOCOL", "FAMILY", "USABLE", "WHY NOT")]
    rows += [_row(verdict) for verdict in verdicts]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        print("  ".join([*cells, row[4]]).rstrip())
    remedies = {v.refused.remedy for v in verdicts if v.refused and v.refused.remedy}
    for remedy in sorted(remedies):
        print(f"\nremedy: {remedy}")
    if not any(verdict.refused is None for verdict in verdicts):
        print("\nno way to probe is usable on this host", file=sys.stderr)
        return 1
    return 0


def sockets_parser() -> argparse.ArgumentParser:
    """`sockets` has no flags of its own."""
    return argparse.ArgumentParser(
        prog="ftr-exporter sockets",
        description="Show which ways to probe this user may use on this host. Nothing is sent.",
    )


async def _survey() -> list[Verdict]:
    return list(survey())


def _row(verdict: Verdict) -> tuple[str, str, str, str, str]:
    return (
        verdict.backend,
        verdict.protocol.value,
        verdict.family.value,
        "yes" if verdict.refused is None else "no",
        "" if verdict.refused is None else str(verdict.refused),
    )
