"""Where memory runs out, the process says so and ends; any other error is logged as ever."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from exporter.process.exhaustion import is_exhausted
from tests.cycles import Cycle, Fleet
from tests.virtual import run_virtual

PROGRAM = """
import asyncio, sys, threading
from exporter.process.exhaustion import Exhaustion
from exporter.process.log import configure

def fail(): raise {error}

async def fail_later(): fail()

class Failing:
    def __del__(self): fail()

async def main():
    loop = asyncio.get_running_loop()
    Exhaustion().watch(loop)
    {action}
    await asyncio.sleep(0.2)
    print("went on")

configure("info", "logfmt", sys.stderr)
asyncio.run(main())
"""
ACTIONS = {
    "callback": "loop.call_soon(fail)",
    "task": "asyncio.ensure_future(fail_later())",
    "thread": "threading.Thread(target=fail).start()",
    "destructor": "Failing()",
}


def ended(action: str, error: str) -> subprocess.CompletedProcess[str]:
    """A program in which this error comes out at this place."""
    program = PROGRAM.format(action=ACTIONS[action], error=error)
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("action", ACTIONS)
def test_without_memory_it_ends(action: str) -> None:
    """Nobody waits for what failed there, so nobody else would notice: one line, and status 1."""
    done = ended(action, "MemoryError")
    assert (done.returncode, done.stdout) == (1, "")
    assert 'event=daemon.failed logger=daemon error="out of memory"' in done.stderr


@pytest.mark.parametrize("action", ACTIONS)
def test_any_other_error_is_told_and_no_more(action: str) -> None:
    """A bug is in the log, and the rest goes on."""
    done = ended(action, "ZeroDivisionError")
    assert (done.returncode, done.stdout) == (0, "went on\n")
    assert "ZeroDivisionError" in done.stderr


def test_a_cycle_without_memory_is_no_bug_of_its_target() -> None:
    """The schedule does not swallow it: whoever watches the loop is told."""
    told: list[BaseException | None] = []

    class Hungry(Cycle):
        async def run(self) -> None:
            raise MemoryError

    async def test() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(context.get("exception")))
        fleet = Fleet(Hungry("hungry", 10.0))
        await asyncio.sleep(5)
        await fleet.stop()

    run_virtual(test())
    assert [type(error) for error in told] == [MemoryError]


def test_want_of_memory_is_seen_behind_what_followed_from_it() -> None:
    """What should put things in order failed in its turn; another failure is none of the kind."""

    def close() -> None:
        try:
            raise MemoryError
        finally:
            raise RuntimeError("can't start new thread")

    with pytest.raises(RuntimeError) as followed:
        close()
    assert is_exhausted(followed.value)
    assert is_exhausted(MemoryError())
    assert not is_exhausted(RuntimeError("a bug"))
