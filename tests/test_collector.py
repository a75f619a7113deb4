"""The collector looks when it is due, and what is freed by reference counts is freed."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from exporter.process import collector
from exporter.process.collector import Collector, is_due
from tests.clock import until

SCRIPT = """
import gc, weakref
from exporter.process.collector import COLLECTOR

class Node:
    pass

looks = []
COLLECTOR.spare()
gc.callbacks.append(lambda phase, info: looks.append(info["generation"]))
kept = [Node() for _ in range(300_000)]
assert not looks, looks
seen = weakref.ref(kept[0])
del kept
assert seen() is None
ring = Node()
ring.ring = ring
seen = weakref.ref(ring)
del ring
assert seen() is not None
COLLECTOR.look()
assert seen() is None and looks
"""


def test_only_rings_wait_for_a_look() -> None:
    """Much was made and went: freed at once, without a look. A ring went with the next look."""
    outcome = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr


@pytest.mark.parametrize(
    ("rings", "grown", "elapsed", "took", "due"),
    [
        (0, 64 << 20, 3599.0, 0.001, False),
        (0, 64 << 20, 3600.0, 0.001, True),
        (0, (64 << 20) - 1, 1e9, 0.001, False),
        (19_999, 0, 10.0, 0.5, False),
        (20_000, 0, 10.0, 0.5, True),
        (99, 1 << 30, 10.0, 0.5, False),
        (100, 64 << 20, 10.0, 0.5, True),
        (0, 64 << 20, 9_999.0, 0.5, False),
        (0, 64 << 20, 10_000.0, 0.5, True),
    ],
)
def test_when_a_look_is_due(rings: int, grown: int, elapsed: float, took: float, due: bool) -> None:
    """After so many rings, fewer of large ones, or where memory grows and the time is short."""
    assert is_due(rings, grown, elapsed, took) is due


def test_it_looks_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many connections were closed; within some time the rings are gone."""
    monkeypatch.setattr(collector, "_LOOK_SECONDS", 0.01)

    async def scenario() -> None:
        ours = Collector()
        ours.rings = 20_000
        task = asyncio.create_task(ours.run())
        await until(lambda: not ours.rings)
        task.cancel()

    asyncio.run(scenario())
