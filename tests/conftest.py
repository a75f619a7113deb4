"""Moves the whole test run into a network namespace of its own, and hands out labs.

This happens before any test module is imported: every socket of every test, and everything that
a test starts, then lives on a loopback that leads nowhere.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings

from tests.lab import namespace
from tests.lab.lab import Lab
from tests.lab.remote import RemoteLabs
from tests.lab.world import World

LabFactory = Callable[..., Lab]

# How long an example takes is the machine's business, and says nothing about the code.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

# In a user namespace this user looks like root; what pytest names after the user must not.
os.environ.setdefault("LOGNAME", getpass.getuser())

try:
    namespace.enter()
except namespace.NamespaceUnavailable as error:
    WHY_NO_LAB = str(error)
else:
    WHY_NO_LAB = ""


def pytest_report_header() -> str:
    """Say where the tests run."""
    return f"lab: {WHY_NO_LAB or 'in a network namespace of its own'}"


@pytest.fixture
def lab_factory() -> Iterator[LabFactory]:
    """Make labs, one after the other: `lab_factory(world, ping_sockets=True)`.

    Skips where this user can have no namespace, unless another process offers its labs.
    """
    if remote := RemoteLabs.offered():
        with remote:
            yield remote.make  # type: ignore[misc] # a part of a lab is enough there
        return
    if WHY_NO_LAB:
        pytest.skip(WHY_NO_LAB)
    with ExitStack() as labs:

        def make(world: str | Path | World, *, ping_sockets: bool = True) -> Lab:
            labs.close()
            return labs.enter_context(Lab(world, ping_sockets=ping_sockets))

        yield make
