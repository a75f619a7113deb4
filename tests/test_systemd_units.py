"""The units that are shipped: judged by systemd's own tools, and true to the code."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from exporter.cli import daemon_parser

UNITS = Path(__file__).parent.parent / "systemd"
SERVICE = (UNITS / "ftr-exporter.service").read_text("utf-8")

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing: install systemd"
)


def exposure(directory: Path, *drop_ins: str) -> float:
    """What systemd says of the service, from 0 (safe) to 10."""
    shutil.copy(UNITS / "ftr-exporter.service", directory)
    for name in drop_ins:
        place = directory / "ftr-exporter.service.d"
        place.mkdir()
        shutil.copy(UNITS / name, place)
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager"]
    command.append(str(directory / "ftr-exporter.service"))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    match = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert match, done.stdout + done.stderr
    return float(match[1])


@needs_systemd
@pytest.mark.parametrize("drop_ins", [(), ("net-raw.conf",)], ids=["plain", "net-raw"])
def test_the_service_is_well_locked_in(tmp_path: Path, drop_ins: tuple[str, ...]) -> None:
    """systemd judged the service, alone and with the capability for raw sockets."""
    assert exposure(tmp_path, *drop_ins) <= 1.5


@needs_systemd
def test_the_units_are_understood(tmp_path: Path) -> None:
    """systemd read both units and found nothing to say about them."""
    for name in ("ftr-exporter.service", "ftr-exporter.socket"):
        text = (UNITS / name).read_text("utf-8")
        text = text.replace("/usr/bin/ftr-exporter", "/bin/true")
        (tmp_path / name).write_text(text.replace("Documentation=man:ftr-exporter(1)\n", ""))
        command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        said = [line for line in done.stderr.splitlines() if "ftr-exporter" in line]
        assert said == []


def test_the_flags_exist() -> None:
    """Every flag that the units and their comments name is one of the daemon's."""
    match = re.search(r"^ExecStart=(.*)$", SERVICE, re.MULTILINE)
    assert match
    flags = [word for word in shlex.split(match[1])[1:] if not word.startswith("$")]
    options = daemon_parser().parse_args(flags)
    assert options.config_file == "/etc/ftr-exporter/config.yaml"
    known = daemon_parser().format_help()
    for path in UNITS.iterdir():
        for flag in re.findall(r"--[a-z]+\.[a-z.-]+", path.read_text("utf-8")):
            assert flag in known, f"{path.name} names {flag}"


def test_what_measuring_needs_is_left_open() -> None:
    """/proc/stat feeds the metrics of the process, and netlink tells the interfaces."""
    assert not re.search("^ProcSubset", SERVICE, re.MULTILINE)
    assert "AF_NETLINK" in SERVICE
