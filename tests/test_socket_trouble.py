"""What every backend must do in a bad network and when it is given up: nothing is mixed up,

nothing is told afterwards, nothing is left.
"""

from __future__ import annotations

import os
import time

from exporter.model import Probe, Protocol, Response
from tests.conftest import LabFactory
from tests.probing import DARK, ROUTERS, WEB, Backend, Recorder, each_backend, run

HOPS = ("gw", "core1", "edge")


@each_backend
def test_loss_reordering_and_duplicates_at_once(lab_factory: LabFactory, backend: Backend) -> None:
    """64 probes in flight to each hop; answers are lost, shuffled and come twice: just those that

    left are told, each once, for its own probe and from its own hop.
    """
    lab = lab_factory("small")
    for hop in HOPS:
        lab.set_hop(hop, quote="full", jitter="10ms", loss=0.2, duplicate=1)

    async def test() -> None:
        recorder = Recorder()
        socket = backend.open(backend.request(WEB[backend.family]), recorder)
        probes = [Probe(1, number, ttl) for number in range(64) for ttl in range(1, 5)]
        for probe in probes:
            socket.send(probe)
        arrived = sorted(lab.truth(), key=lambda record: record.received_ns)
        answered = [probe for probe, record in zip(probes, arrived, strict=True) if record.answered]
        responses = await recorder.until_responses(len(answered))
        # The first error ends a connection attempt: a second one finds no socket.
        connects = backend.protocol is Protocol.TCP
        twice = 0 if connects else sum(probe.ttl < 4 for probe in answered)
        await recorder.until(lambda: recorder.strangers == twice)
        socket.close()
        assert 128 < len(answered) < 256
        assert [r.probe for r in responses] == sorted(answered)
        path = (*ROUTERS[backend.family], WEB[backend.family])
        assert all(r.address == path[r.probe.ttl - 1] for r in responses)
        assert recorder.failures == []

    run(test())


@each_backend
def test_answers_are_told_slow_ones_after_fast_ones(
    lab_factory: LabFactory, backend: Backend
) -> None:
    """The nearest hop answers last: answers come in the reverse order of the probes."""
    lab = lab_factory("small")
    lab.set_hop("gw", slow="150ms")
    lab.set_hop("core1", slow="50ms")

    async def test() -> None:
        recorder = Recorder()
        socket = backend.open(backend.request(WEB[backend.family]), recorder)
        for ttl in (1, 2, 4):
            socket.send(Probe(1, 0, ttl))
        await recorder.until_responses(3)
        socket.close()
        assert [r.probe.ttl for r in recorder.responses] == [4, 2, 1]
        assert [r.rtt > bound for r, bound in zip(recorder.responses, (0, 0.05, 0.15), strict=True)]

    run(test())


@each_backend
def test_nothing_is_told_after_closing(lab_factory: LabFactory, backend: Backend) -> None:
    """Closed with 64 probes in flight, and by the listener in the middle of a batch of answers:

    what comes later is nobody's, and no descriptor stays.
    """
    lab = lab_factory("small")
    lab.set_hop("core1", slow="50ms")
    address = WEB[backend.family]

    async def test() -> None:
        before = os.listdir("/proc/self/fd")
        given_up, closing, later = Recorder(), Recorder(), Recorder()
        first, second, third = (
            backend.open(backend.request(address), each) for each in (given_up, closing, later)
        )
        closing.responded = lambda response: second.close()  # type: ignore[method-assign]
        for number in range(64):
            first.send(Probe(1, number, 2))
            second.send(Probe(1, number, 2))
        first.close()
        lab.settle()
        third.send(Probe(1, 0, 2))
        await later.until_responses(1)
        third.close()
        for recorder in (given_up, closing):
            assert (recorder.responses, recorder.failures, recorder.strangers) == ([], [], 0)
        assert os.listdir("/proc/self/fd") == before

    run(test())


@each_backend
def test_silence_is_told_as_nothing(lab_factory: LabFactory, backend: Backend) -> None:
    """A host that answers nothing is neither a failure nor a stranger: the tracer decides."""
    lab = lab_factory("small")

    async def test() -> None:
        recorder = Recorder()
        socket = backend.open(backend.request(DARK[backend.family]), recorder)
        socket.send(Probe(1, 0, 9))
        lab.settle()
        socket.send(Probe(1, 1, 1))
        await recorder.until_responses(1)
        socket.close()
        assert [r.probe.round for r in recorder.responses] == [1]
        assert (recorder.failures, recorder.strangers) == ([], 0)

    run(test())
    assert lab.truth().sent == 2


class _Watch(Recorder):
    """Notes how long each answer waited, from the kernel's having it to this listener."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float] = []

    def responded(self, response: Response) -> None:
        """See `Listener`."""
        self.waited.append(time.monotonic() - response.received_at)
        super().responded(response)


@each_backend
def test_answers_are_handled_at_once(lab_factory: LabFactory, backend: Backend) -> None:
    """400 answers, each awaited: 99 in 100 are told within 50 ms, a bound for a busy machine

    (`make bench ARGS=backends` measures it).
    """
    backend.quoted_enough(lab_factory("small"))

    async def test() -> None:
        watch = _Watch()
        socket = backend.open(backend.request(WEB[backend.family]), watch)
        for number in range(100):
            for ttl in range(1, 5):
                socket.send(Probe(1, number, ttl))
            await watch.until_responses(4 * (number + 1))
        socket.close()
        assert min(watch.waited) > -0.001
        assert sorted(watch.waited)[396] < 0.05

    run(test())
