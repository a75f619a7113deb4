"""The fuzzer itself: a small run passes, and what it looks for it finds."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests import fuzz

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", list(fuzz.DECODERS))
def test_a_small_run(name: str) -> None:
    """Some hundred inputs for each decoder."""
    assert fuzz.fuzz(name, 300, 1) >= 300


def test_the_command() -> None:
    """It tells how many inputs passed."""
    command = [str(ROOT / "scripts" / "fuzz"), "--inputs", "60"]
    outcome = subprocess.run(command, capture_output=True, text=True, check=True)
    assert outcome.stdout.splitlines()[-1].startswith("passed: 60 inputs")


def over_reading(data: bytes) -> None:
    """A decoder with a fault: it takes four bytes wherever there is one."""
    if data:
        fuzz.Watched(data)[0:4]


def indexing(data: bytes) -> None:
    """A decoder with another: it raises an error that is not its own."""
    if data:
        data[7]


@pytest.mark.parametrize(
    ("fault", "error"), [(over_reading, AssertionError), (indexing, IndexError)]
)
def test_faults_are_found(
    fault: Callable[[bytes], None],
    error: type[Exception],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Both kinds of fault end the run and name the seed that shows them again."""
    monkeypatch.setitem(fuzz.DECODERS, "faulty", (fault, st.binary(max_size=12)))
    with pytest.raises(error):
        fuzz.fuzz("faulty", 1000, 7)
    assert "failed with --seed 7" in capsys.readouterr().err
