"""Files that list targets as they come, change, break and go; and how lists are put together."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from exporter.config.load import parse_config
from exporter.discovery.files import scan
from exporter.discovery.sources import Source, merge
from exporter.settings import Config


class Directory:
    """A directory of target files, scanned again and again."""

    def __init__(self, path: Path, *patterns: str, modules: str = "{}") -> None:
        self.path = path
        self.sources: dict[str, Source] = {}
        self.patterns = patterns or ("*.yml", "*.json")
        self.use_modules(modules)

    def use_modules(self, modules: str) -> None:
        """The configuration has these modules from now on."""
        text = f"target_files: {list(self.patterns)}\nmodules: {modules}\n"
        self.config: Config = parse_config(text, "config.yaml", self.path)

    def write(self, name: str, text: str) -> None:
        """Write a file; the kernel's clock may be too coarse to tell it from the one before."""
        path = self.path / name
        before = path.stat().st_mtime_ns if path.exists() else 0
        path.write_text(text)
        os.utime(path, ns=(before + 10**9, before + 10**9))

    def scan(self, *, anew: bool = False) -> list[str]:
        """Scan; the names of all targets."""
        self.sources = scan(self.config, self.sources, anew=anew)
        merged = merge(self.config.targets, self.sources.values())
        return [target.name for target in merged.targets]

    def source(self, name: str) -> Source:
        """What is known of a file."""
        return self.sources[str(self.path / name)]


def test_files_come_change_and_go(tmp_path: Path) -> None:
    """Each step is seen at the next look; files are taken in the order of globs and names."""
    directory = Directory(tmp_path)
    assert directory.scan() == []
    directory.write("b.yml", "- targets: [b]")
    directory.write("a.json", '[{"targets": ["a"]}]')
    directory.write("a.yml", "- targets: [c]")
    directory.write("README", "- targets: [no]")
    assert directory.scan() == ["c", "b", "a"]
    directory.write("b.yml", "- targets: [d, e]")
    assert directory.scan() == ["c", "d", "e", "a"]
    (tmp_path / "a.yml").unlink()
    assert directory.scan() == ["d", "e", "a"]


def test_a_list_is_a_regular_file(tmp_path: Path) -> None:
    """A FIFO matched the glob, with a writer that was silent: it is a fault, and nothing waits."""
    directory = Directory(tmp_path)
    os.mkfifo(tmp_path / "a.yml")
    directory.write("b.yml", "- targets: [b]")
    writer = os.open(tmp_path / "a.yml", os.O_RDWR)
    try:
        assert directory.scan() == ["b"]
    finally:
        os.close(writer)
    (fault,) = directory.source("a.yml").faults
    assert fault.message == "the file cannot be read: it is no regular file"


def test_a_file_that_did_not_change_is_not_read_again(tmp_path: Path) -> None:
    """The very same record comes back."""
    directory = Directory(tmp_path)
    directory.write("a.yml", "- targets: [a]")
    directory.scan()
    before = directory.source("a.yml")
    directory.scan()
    assert directory.source("a.yml") is before


def test_a_file_that_is_swapped_with_the_same_time_is_seen(tmp_path: Path) -> None:
    """As a ConfigMap of Kubernetes: the name is a link to another directory, times are equal."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.yml").write_text(f"- targets: [{name}]")
        os.utime(tmp_path / name / "a.yml", ns=(10**9, 10**9))
    link = tmp_path / "now"
    link.symlink_to("one")
    directory = Directory(tmp_path, "now/*.yml")
    assert directory.scan() == ["one"]
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").replace(link)
    assert directory.scan() == ["two"]


@pytest.mark.parametrize("broken", ["- targets: [", "", "- {targets: [b], labels: {job: x}}", "\0"])
def test_a_broken_file_keeps_what_it_listed(tmp_path: Path, broken: str) -> None:
    """It was overwritten by something that is no list, then put right; others are not concerned."""
    directory = Directory(tmp_path)
    directory.write("a.yml", "- targets: [a]")
    directory.write("b.yml", "- targets: [b]")
    directory.scan()
    directory.write("a.yml", broken)
    directory.write("b.yml", "- targets: [c]")
    assert directory.scan() == ["a", "c"]
    source = directory.source("a.yml")
    assert (source.failures, len(source.targets)) == (1, 1)
    assert str(source.faults[0]).startswith(f"{tmp_path}/a.yml")
    directory.scan()
    assert directory.source("a.yml").failures == 1
    directory.write("a.yml", "- targets: [d]")
    assert directory.scan() == ["d", "c"]
    assert directory.source("a.yml").faults == ()
    assert directory.source("a.yml").failures == 1


def test_a_file_that_is_broken_from_the_start_gives_nothing(tmp_path: Path) -> None:
    """There is no former content to keep; a directory of that name is a fault too."""
    directory = Directory(tmp_path)
    directory.write("a.yml", "{")
    (tmp_path / "b.yml").mkdir()
    assert directory.scan() == []
    assert "this is a directory" in str(directory.source("b.yml").faults[0])


def test_another_configuration_reads_files_anew(tmp_path: Path) -> None:
    """A module was changed, then removed: the file that names it keeps what it listed last."""
    directory = Directory(tmp_path, modules="{m: {probes: 5}}")
    directory.write("a.yml", "- {targets: [a], labels: {__module: m}}")
    directory.scan()
    directory.use_modules("{m: {probes: 7}}")
    directory.scan(anew=True)
    assert directory.source("a.yml").targets[0].target.module.probes == 7
    directory.use_modules("{}")
    assert directory.scan(anew=True) == ["a"]
    assert 'no module named "m"' in str(directory.source("a.yml").faults[0])
    assert directory.source("a.yml").targets[0].target.module.probes == 7


def test_a_file_that_two_globs_match_counts_once(tmp_path: Path) -> None:
    """`*.yml` and `a*.yml`."""
    directory = Directory(tmp_path, "*.yml", "a*.yml")
    directory.write("a.yml", "- targets: [a]")
    assert directory.scan() == ["a"]
    assert len(directory.sources) == 1


def test_the_first_of_a_name_wins_and_the_others_are_told(tmp_path: Path) -> None:
    """The configuration comes first, then files in their order; a list can clash with itself."""
    directory = Directory(tmp_path)
    text = f"targets: [{{host: a, probes: 9}}]\ntarget_files: ['{tmp_path}/*.yml']\n"
    directory.config = parse_config(text, "config.yaml", tmp_path)
    directory.write("a.yml", "- targets: [a, b]\n- targets: [b]")
    directory.write("b.yml", "- targets: [c]\n- {targets: [d], labels: {__name: b}}")
    directory.scan()
    merged = merge(directory.config.targets, directory.sources.values())
    assert [target.host for target in merged.targets] == ["a", "b", "c"]
    assert merged.targets[0].module.probes == 9
    assert [message.partition(";")[0] for message in merged.collisions] == [
        f"{tmp_path}/a.yml:1: the name 'a' is taken by a target in the configuration file",
        f"{tmp_path}/a.yml:2: the name 'b' is taken by a target in {tmp_path}/a.yml:1",
        f"{tmp_path}/b.yml:2: the name 'b' is taken by a target in {tmp_path}/a.yml:1",
    ]
