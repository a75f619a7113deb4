"""Source ports of TCP probes: every TTL keeps its flow, whatever else is in flight."""

from __future__ import annotations

import asyncio
import socket as sockets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from exporter.model import Family, Probe, Protocol
from exporter.sockets.linux_flights import PATIENCE_SECONDS
from exporter.sockets.linux_tcp import LinuxTcpSocket
from exporter.trace.pacer import Pacer
from exporter.trace.plan import Plan
from exporter.trace.tracer import ResponseCounts, Tracer
from tests.conftest import LabFactory
from tests.connecting import each_family
from tests.lab.lab import Lab
from tests.probing import DARK, WEB, Recorder, preferred, run

BASE = 21_000
Path = tuple[tuple[str, ...], ...]
ANYWHERE = {Family.IPV4: "0.0.0.0", Family.IPV6: "::"}


def ports(lab: Lab) -> list[tuple[int, int]]:
    """TTL and source port of all probes so far, in their order."""
    return [(record.ttl, record.first) for record in lab.truth()]


@contextmanager
def held(port: int, family: Family) -> Iterator[None]:
    """Somebody else has a port for himself."""
    inet = sockets.AF_INET if family is Family.IPV4 else sockets.AF_INET6
    with sockets.socket(inet) as holder:
        holder.bind((ANYWHERE[family], port))
        yield


@each_family
def test_next_trace_takes_the_port_from_what_waits(lab_factory: LabFactory, family: Family) -> None:
    """A silent hop is asked twice in one trace, then by two more at once: a trace that follows
    takes the hop's own port, so that it sees the flow that it shall confirm."""
    lab = lab_factory("small")

    async def test() -> None:
        recorder, backend = Recorder(), preferred(Protocol.TCP, family)
        socket = backend.open(backend.request(DARK[family], local_port=BASE), recorder)
        for trace, number in ((1, 0), (1, 1), (2, 0), (3, 0)):
            socket.send(Probe(trace, number, 7))
        socket.send(Probe(3, 0, 1))
        await recorder.until_responses(1)
        socket.close()
        assert recorder.failures == []

    run(test())
    own = BASE + 6
    assert [port for ttl, port in ports(lab) if ttl == 7] == [own, own + 256, own, own]


@each_family
def test_ttl_keeps_its_port_from_trace_to_trace(lab_factory: LabFactory, family: Family) -> None:
    """Five traces, one source port for each TTL, and no two TTLs share one."""
    lab = lab_factory("small")

    async def test() -> None:
        recorder, backend = Recorder(), preferred(Protocol.TCP, family)
        socket = backend.open(backend.request(WEB[family], local_port=BASE), recorder)
        for number in range(5):
            for ttl in range(1, 6):
                socket.send(Probe(number, 0, ttl))
            await recorder.until_responses(5 * (number + 1))
        socket.close()

    run(test())
    assert set(ports(lab)) == {(ttl, BASE + ttl - 1) for ttl in range(1, 6)}


@each_family
def test_port_in_flight_is_left_and_returned_to(lab_factory: LabFactory, family: Family) -> None:
    """Rounds that follow too soon after a silent one take other ports; afterwards all is as before.

    The other ports stay the same as well.
    """
    lab = lab_factory("small")

    async def test() -> None:
        recorder, backend = Recorder(), preferred(Protocol.TCP, family)
        socket = backend.open(backend.request(DARK[family], local_port=BASE), recorder)
        for trace in (1, 2):
            for number in range(3):
                socket.send(Probe(trace, number, 9))
            await asyncio.sleep(PATIENCE_SECONDS + 0.05)
        socket.close()

    run(test())
    used = [port for _, port in ports(lab)]
    assert used[0] == BASE + 8
    assert len(set(used[:3])) == 3
    assert used[3:] == used[:3]


