"""What is locked is what is wanted, and the same source makes the same wheel."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
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


SHARED = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
FOR_PROMETHEUS = ("prometheus/README.md", "prometheus/rules.yml", "prometheus/alerts.yml")


def copy(name: str, to: Path) -> None:
    """Copy a file or a directory of the source, with dates of now."""
    place = to / name
    place.parent.mkdir(parents=True, exist_ok=True)
    if (ROOT / name).is_dir():
        shutil.copytree(ROOT / name, place, copy_function=shutil.copy)
    else:
        shutil.copy(ROOT / name, place)


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
        for name in ("exporter", "pyproject.toml", "README.md", "LICENSE", *SHARED):
            copy(name, source)
        os.utime(source / "exporter" / "cli.py", (number, number))
        command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "wheel"]
        command += ["--no-build-isolation", "--no-deps", "--wheel-dir", str(source), str(source)]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": "1704067200"}
        subprocess.run(command, check=True, timeout=120, env=environment)
        (wheel,) = source.glob("*.whl")
        digests.add(hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert len(digests) == 1


def built(kind: str, directory: Path) -> Path:
    """What hatchling makes of this source."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(directory)]
    subprocess.run(command, check=True, capture_output=True, timeout=120, cwd=ROOT)
    (made,) = directory.iterdir()
    return made


def test_the_source_archive_is_whole(tmp_path: Path) -> None:
    """Whoever unpacks it can test, build and deploy: all that is kept here is in it."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    kept = {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}
    with tarfile.open(built("sdist", tmp_path)) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {name for name in kept if not name.startswith(".ci/")} <= inside
    assert "kubernetes/chart/Chart.yaml" in inside
    assert [name for name in inside if "__pycache__" in name or name.startswith(".venv")] == []


def test_the_wheel_brings_rules_dashboards_and_runbooks(tmp_path: Path) -> None:
    """They lie beside each other in share/ftr-exporter, so that the links between them lead on."""
    with zipfile.ZipFile(built("wheel", tmp_path / "wheel")) as wheel:
        wheel.extractall(tmp_path)
    (share,) = tmp_path.glob("*.data/data/share/ftr-exporter")
    assert {name: (share / name).read_bytes() for name in FOR_PROMETHEUS} == {
        name: (ROOT / name).read_bytes() for name in FOR_PROMETHEUS
    }
    for directory in ("grafana/dashboards", "docs/runbooks"):
        there = {path.name for path in (ROOT / directory).iterdir()}
        assert {path.name for path in (share / directory).iterdir()} == there
    for page in share.rglob("*.md"):
        for link in re.findall(r"\]\(([^):]+)\)", page.read_text("utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
