"""Says how to start a program without any privilege (setpriv(1), part of util-linux)."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

from exporter.errors import FtrError
from tests.lab import namespace

ROOT = Path(__file__).parent.parent.parent
NOBODY = "65534"
NO_CAPABILITIES = ("--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")


class CannotDrop(FtrError):
    """Privileges cannot be given up here."""


@functools.cache
def prefix() -> tuple[str, ...]:
    """The command that goes in front of the program's own; empty where there is nothing to drop.

    As root that is the user nobody, if this installation can be read by it; otherwise, and in a
    user namespace, the user stays and loses every capability: uid 0 without them is nobody
    special to the network stack. Raises `CannotDrop`.
    """
    if os.geteuid() != 0:
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise CannotDrop("setpriv is missing; install util-linux")
    keep = (setpriv, *NO_CAPABILITIES)
    if namespace.in_user_namespace():
        return keep
    nobody = (*keep, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    return nobody if _works(nobody) else keep


def _works(command: tuple[str, ...]) -> bool:
    done = subprocess.run(
        [*command, sys.executable, "-c", "import exporter"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return done.returncode == 0
