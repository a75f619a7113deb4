"""What is locked is what is wanted, and the same source makes the same wheel."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PIN = re.compile(r"([A-Za-z0-9._-]+)==(\S+)( ;[^-]+)?(\s+--hash=sha256:[0-9a-f]{64})+")
LOCKS = {
    "requirements.txt": PROJECT["project"]["dependencies"],
    "requirements-dev.txt": PROJECT["dependency-groups"]["dev"],
    "requirements-release.txt": PROJECT["dependency-groups"]["release"],
}


def pins(name: str) -> dict[str, str]:
    """The versions in a lock by name; each must have a hash."""
    text = (ROOT / name).read_text("utf-8").replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        match = re.fullmatch(
            r"([A-Za-z0-9._-]+)==(\S+)( ;[^-]+)?(\s+--hash=sha256:[0-9a-f]{64})+", line
        )
        assert match, f"{name}: {line[:80]}"
        found[str(canonicalize_name(match[1]))] = match[2]
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_what_is_wanted_is_locked(name: str) -> None:
    """Every dependency has a pinned version that it allows, with hashes and no address."""
    locked = pins(name)
    for wanted in map(Requirement, LOCKS[name]):
        assert wanted.specifier.contains(locked[canonicalize_name(wanted.name)]), wanted
    assert "://" not in (ROOT / name).read_text("utf-8")


def test_tests_run_with_what_users_get() -> None:
    """The versions of the tools' lock are those of the users' lock, and are installed here."""
    users, ours = pins("requirements.txt"), pins("requirements-dev.txt")
    assert {name: ours[name] for name in users} == users
    for name, version in users.items():
        assert distribution(name).version == version


def test_the_wheel_is_reproducible(tmp_path: Path) -> None:
    """Two copies of the source, elsewhere and with other dates, make the same bytes."""
    digests = set()
    for number in range(2):
        source = tmp_path / f"source{number}"
        shutil.copytree(ROOT / "exporter", source / "exporter", copy_function=shutil.copy)
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, source)
        os.utime(source / "exporter" / "cli.py", (number, number))
        command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "wheel"]
        command += ["--no-build-isolation", "--no-deps", "--wheel-dir", str(source), str(source)]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": "1704067200"}
        subprocess.run(command, check=True, timeout=120, env=environment)
        (wheel,) = source.glob("*.whl")
        digests.add(hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert len(digests) == 1
