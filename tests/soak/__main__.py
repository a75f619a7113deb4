"""Prints what a long run of the daemon in the troubled world came to; exit status 1 if it erred."""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from tests.lab import namespace
from tests.lab.lab import Lab
from tests.soak.run import Outcome, Size, changing, steady


def main() -> int:
    """Run both parts, or one of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--protocols", default="icmp,udp")
    parser.add_argument("--targets", type=int, default=40, help="of each protocol")
    parser.add_argument("--cycles", type=int, default=250, help="of each target, nothing changes")
    parser.add_argument("--changes", type=int, default=210, help="in all; 0 leaves them out")
    options = parser.parse_args()
    namespace.enter()
    protocols = tuple(options.protocols.split(","))
    size = Size(protocols, options.targets, options.cycles, options.changes)
    erred = False
    if options.cycles:
        with Lab(size.world) as lab:
            erred |= _tell_steady(steady(lab, size))
    if options.changes:
        with Lab(size.world) as lab:
            erred |= _tell_changing(changing(lab, size))
    return int(erred)


def _tell_steady(outcome: Outcome) -> bool:
    print(f"nothing changed: {outcome.cycles} cycles, {outcome.skipped} skipped,", end=" ")
    print(f"{len(outcome.reports)} changes reported")
    for report in outcome.reports:
        print(f"  wrong: {report.target}: {report.words}")
    return bool(outcome.reports)


def _tell_changing(outcome: Outcome) -> bool:
    found = outcome.judgement
    delays = sorted(seconds for _, seconds in found.found)
    kinds = Counter(change.kind for change, _ in found.found)
    print(f"changes: {len(found.found)} reported once, {len(found.hidden)} could not be seen")
    print(f"  kinds: {dict(kinds)}")
    if delays:
        half, most = delays[len(delays) // 2], delays[-1]
        print(f"  seconds from the first cycle after it: median {half:.2f}, most {most:.2f}")
    for change, seconds in found.found:
        if seconds > 5:
            print(f"  late: {change.target} {change.kind}: {seconds:.1f} s")
    for change in found.missed:
        print(f"  missed: {change.target} {change.kind}")
    for change, reports in found.repeated:
        print(f"  repeated: {change.target} {change.kind}: {[each.words for each in reports]}")
    for report in found.invented:
        print(f"  invented: {report.target}: {report.words}")
    return bool(found.missed or found.repeated or found.invented or not delays or delays[-1] > 5)


if __name__ == "__main__":
    sys.exit(main())
