"""Documents that are made of the code are current."""

from __future__ import annotations

from pathlib import Path

from tools import documents, flags

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
