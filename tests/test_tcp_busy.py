"""A process that is held up, or stopped, while TCP probes are in flight."""

from __future__ import annotations

import asyncio
import time

import pytest

from exporter.model import Family, Kind, Probe
from tests.conftest import LabFactory
from tests.connecting import FAR, descriptors, each_family, opened
from tests.lab.lab import Lab
from tests.probing import DARK, MAIL, WEB, Recorder, run


def stand_still(lab: Lab, seconds: float = 1.2) -> None:
    """Hold up the event loop; by default until the kernel has repeated every unanswered SYN."""
    time.sleep(seconds)
    lab.settle()


@each_family
def test_busy_process_takes_nothing_for_lost(lab_factory: LabFactory, family: Family) -> None:
    """The answers of a router, an open port and a closed one wait in the kernel for longer than

    probes do: they count, and the first two with their true RTTs.
    """
    lab = lab_factory("small")

    async def test() -> None:
        recorder, refused = Recorder(), Recorder()
        socket, closed = opened(recorder, WEB, family), opened(refused, MAIL, family)
        socket.send(Probe(1, 0, 1))
        socket.send(Probe(1, 0, FAR))
        closed.send(Probe(1, 0, FAR))
        stand_still(lab)
        responses = await recorder.until_responses(2)
        await refused.until_responses(1)
        socket.close()
        closed.close()
        assert [r.kind for r in responses] == [Kind.TIME_EXCEEDED, Kind.CONNECTED]
        assert max(r.rtt for r in responses) < 0.1
        assert refused.responses[0].kind is Kind.REFUSED

    run(test())


@each_family
def test_no_answer_is_overlooked_when_time_is_up(lab_factory: LabFactory, family: Family) -> None:
    """More answers wait for a busy process than it takes in at once: all count."""
    lab = lab_factory("small")

    async def test() -> None:
        recorder = Recorder()
        socket = opened(recorder, WEB, family)
        for number in range(60):
            for ttl in range(1, 7):
                socket.send(Probe(1, number, ttl))
        stand_still(lab)
        responses = await recorder.until_responses(360)
        socket.close()
        # Where this process was held up between two readings of clocks, the clock has to do.
        assert sorted(response.rtt for response in responses)[-10] < 0.5

    run(test())


@each_family
@pytest.mark.parametrize(("hop", "ttl"), [("gw", 1), ("web", 4)])
def test_answer_to_a_repeated_syn_is_nobodys(
    lab_factory: LabFactory, family: Family, hop: str, ttl: int
) -> None:
    """The first answer is lost, this process is too busy to close, the kernel's second SYN is

    answered: no RTT can be told from that, and the probe stays unanswered. (An answer later than
    some milliseconds finds no socket any more.)
    """
    lab = lab_factory("small")
    if hop == "gw":
        lab.set_hop(hop, loss=[1, 0])
    else:
        lab.set_target(hop, loss=[1, 0])

    async def test() -> None:
        recorder = Recorder()
        socket = opened(recorder, WEB, family)
        socket.send(Probe(1, 0, ttl))
        stand_still(lab)
        before = descriptors()
        await asyncio.sleep(0.1)
        assert descriptors() == before - 1
        socket.close()
        assert (recorder.responses, recorder.failures) == ([], [])
        assert recorder.strangers <= 1

    run(test())
    assert lab.truth().sent == 2


@each_family
def test_stopped_process_sends_one_syn_too_many_at_most(
    lab_factory: LabFactory, family: Family
) -> None:
    """It stands still for 4 seconds; the kernel gives up by itself after the second SYN."""
    lab = lab_factory("small")

    async def test() -> None:
        recorder = Recorder()
        socket = opened(recorder, DARK, family)
        socket.send(Probe(1, 0, FAR))
        stand_still(lab, 4)
        before = descriptors()
        await asyncio.sleep(0.1)
        assert descriptors() == before - 1
        socket.close()
        assert (recorder.responses, recorder.failures, recorder.strangers) == ([], [], 0)

    run(test())
    assert lab.truth().sent == 2
