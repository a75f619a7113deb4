"""A lab by hand: `python -m tests.lab WORLD [COMMAND...]` runs a shell, or a command, in it."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from exporter.errors import FtrError
from tests.lab import namespace
from tests.lab.lab import Lab


def main() -> int:
    """Build the lab, run the command to its end, and give its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    parser.add_argument("world", help="a world file, or the name of one in tests/lab/worlds")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="default: your shell")
    arguments = parser.parse_args()
    command = arguments.command
    if command[:1] == ["--"]:
        command = command[1:]
    try:
        namespace.enter()
        with Lab(arguments.world) as lab:
            if not command:
                command = [os.environ.get("SHELL", "/bin/sh")]
                print(f"targets: {', '.join(lab.world.targets)}", file=sys.stderr)
                print(f"truth: {lab.truth_path}\ncontrol: {lab.control_path}", file=sys.stderr)
            return subprocess.call(command)
    except (FtrError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
