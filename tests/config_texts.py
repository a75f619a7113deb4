"""What the tests of the configuration share: texts in, configurations or faults out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from exporter.config.load import parse_config
from exporter.config.yamltree import LOADER
from exporter.errors import ConfigError, Fault
from exporter.settings import Config

FILE = "config.yaml"


def config_of(text: str, directory: Path = Path()) -> Config:
    """The configuration that a valid text makes."""
    return parse_config(dedent(text), FILE, directory)


def faults_of(text: str, directory: Path = Path(), loader: Any = LOADER) -> list[Fault]:
    """The faults of a text that has some."""
    with pytest.raises(ConfigError) as caught:
        parse_config(dedent(text), FILE, directory, loader)
    return list(caught.value.faults)


def fault_of(text: str, directory: Path = Path()) -> Fault:
    """The one fault of a text."""
    faults = faults_of(text, directory)
    assert len(faults) == 1, [str(fault) for fault in faults]
    return faults[0]


def places(faults: list[Fault]) -> list[tuple[int, str]]:
    """Line and key of each fault."""
    return [(fault.line, fault.key) for fault in faults]


def refusal(parse: Callable[[object], object], value: object) -> str | None:
    """The reason for which `parse` refuses a value, None where it takes it."""
    try:
        parse(value)
    except ValueError as error:
        return str(error)
    return None
