"""Runs programs of a Windows Python under Wine, and leaves no process behind."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.wine.recipe import ROOT, WINE, windows_python

_SERVER = WINE.with_name("wineserver64")
_NO_EXTRAS = "mscoree,mshtml=;winemenubuilder.exe=d"


class Machine:
    """A Windows of its own, in the network namespace of whoever makes it."""

    def __init__(self, python: Path, directory: Path) -> None:
        self._python = python
        self._environment = {
            **os.environ,
            "HOME": str(directory),
            "TMPDIR": str(directory),
            "WINEPREFIX": str(directory / "prefix"),
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": _NO_EXTRAS,
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def popen(
        self,
        *arguments: str,
        output: IO[bytes] | None = None,
        more: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start Python. Its streams are pipes: Wine has no other that it takes without a terminal.

        `output` is the writing end of one for both streams; else there are two to read from.
        """
        return subprocess.Popen(
            [str(WINE), str(self._python), *arguments],
            cwd=ROOT,
            env={**self._environment, **(more or {})},
            stdin=subprocess.DEVNULL,
            stdout=output or subprocess.PIPE,
            stderr=output or subprocess.PIPE,
        )

    def run(
        self, *arguments: str, timeout: float = 60, more: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run Python to its end. Raises `subprocess.TimeoutExpired`."""
        with self.popen(*arguments, more=more) as process:
            try:
                out, err = (text.decode() for text in process.communicate(timeout=timeout))
            finally:
                process.kill()
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def stop(self) -> None:
        """End all that runs in it, and wait until it has."""
        for order in ("-k", "-w"):
            subprocess.run([str(_SERVER), order], env=self._environment, check=False, timeout=30)


@contextmanager
def machine() -> Iterator[Machine]:
    """A fresh machine with Python installed, its first start behind it. Raises `CannotMake`."""
    python = windows_python()
    with tempfile.TemporaryDirectory(prefix="ftr-wine-") as directory:
        made = Machine(python, Path(directory))
        try:
            made.run("-c", "")
            yield made
        finally:
            made.stop()
