"""Documents that are made of the code are current."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from exporter.config import load_config
from exporter.metrics.families import PATH_FAMILIES
from exporter.metrics.own_families import OWN_FAMILIES
from tools import documents, flags, manual

ROOT = Path(__file__).parent.parent
OPERATIONS = ROOT / "docs" / "operations.md"


def test_operations_are_current() -> None:
    """A flag or a key changed; this fails until the page is generated anew."""
    page = OPERATIONS.read_text("utf-8")
    hint = "run: python -m tools.documents docs/operations.md"
    assert documents.rewritten(page) == page, hint


def test_every_flag_is_explained() -> None:
    """Each flag of each command has a meaning, and stands in the page."""
    page = OPERATIONS.read_text("utf-8")
    for parser in flags.parsers():
        for action in flags.actions(parser):
            assert flags.meaning(parser, action), f"{parser.prog} {flags.names(action)}"
            assert f"`{flags.names(action)}`".replace("|", "\\|") in page


def test_every_metric_of_its_own_is_explained_to_operators() -> None:
    """What is well and what is not is said of each; and no page names a metric that is none."""
    section = (
        OPERATIONS.read_text("utf-8").partition("## Its own metrics\n")[2].partition("\n## ")[0]
    )
    told = set(re.findall(r"`(ftr_\w+)`", section))
    assert told == {family.name for family in OWN_FAMILIES}
    served = {name for each in (*OWN_FAMILIES, *PATH_FAMILIES) for name in (each.name, *each.names)}
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        found = set(
            re.findall(r"(?<![\w:])ftr_[a-z]\w*[a-z](?!\w|\*|:|…)", page.read_text("utf-8"))
        )
        assert found <= served, page.name


def test_every_event_of_the_log_is_explained() -> None:
    """An event was added or renamed: this fails until the page says what it means."""
    section = OPERATIONS.read_text("utf-8").partition("## The log\n")[2].partition("\n## ")[0]
    told = set(re.findall(r"`([a-z]+\.[a-z_]+)`", section))
    pattern = r'\blog\.(?:info|warning|error|exception)\(\s*"([^"]+)"|_tell_faults\("([^"]+)"'
    source = "\n".join(path.read_text("utf-8") for path in (ROOT / "exporter").rglob("*.py"))
    assert told == {first or second for first, second in re.findall(pattern, source)}


def test_links_between_pages_lead_somewhere() -> None:
    """Files and headings that pages refer to are there."""
    pages = [ROOT / "README.md", ROOT / "prometheus" / "README.md", *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
            name, _, heading = link.partition("#")
            if "://" in name:
                continue
            there = page.parent / name if name else page
            assert there.exists(), f"{page.name}: {link}"
            if heading:
                titles = re.findall(r"^#+ (.+)", there.read_text("utf-8"), re.MULTILINE)
                anchors = {
                    re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in titles
                }
                assert heading in anchors, f"{page.name}: {link}"


def test_the_manual_is_whole_and_well_formed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The man page was made: every flag is in it, and each request is one that man knows."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1704067200")
    page = manual.roff()
    assert page.startswith('.TH FTR\\-EXPORTER 1 2024-01-01 "ftr\\-exporter ')
    requests = {line.split(" ")[0] for line in page.splitlines() if line.startswith((".", "'"))}
    assert requests <= {".TH", ".SH", ".TP", ".B", ".BR", ".br"}
    plain = page.replace("\\-", "-")
    for parser in flags.parsers():
        for action in flags.actions(parser):
            assert f"\\fB{flags.names(action)}\\fR" in plain
            assert flags.meaning(parser, action) in plain


def test_the_packages_hold_files_that_are_there() -> None:
    """Each file of the source that the packages name exists, and nothing is named in vain."""
    text = (ROOT / "package" / "nfpm.yaml.in").read_text("utf-8")
    sources = re.findall(r"\{src: ([a-z][^,]*),", text)
    assert "systemd/ftr-exporter.service" in sources
    assert [name for name in sources if not (ROOT / name).is_file()] == []


def test_the_packaged_configuration_is_valid() -> None:
    """A package was installed and the service started: it runs, and traces nothing yet."""
    assert load_config(ROOT / "package" / "config.yaml").targets == ()