@each_family
def test_port_of_somebody_else_is_left_for_good(lab_factory: LabFactory, family: Family) -> None:
    """One change of flow is bad enough: the TTL does not return when the port is free again."""
    lab = lab_factory("small")

    async def test() -> None:
        recorder, backend = Recorder(), preferred(Protocol.TCP, family)
        socket = backend.open(backend.request(WEB[family], local_port=BASE), recorder)
        with held(BASE + 1, family):
            for ttl in (1, 2, 3):
                socket.send(Probe(1, 0, ttl))
            await recorder.until_responses(3)
        for ttl in (1, 2, 3):
            socket.send(Probe(2, 0, ttl))
        await recorder.until_responses(6)
        socket.close()

    run(test())
    first, second = ports(lab)[:3], ports(lab)[3:]
    assert first == second
    assert (first[0], first[2]) == ((1, BASE), (3, BASE + 2))
    assert first[1][1] not in (BASE, BASE + 1, BASE + 2)


@each_family
def test_two_sockets_that_want_one_port(lab_factory: LabFactory, family: Family) -> None:
    """The kernel allows the same five-tuple once: the later one moves aside, and stays there."""
    lab = lab_factory("small")
    lab.set_hop("gw", slow="100ms")

    async def test() -> None:
        recorders, backend = [Recorder(), Recorder()], preferred(Protocol.TCP, family)
        request = backend.request(WEB[family], local_port=BASE)
        found = [backend.open(request, recorder) for recorder in recorders]
        for number in range(3):
            for socket, ttl in zip(found, (1, 1), strict=True):
                socket.send(Probe(number, 0, ttl))
            for recorder in recorders:
                await recorder.until_responses(number + 1)
        for socket in found:
            socket.close()

    run(test())
    used = [port for _, port in ports(lab)]
    assert used[0] == BASE
    assert used[1] != BASE
    assert used == used[:2] * 3


@each_family
def test_destinations_share_ports(lab_factory: LabFactory, family: Family) -> None:
    """Each has all of them for itself: probes to two hosts leave from the same port at once."""
    lab = lab_factory("small")

    async def test() -> None:
        backend, recorder = preferred(Protocol.TCP, family), Recorder()
        requests = [backend.request(each[family], local_port=BASE) for each in (DARK, WEB)]
        found = [backend.open(request, recorder) for request in requests]
        for socket in found:
            socket.send(Probe(1, 0, 9))
        await recorder.until_responses(1)
        for socket in found:
            socket.close()

    run(test())
    assert ports(lab) == [(9, BASE + 8)] * 2


@each_family
@pytest.mark.parametrize(
    "destination", ["192.0.2.4 2001:db8:300::4", "192.0.2.16 2001:db8:300::16"]
)
def test_flow_keeps_its_branch(lab_factory: LabFactory, family: Family, destination: str) -> None:
    """Behind a balancer of four, or sixteen, every TTL finds the same router in all of six traces;

    another flow of the same target may find another one, and keeps it as well.
    """
    lab_factory("diamonds")
    address = destination.split()[family is Family.IPV6]

    async def traced(port: int) -> Path:
        backend = preferred(Protocol.TCP, family)
        tracer = Tracer(Pacer(10_000), ResponseCounts(), lambda response: None)
        socket = backend.open(backend.request(address, local_port=port), tracer)
        plan = Plan()
        paths: list[Path] = []
        for _ in range(3):
            state = await tracer.trace(socket, plan)
            plan = replace(plan, lesson=state.lesson())
            paths.append(tuple(hop.addresses for hop in state.hops()))
        socket.close()
        assert paths == paths[:1] * 3
        return paths[0]

    async def test() -> None:
        flows = [await traced(BASE + 100 * number) for number in range(6)]
        again = [await traced(BASE + 100 * number) for number in range(6)]
        assert flows == again
        assert len({flow[1] for flow in flows}) > 1

    run(test())


def test_port_without_a_wish_is_kept_too(lab_factory: LabFactory) -> None:
    """`local_port` 0: some port, but the same in every trace."""
    lab = lab_factory("small")

    async def test() -> None:
        recorder, backend = Recorder(), preferred(Protocol.TCP, Family.IPV4)
        socket = backend.open(backend.request(WEB[Family.IPV4]), recorder)
        assert isinstance(socket, LinuxTcpSocket)
        for number in range(5):
            socket.send(Probe(number, 0, 1))
            await recorder.until_responses(number + 1)
        socket.close()

    run(test())
    assert len(set(ports(lab))) == 1
