"""What is read is freed again at once: the daemon spares the collector, and reads often."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from exporter.config.load import parse_config
from exporter.config.targetlist import read_targets
from exporter.errors import ConfigError

COUNT = 300
GOOD = "targets:\n" + "".join(f"  - {{host: h{n}.example.net}}\n" for n in range(COUNT))
GROUPS = json.dumps([{"targets": [f"h{n}.example.net"]} for n in range(COUNT)])


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    """Nothing but counts of references frees memory."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def load(text: str) -> None:
    """Read a configuration."""
    parse_config(text, "config.yaml", Path("."))


def listed(text: str, *, is_json: bool) -> None:
    """Read a list of targets."""
    read_targets(text, "list", parse_config("targets: []", "c", Path(".")), json=is_json)


@pytest.mark.parametrize(
    "read",
    [
        lambda: load(GOOD),
        lambda: load(GOOD.replace("h7.", "h/7.").replace("host: h9", "hots: h9")),
        lambda: load(GOOD + "  - {host: ["),
        lambda: listed(GROUPS, is_json=True),
        lambda: listed(GROUPS, is_json=False),
        lambda: listed(GROUPS.replace("h7.", "h/7."), is_json=True),
        lambda: listed(GROUPS.replace("h7.", "h/7."), is_json=False),
        lambda: listed(GROUPS[:-5], is_json=True),
    ],
    ids=range(8),
)
def test_nothing_is_left_to_the_collector(read: Callable[[], None]) -> None:
    """A file was read, good or bad: no object of it lives on."""
    with suppress(ConfigError):
        read()
    before = len(gc.get_objects())
    for _ in range(3):
        with suppress(ConfigError):
            read()
    assert len(gc.get_objects()) - before < COUNT / 10
