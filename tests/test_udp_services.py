"""UDP towards a service: it answers, and each answer is put to the hop that it came from."""

from __future__ import annotations

import asyncio

import pytest

from exporter.errors import SocketUnavailable
from exporter.model import Family, Hop, Kind, Probe, Protocol, StopReason
from exporter.sockets.base import SocketRequest
from exporter.sockets.factory import open_probe_socket
from exporter.trace.pacer import Pacer
from exporter.trace.plan import Plan
from exporter.trace.strategy import TraceState
from exporter.trace.tracer import ResponseCounts, Tracer
from tests.conftest import LabFactory
from tests.lab.dns import DnsServer
from tests.lab.lab import Lab
from tests.probing import ROUTERS, WEB, Recorder, run

SERVICES: dict[object, str] = {
    "default": "unreachable",
    53: "dns",
    123: "ntp",
    443: "quic",
    7: "echo",
    25: "banner",
}
PAYLOAD = b"\x00\x01 what the user wants to say"
each_family = pytest.mark.parametrize("family", list(Family))


def world(lab_factory: LabFactory, quote: object = "full") -> Lab:
    """The small world, its edge quoting so much, with every service at the end of the path."""
    lab = lab_factory("small")
    lab.set_hop("edge", quote=quote)
    lab.set_target("web", udp=SERVICES)
    return lab


async def traced(request: SocketRequest, plan: Plan, cycles: int = 1) -> TraceState:
    """Trace over one socket; gives the last state."""
    tracer = Tracer(Pacer(10_000), ResponseCounts(), lambda response: None)
    socket = open_probe_socket(request, tracer)
    try:
        for _ in range(cycles):
            state = await tracer.trace(socket, plan)
            assert tracer.errors.counts == {}
        return state
    finally:
        socket.close()


def ask(family: Family, port: int, payload: bytes | None = None) -> SocketRequest:
    """UDP to this port of the target."""
    return SocketRequest(WEB[family], family, Protocol.UDP, port, payload=payload)


def assert_is_the_path(hops: tuple[Hop, ...], family: Family, kind: Kind, rounds: int) -> None:
    """Three routers and the destination, each at its own TTL, and nothing lost."""
    assert [hop.addresses for hop in hops] == [(each,) for each in (*ROUTERS[family], WEB[family])]
    assert [(hop.sent, hop.lost) for hop in hops] == [(rounds, 0)] * 4
    assert {response.kind for response in hops[-1].responses} == {kind}


@each_family
@pytest.mark.parametrize("quote", ["full", 8])
@pytest.mark.parametrize(
    ("port", "kind"),
    [
        (53, Kind.DATAGRAM),
        (123, Kind.DATAGRAM),
        (443, Kind.VERSION_NEGOTIATION),
        (7, Kind.DATAGRAM),
        (25, Kind.DATAGRAM),
        (9, Kind.UNREACHABLE),
    ],
)
def test_service_ends_the_path_at_its_own_ttl(
    lab_factory: LabFactory, family: Family, port: int, kind: Kind, quote: object
) -> None:
    """One round, all TTLs at once, five probes reach the service: its nearest TTL is the hop.

    So it is with the services that we know, with one that returns what it gets, with one that says
    the same to everybody, and without any; whatever the last router quotes.
    """
    lab = world(lab_factory, quote)
    state = run(traced(ask(family, port), Plan(rounds=1)))
    assert_is_the_path(state.hops(), family, kind, 1)
    assert state.stop_reason() == (StopReason.DESTINATION, None)
    assert {record.second for record in lab.truth()} == {port}


@each_family
@pytest.mark.parametrize("port", [25, 7, 9, 53])
def test_payload_of_the_user_is_what_arrives(
    lab_factory: LabFactory, family: Family, port: int
) -> None:
    """Every probe is alike, so each TTL has a port of its own; hops and the end are right."""
    lab = world(lab_factory, 8)
    lab.set_target("web", udp=SERVICES | {53: "banner"})
    state = run(traced(ask(family, port, PAYLOAD), Plan(rounds=3)))
    kind = Kind.UNREACHABLE if port == 9 else Kind.DATAGRAM
    assert_is_the_path(state.hops(), family, kind, 3)
    truth, header = lab.truth(), 28 if family is Family.IPV4 else 48
    assert {record.size for record in truth} == {header + len(PAYLOAD)}
    ports = [{record.first for record in truth.only(ttl=ttl)} for ttl in range(1, 5)]
    assert [len(each) for each in ports] == [1] * 4
    assert len(set.union(*ports)) == 4


@each_family
def test_answer_that_tells_nothing_is_never_guessed(
    lab_factory: LabFactory, family: Family
) -> None:
    """The router before the destination is slow: what the service says is not put to its TTL."""
    lab = world(lab_factory)
    lab.set_hop("edge", slow="100ms")

    async def test() -> None:
        recorder = Recorder()
        socket = open_probe_socket(ask(family, 25), recorder)
        for ttl in range(1, 7):
            socket.send(Probe(1, 0, ttl))
        await recorder.until(lambda: recorder.strangers == 3)
        again = [probe for probe, _ in recorder.failures]
        assert set(range(3, 7)) <= {probe.ttl for probe in again}
        for probe in again:
            socket.send(probe)
        await recorder.until(lambda: len({r.probe.ttl for r in recorder.responses}) == 6)
        socket.close()
        found = {(r.probe.ttl, r.address) for r in recorder.responses}
        path = [*ROUTERS[family], *[WEB[family]] * 3]
        assert found == set(enumerate(path, 1))

    run(test())


@each_family
def test_local_ports_are_the_same_after_a_restart(lab_factory: LabFactory, family: Family) -> None:
    """Each TTL has the port that it had, so that a balancer sends it the same way."""
    lab = world(lab_factory)
    request = SocketRequest(
        WEB[family], family, Protocol.UDP, 25, local_port=23456, payload=PAYLOAD
    )
    for _ in range(2):
        run(traced(request, Plan(rounds=1)))
    for ttl in range(1, 5):
        assert {record.first for record in lab.truth().only(ttl=ttl)} == {23456 + ttl}


def test_real_name_server_answers(lab_factory: LabFactory) -> None:
    """A DNS server that is not ours to simulate takes the question for what it is."""
    lab_factory("small")

    async def test() -> None:
        recorder, server = Recorder(), DnsServer({}, port=53)
        await server.start()
        try:
            request = SocketRequest("127.0.0.1", Family.IPV4, Protocol.UDP, 53)
            socket = open_probe_socket(request, recorder)
            for number in range(3):
                socket.send(Probe(1, number, 5))
            responses = await recorder.until_responses(3)
            socket.close()
        finally:
            await server.stop()
        assert {(r.kind, r.reached) for r in responses} == {(Kind.DATAGRAM, True)}
        assert [r.probe.round for r in responses] == [0, 1, 2]
        assert dict(server.queries) == {"localhost": 3}
        assert {question.record for question in server.log} == {"A"}

    run(test())


@pytest.mark.parametrize("port", [53, 123])
def test_size_that_a_question_cannot_have_is_refused(port: int) -> None:
    """Neither is padded: what would be asked then is another question."""

    async def test() -> None:
        request = SocketRequest("127.0.0.1", Family.IPV4, Protocol.UDP, port, packet_size=100)
        with pytest.raises(SocketUnavailable, match="a size of its own"):
            open_probe_socket(request, Recorder())
        await asyncio.sleep(0)

    run(test())
