"""The fuzzer itself: a small run passes, and what it looks for it finds."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests import fuzz
from tests.watched import Watched

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", list(fuzz.DECODERS))
def test_a_small_run(name: str) -> None:
    """Some thousand inputs for each decoder."""
    assert fuzz.fuzz(name, 2000, 1) >= 2000


def test_the_command() -> None:
    """It tells how many inputs passed."""
    inputs = 20 * len(fuzz.DECODERS)
    command = [str(ROOT / "scripts" / "fuzz"), "--inputs", str(inputs)]
    outcome = subprocess.run(command, capture_output=True, text=True, check=True)
    assert outcome.stdout.splitlines()[-1].startswith(f"passed: {inputs} inputs")


def test_mutants_differ_and_stay_in_form() -> None:
    """Only bytes are changed, wherever they stand; they never grow beyond bounds."""
    value = [(1, 2, b"abcd"), (3, 4, b"")]
    found = list(fuzz.mutants(value, random.Random(1)))
    assert len({str(each) for each in found}) > fuzz.MUTANTS // 2
    assert all([each[:2] for each in mutant] == [(1, 2), (3, 4)] for mutant in found)
    assert list(fuzz.mutants((1, 2), random.Random(1))) == [(1, 2)] * fuzz.MUTANTS
    (*_, last) = fuzz.mutants(bytes(300), random.Random(1))
    assert len(last) <= 300


def over_reading(data: bytes) -> None:
    """A decoder with a fault: it takes four bytes wherever there is one."""
    if data:
        Watched(data)[0:4]


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
