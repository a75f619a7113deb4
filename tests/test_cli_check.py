"""`ftr-exporter check`: faults on one stream, summaries on the other, and the status."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from exporter.commands.check import check, probes_per_second, series_of
from exporter.model import FamilyChoice
from exporter.settings import Module


def run(*files: Path) -> tuple[int, str, str]:
    """Status, output and errors of a check."""
    out, err = io.StringIO(), io.StringIO()
    return check([str(file) for file in files], out, err), out.getvalue(), err.getvalue()


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A valid file."""
    path = tmp_path / "good.yaml"
    path.write_text(
        "modules: {web: {protocol: tcp}}\n"
        "targets: [{host: a, family: both}, {host: 192.0.2.1, module: web}, {host: c}]\n"
        "target_files: ['*.yml']\ntarget_urls: [{url: 'http://sd.example.net/'}]\n"
    )
    (tmp_path / "a.yml").write_text("- {targets: [d], labels: {__module: web}}\n")
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """A file with two faults."""
    path = tmp_path / "bad.yaml"
    path.write_text("targets:\n  - host: a\n    port: 0\n    hosts: b\n")
    return path


def test_a_valid_file_is_summarised(good: Path) -> None:
    """A file was valid; the summary counts targets, probes and series, and the status is 0."""
    status, out, err = run(good)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"{good}: valid"
    assert "4 (protocol auto 2, tcp 2; family auto 2, both 1, ipv4 1)" in lines[1]
    assert lines[2].split() == ["modules", "default,", "web"]
    assert lines[3].split()[:2] == ["files", "1"]
    assert lines[4].split()[:2] == ["URLs", "1"]
    assert "about 3.0 per second, of 2000 allowed" in lines[5]
    assert int(lines[6].split()[-1]) == 5 * series_of(Module())


def test_files_that_list_targets_are_checked_too(good: Path) -> None:
    """Three of them are wrong and two share a name: each is told with its place, status 1."""
    directory = good.parent
    (directory / "b.yml").write_text("- targets: [x]\n  labels: {job: a}\n- targets: [y/z]\n")
    (directory / "c.yml").write_text("- targets: [")
    (directory / "d.yml").write_text("- targets: [c]\n")
    status, out, err = run(good)
    assert (status, out) == (1, "")
    lines = err.splitlines()
    assert lines[0].startswith(f'{directory}/b.yml:2: [0].labels.job: found "job" as a name (')
    assert lines[1].startswith(f'{directory}/b.yml:3: [1].targets[0]: found "y/z" (')
    assert lines[2].startswith(f"{directory}/c.yml:2: this is not valid YAML")
    assert lines[3].startswith(f"{directory}/d.yml:1: the name 'c' is taken by a target in the con")
    assert lines[4] == f"{good}: 4 faults"


def test_a_glob_that_matches_no_file_is_pointed_out(good: Path) -> None:
    """Of three globs one matched; the others, one of them a link to nowhere, are warned of."""
    good.write_text("modules: {web: {}}\ntarget_files: [lists/*.yml, '*.yml', gone.json]\n")
    (good.parent / "gone.json").symlink_to("nowhere")
    status, out, err = run(good)
    assert (status, err) == (0, "")
    warnings = [line for line in out.splitlines() if line.startswith("  warning ")]
    assert warnings == [
        f"  warning   no file matches {good.parent}/{name}" for name in ("lists/*.yml", "gone.json")
    ]


def test_every_fault_of_every_file_is_told(good: Path, bad: Path) -> None:
    """Files were good, bad and missing; each had its say, and the status is 1."""
    missing = bad.with_name("missing.yaml")
    status, out, err = run(bad, good, missing)
    assert status == 1
    assert f"{good}: valid" in out
    lines = err.splitlines()
    assert lines[0].startswith(f"{bad}:3: targets[0].port: found 0; allowed is ")
    assert lines[1].startswith(
        f'{bad}:4: targets[0].hosts: there is no such key; did you mean "host"'
    )
    assert lines[2] == f"{bad}: 2 faults"
    assert lines[3] == f"{missing}: there is no such file"
    assert lines[4] == f"{missing}: 1 fault"


def test_more_probes_than_allowed_are_pointed_out(tmp_path: Path) -> None:
    """The targets need more probes than the limit; the summary warns, the file is valid."""
    path = tmp_path / "c.yaml"
    path.write_text(
        "targets: [{host: a, interval: 1s, timeout: 1s, probes: 10}]\n"
        "limits: {probes_per_second: 100, series_per_target: 60}\n"
    )
    status, out, _ = run(path)
    assert status == 0
    assert "120.0 per second: more than limits.probes_per_second allows (100)" in out
    assert "series    about 60\n" in out


def test_no_targets_are_no_error(tmp_path: Path) -> None:
    """All targets come from elsewhere; the summary says that there are none here."""
    path = tmp_path / "c.yaml"
    path.write_text("targets: []\n")
    assert "  targets   0\n" in run(path)[1]


def test_streams_of_a_small_character_set_survive(tmp_path: Path) -> None:
    """The terminal knew ASCII only; names beyond it are escaped instead of raising."""
    path = tmp_path / "c.yaml"
    path.write_text("targets: []\nmodules: {münchen: {}}\n", encoding="utf-8")
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    assert check([str(path)], out, io.StringIO()) == 0
    out.flush()
    assert b"m\\xfcnchen" in raw.getvalue()


def test_estimates_follow_the_fields() -> None:
    """Fields raise the load of a target; the estimates say how."""
    plain = Module(interval=60.0, probes=3)
    assert probes_per_second(plain) == pytest.approx(0.6)
    assert probes_per_second(Module(flows=4)) == pytest.approx(2.4)
    assert probes_per_second(Module(family=FamilyChoice.BOTH)) == pytest.approx(1.2)
    assert probes_per_second(Module(first_hop=5, max_hops=6)) == pytest.approx(0.1)
    assert probes_per_second(Module(first_hop=20)) == pytest.approx(0.05)
    assert series_of(Module(hop_histograms=True)) > series_of(plain) + 12 * 12
    assert series_of(Module(family=FamilyChoice.BOTH)) == 2 * series_of(plain)
