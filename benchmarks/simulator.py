"""The compiled simulator: a lab that answers far more probes a second than the one in Python.

    with Lab(world, simulator=compiled(core=0)) as lab:     # a plain world, see plainworld.py
        ...
        probes = records(lab)                               # instead of lab.truth()

Everything of `Lab` works but changing the world and forging answers. `lab.ping()` says how many
probes were `dropped` because nobody read them in time: a figure with any is worthless.

    python -m benchmarks.simulator [--core N] --world FILE --truth FILE --control PATH --ready FD

compiles `simulator.c` where this has not been done yet, and becomes it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from benchmarks.plainworld import compact
from exporter.errors import FtrError
from tests.lab.lab import Lab
from tests.lab.simulator import read_world

SOURCE = Path(__file__).with_suffix(".c")
BUILD = SOURCE.parent.parent / "build"
FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra")
WHY_NO_COMPILER = "" if shutil.which("cc") else "no C compiler (cc); install gcc"
NOBODY = 0xFFFFFFFF
_RECORD = struct.Struct("=qqqIHHHBBBBBx")
_FATES = ("answered", "unknown", "silent", "unsent", "failed")


class CompileError(FtrError):
    """The simulator cannot be compiled here."""


class Record(NamedTuple):
    """A probe and what became of it, as `tests.lab.truth.Record` has it; `target` is a number.

    That number counts the targets of the world from 0, and is `NOBODY` for an unknown address.
    """

    received_ns: int
    sent_ns: int
    sent_after_ns: int
    target: int
    first: int
    second: int
    size: int
    ttl: int
    position: int
    version: int
    protocol: int
    fate: str

    @property
    def answered(self) -> bool:
        """Whether an answer left."""
        return self.fate == "answered"


def compiled(core: int | None = None) -> tuple[str, ...]:
    """The command for `Lab`; on this processor core alone where one is given.

    Compiles what is not compiled yet. Raises `CompileError`.
    """
    build()
    pinned = () if core is None else ("--core", str(core))
    return (sys.executable, "-m", "benchmarks.simulator", *pinned)


def records(lab: Lab) -> list[Record]:
    """What became of every probe so far, in the order in which answers left."""
    return list(each_record(lab))


def each_record(lab: Lab) -> Iterator[Record]:
    """The same one by one, for there may be millions."""
    if lab.simulator.poll() is None:
        lab.settle()
    found = lab.truth_path.read_bytes()
    # Where probes go on, the newest record may be written in part.
    for *fields, fate in _RECORD.iter_unpack(found[: len(found) // _RECORD.size * _RECORD.size]):
        yield Record._make((*fields, _FATES[fate]))


def build() -> Path:
    """The program, compiled anew where its source changed. Raises `CompileError`."""
    if WHY_NO_COMPILER:
        raise CompileError(WHY_NO_COMPILER)
    digest = sha256(SOURCE.read_bytes() + repr(FLAGS).encode()).hexdigest()[:12]
    program = BUILD / f"simulator-{digest}"
    if not program.exists():
        BUILD.mkdir(exist_ok=True)
        unfinished = program.with_suffix(f".{os.getpid()}")
        done = subprocess.run(
            ["cc", *FLAGS, "-o", str(unfinished), str(SOURCE)], capture_output=True, text=True
        )
        if done.returncode != 0:
            raise CompileError(f"{SOURCE.name}: {done.stderr}")
        unfinished.replace(program)
    return program


def main() -> None:
    """Become the compiled simulator."""
    parser = argparse.ArgumentParser(description="Play a plain imaginary internet on lab1.")
    parser.add_argument("--core", type=int, help="the only processor core to run on")
    parser.add_argument("--world", required=True)
    parser.add_argument("--truth", required=True)
    parser.add_argument("--control", required=True)
    parser.add_argument("--ready", required=True, help="file descriptor told when all is set up")
    arguments = parser.parse_args()
    world = Path(arguments.world).with_suffix(".compact")
    world.write_bytes(compact(read_world(arguments.world)))
    program = str(build())
    if arguments.core is not None:
        os.sched_setaffinity(0, {arguments.core})
    others = (arguments.truth, arguments.control, arguments.ready)
    os.execv(program, (program, str(world), *others))


if __name__ == "__main__":
    main()
