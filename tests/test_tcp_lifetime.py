"""From opening to closing: whole traces over TCP, and nothing left of ten thousand of them."""

from __future__ import annotations

import asyncio
import gc

from exporter.model import Family, Kind, Probe, Protocol, Response, StopReason
from exporter.sockets.base import ProbeSocket
from exporter.sockets.linux_connect import Flight
from exporter.sockets.linux_flights import PATIENCE_SECONDS
from exporter.sockets.linux_tcp import LinuxTcpSocket
from exporter.trace.plan import Plan
from tests.conftest import LabFactory
from tests.connecting import descriptors, each_family
from tests.probing import DARK, ROUTERS, WEB, Recorder, preferred, run, trace


@each_family
def test_whole_trace_reaches_an_open_port(lab_factory: LabFactory, family: Family) -> None:
    """Three rounds, every hop answers each time, and the destination accepts."""
    lab_factory("small")
    state = run(trace(WEB[family], family, Protocol.TCP, Plan(rounds=3)))
    assert state.stop_reason() == (StopReason.DESTINATION, None)
    assert [hop.addresses for hop in state.hops()] == [
        *((router,) for router in ROUTERS[family]),
        (WEB[family],),
    ]
    assert [(hop.sent, hop.lost) for hop in state.hops()] == [(3, 0)] * 4
    assert {response.kind for response in state.hops()[-1].responses} == {Kind.CONNECTED}


@each_family
def test_whole_trace_to_a_silent_destination(lab_factory: LabFactory, family: Family) -> None:
    """It ends at the last hop that answers, and sends no packet that the trace does not know of."""
    lab = lab_factory("small")
    state = run(trace(DARK[family], family, Protocol.TCP, Plan(rounds=2)))
    assert state.stop_reason() == (StopReason.GAP, None)
    assert [hop.addresses for hop in state.hops()] == [
        *((router,) for router in ROUTERS[family][:2]),
        (),
    ]
    counted = {hop.ttl: hop.sent for hop in state.hops()}
    truth = lab.truth()
    assert counted == {ttl: truth.only(ttl=ttl).sent for ttl in counted}


def test_ten_thousand_probes_leave_nothing(lab_factory: LabFactory) -> None:
    """Of one socket, with answered, refused and unanswered probes: no descriptor, task or timer."""
    lab = lab_factory("small")
    lab.set_hop("gw", delay="0ms")

    async def test() -> None:
        recorder, backend = Recorder(), preferred(Protocol.TCP, Family.IPV4)
        before = descriptors()
        found = [backend.open(backend.request(a[Family.IPV4]), recorder) for a in (WEB, DARK)]
        for number in range(200):
            for round_ in range(50):
                found[0].send(Probe(number, round_, 1))
            found[1].send(Probe(number, 0, 5 + number % 40))
            await recorder.until_responses(50 * (number + 1))
        assert len({response.probe for response in recorder.responses}) == 10_000
        await asyncio.sleep(PATIENCE_SECONDS + 0.1)
        assert descriptors() == before + 4
        for socket in found:
            socket.close()
        assert descriptors() == before
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(test())
    gc.collect()
    assert not [each for each in gc.get_objects() if type(each) in (Flight, LinuxTcpSocket)]


@each_family
def test_closing_ends_all_that_is_in_flight(lab_factory: LabFactory, family: Family) -> None:
    """Answers that come afterwards are told to nobody, and no SYN is sent again."""
    lab = lab_factory("small")

    async def test() -> None:
        recorder, backend = Recorder(), preferred(Protocol.TCP, family)
        before = descriptors()
        socket = backend.open(backend.request(WEB[family]), recorder)
        for ttl in range(1, 9):
            socket.send(Probe(1, 0, ttl))
        socket.close()
        socket.close()
        assert descriptors() == before
        await asyncio.sleep(1.2)
        assert (recorder.responses, recorder.failures, recorder.strangers) == ([], [], 0)

    run(test())
    assert lab.truth().sent == 8


class Closing(Recorder):
    """A listener that closes its socket as soon as it hears anything."""

    socket: ProbeSocket | None = None

    def responded(self, response: Response) -> None:
        """See `Listener`."""
        super().responded(response)
        assert self.socket is not None
        self.socket.close()


def test_listener_may_close_the_socket(lab_factory: LabFactory) -> None:
    """The trace ends on an answer, the target is gone: nothing is told afterwards."""
    lab = lab_factory("small")

    async def test() -> None:
        recorder, backend = Closing(), preferred(Protocol.TCP, Family.IPV4)
        recorder.socket = backend.open(backend.request(WEB[Family.IPV4]), recorder)
        for ttl in range(1, 5):
            recorder.socket.send(Probe(1, 0, ttl))
        lab.settle()
        await recorder.until_responses(1)
        await asyncio.sleep(0)
        assert len(recorder.responses) == 1

    run(test())
