"""`python -m benchmarks [NAME...]`: runs benchmarks in a namespace of their own, prints tables."""

from __future__ import annotations

import argparse
import json
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from benchmarks.figures import Table, as_json, markdown
from benchmarks.machine import describe, load_average
from benchmarks.size import FULL, SMALLEST, Size
from exporter.errors import FtrError
from tests.lab import namespace

Benchmark = Callable[[Size], Iterator[Table]]

BENCHMARKS = {
    "latency": "from the kernel's receive stamp to the recorded hop",
    "backends": "how long an answer waits, and processor time, by backend",
    "cpu": "processor time per probe, and of bare system calls",
    "onetrace": "wall time of one trace, and of traceroute, mtr, tracepath, scamper",
    "scrape": "time of a scrape, and how long it holds up the event loop",
}
ON_REQUEST = {
    "hotpath": "which functions the time goes to",
    "scale": "fleets of up to 10,000 targets: start, memory, processor, delays, RTTs",
    "peers": "processor time of a traced target, and of mtr, scamper, traceroute, fping",
    "longrun": "whether a cycle costs the same after half an hour",
}


def find(name: str) -> Benchmark:
    """The benchmark of this name: the function that its module calls the same."""
    benchmark: Benchmark = getattr(import_module(f"benchmarks.{name}"), name)
    return benchmark


def main(argv: Sequence[str] | None = None) -> int:
    """Run what was asked for; returns the exit status."""
    options = _parser().parse_args(argv)
    size = SMALLEST if options.smallest else FULL
    if options.runs is not None:
        size = replace(size, runs=options.runs)
    try:
        namespace.enter()
    except namespace.NamespaceUnavailable as error:
        print(error, file=sys.stderr)
        return 1
    _allow_many_sockets()
    print(f"{describe()}; load average before: {load_average()}\n", flush=True)
    tables = []
    try:
        for name in options.names or BENCHMARKS:
            for table in find(name)(size):
                print(markdown(table), flush=True)
                tables.append({"benchmark": name, **as_json(table)})
    except FtrError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"load average after: {load_average()}")
    if options.json:
        found = {"machine": describe(), "tables": tables}
        options.json.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    described = "\n".join(
        f"  {name:10} {what}" for name, what in {**BENCHMARKS, **ON_REQUEST}.items()
    )
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=f"Measure; no packet leaves this machine.\n\n{described}",
        epilog=f"Without names: {', '.join(BENCHMARKS)}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", type=_known)
    parser.add_argument("--runs", type=_count, metavar="N", help="repeat everything so many times")
    parser.add_argument(
        "--smallest", action="store_true", help="see only whether it runs: no figures to rely on"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every run's figures too")
    return parser


def _known(name: str) -> str:
    if name not in BENCHMARKS and name not in ON_REQUEST:
        raise argparse.ArgumentTypeError(f"there is no benchmark {name!r}")
    return name


def _count(text: str) -> int:
    if (count := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{count} is less than 1")
    return count


def _allow_many_sockets() -> None:
    """Every target of a bare loop has a socket; what is started from here inherits the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
