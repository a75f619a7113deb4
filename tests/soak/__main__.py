"""Prints what a long run of the daemon in the troubled world came to; exit status 1 if it erred."""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from exporter.model import Protocol
from tests.lab import namespace
from tests.lab.lab import Lab
from tests.soak.branches import runs_that_found
from tests.soak.loss import Tally, lossy_world, told_loss
from tests.soak.run import Outcome, Size, changing, steady
from tests.soak.world import PROTOCOLS, subjects


def main() -> int:
    """Run both parts, or one of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--protocols", default=",".join(PROTOCOLS))
    parser.add_argument("--targets", type=int, default=40, help="of each protocol")
    parser.add_argument("--cycles", type=int, default=250, help="of each target, nothing changes")
    parser.add_argument("--changes", type=int, default=210, help="in all; 0 leaves them out")
    parser.add_argument("--branches", type=int, default=100, help="searches for all branches")
    parser.add_argument("--lossy", type=int, default=20, help="targets behind loss, by protocol")
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
    if options.branches:
        with Lab("diamonds"):
            for protocol in protocols:
                erred |= _tell_branches(protocol, options.branches)
    if options.lossy:
        found = subjects(protocols, options.lossy)
        with Lab(lossy_world(found)) as lab:
            erred |= _tell_loss(told_loss(lab, found))
    return int(erred)


def _tell_steady(outcome: Outcome) -> bool:
    print(f"nothing changed: {outcome.cycles} cycles, {outcome.skipped} skipped,", end=" ")
    print(f"{len(outcome.reports)} changes reported")
    for report in outcome.reports:
        print(f"  wrong: {report.target}: {report.words}")
    return bool(outcome.reports)


def _tell_branches(protocol: str, runs: int) -> bool:
    erred = False
    for address, width in (("192.0.2.4", 4), ("192.0.2.16", 16)):
        found = runs_that_found(address, Protocol(protocol), [1, width, 1, 1], runs)
        print(f"branches: all {width} found by {protocol} in {found} of {runs} runs", flush=True)
        erred |= found < 0.95 * runs
    return erred


def _tell_loss(tally: Tally) -> bool:
    outside = tally.outside.total()
    print(f"loss: {outside} of {tally.looked_at} ratios outside of their 99 % intervals")
    for words in tally.outside:
        print(f"  {words}")
    return outside > 0.03 * tally.looked_at


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
