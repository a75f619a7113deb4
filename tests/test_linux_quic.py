"""QUIC probes in the lab, and against a real server: what is answered, and what is not begun."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aioquic.asyncio.server import QuicServer, serve
from aioquic.quic.configuration import QuicConfiguration

from exporter.errors import AskAgain, SocketUnavailable
from exporter.model import Family, Kind, Probe, Protocol
from exporter.sockets.base import SocketRequest
from exporter.sockets.factory import open_probe_socket
from exporter.trace.plan import Plan
from tests.conftest import LabFactory
from tests.probing import MAIL, ROUTERS, WEB, Recorder, run, trace

LOOPBACK = {Family.IPV4: "127.0.0.1", Family.IPV6: "::1"}
each_family = pytest.mark.parametrize("family", list(Family))


@asynccontextmanager
async def real_server(family: Family, port: int) -> AsyncIterator[tuple[QuicServer, list[Any]]]:
    """A QUIC server on loopback, and the connections that it began."""
    begun: list[Any] = []

    def create(*arguments: Any, **options: Any) -> Any:
        begun.append((arguments, options))
        raise AssertionError("a probe began a connection")

    configuration = QuicConfiguration(is_client=False)
    server = await serve(
        LOOPBACK[family], port, configuration=configuration, create_protocol=create
    )
    try:
        yield server, begun
    finally:
        server.close()


@each_family
@pytest.mark.parametrize("protocol", [Protocol.QUIC, Protocol.UDP])
def test_real_server_answers_and_begins_nothing(family: Family, protocol: Protocol) -> None:
    """Three probes to port 443 of a real server: three answers, and no connection at its side."""

    async def test() -> None:
        recorder = Recorder()
        async with real_server(family, 443) as (server, begun):
            request = SocketRequest(LOOPBACK[family], family, protocol, 443)
            socket = open_probe_socket(request, recorder)
            for ttl in (1, 2, 30):
                socket.send(Probe(1, 0, ttl))
            responses = await recorder.until_responses(3)
            socket.close()
            assert begun == []
            assert server._protocols == {}
        assert [r.probe.ttl for r in responses] == [1, 2, 30]
        assert {r.kind for r in responses} == {Kind.VERSION_NEGOTIATION}
        assert {(r.address, r.reached) for r in responses} == {(LOOPBACK[family], True)}
        assert all(0 < r.rtt < 1 for r in responses)
        assert (recorder.failures, recorder.strangers) == ([], 0)

    run(test())


@each_family
def test_port_of_the_user_s_choice(family: Family) -> None:
    """A server elsewhere than on 443 answers there, and nothing answers on 443."""

    async def test() -> None:
        recorder = Recorder()
        async with real_server(family, 8443):
            for port in (8443, None):
                request = SocketRequest(LOOPBACK[family], family, Protocol.QUIC, port)
                socket = open_probe_socket(request, recorder)
                socket.send(Probe(1, 0 if port else 1, 1))
                await recorder.until_responses(1 if port else 2)
                socket.close()
        kinds = [response.kind for response in recorder.responses]
        assert kinds == [Kind.VERSION_NEGOTIATION, Kind.UNREACHABLE]
        assert all(response.reached for response in recorder.responses)

    run(test())


@each_family
def test_server_at_the_end_of_a_path(lab_factory: LabFactory, family: Family) -> None:
    """Three routers and a server, the last router quoting 8 bytes: every hop of one round shows.

    What nothing tells apart is asked again through a port of its own, in the same round.
    """
    lab = lab_factory("small")
    state = run(trace(WEB[family], family, Protocol.QUIC, Plan(rounds=1)))
    hops = state.hops()
    assert [hop.addresses for hop in hops] == [(each,) for each in (*ROUTERS[family], WEB[family])]
    assert [(hop.sent, hop.lost) for hop in hops] == [(1, 0)] * 4
    assert hops[-1].responses[0].kind is Kind.VERSION_NEGOTIATION
    assert state.stop_reason()[0] == "destination"
    truth = lab.truth()
    assert {record.second for record in truth} == {443}
    assert {record.size for record in truth} == {1228 if family is Family.IPV4 else 1248}
    assert len({record.first for record in truth.only(ttl=1)}) == 1


@each_family
def test_only_the_hop_that_needs_it_leaves_the_flow(
    lab_factory: LabFactory, family: Family
) -> None:
    """Five cycles: from the second on one probe a hop, all of one port but that of the edge."""
    lab = lab_factory("small")
    run(trace(WEB[family], family, Protocol.QUIC, Plan(rounds=1), cycles=5))
    ports = [[record.first for record in lab.truth().only(ttl=ttl)][-4:] for ttl in range(1, 5)]
    assert [len(set(each)) for each in ports] == [1, 1, 1, 1]
    assert ports[0] == ports[1] == ports[3] != ports[2]


@each_family
def test_host_without_a_server_is_reached_too(lab_factory: LabFactory, family: Family) -> None:
    """Nobody listens on 443: port unreachable quotes the probe, and ends the path."""
    lab_factory("small")
    state = run(trace(MAIL[family], family, Protocol.QUIC))
    assert state.stop_reason()[0] == "destination"
    assert state.hops()[-1].addresses == (MAIL[family],)
    assert state.hops()[-1].responses[0].kind is Kind.UNREACHABLE


@each_family
def test_short_quote_gives_back_what_waits(lab_factory: LabFactory, family: Family) -> None:
    """The edge quotes 8 bytes: its probe is handed back once, and answered once sent again."""
    lab_factory("small")

    async def test() -> None:
        recorder = Recorder()
        request = SocketRequest(WEB[family], family, Protocol.QUIC)
        socket = open_probe_socket(request, recorder)
        socket.send(Probe(1, 0, 3))
        await recorder.until(lambda: recorder.strangers == 1)
        ((probe, error),) = recorder.failures
        assert probe == Probe(1, 0, 3)
        assert isinstance(error, AskAgain)
        for number in range(3):
            socket.send(Probe(1, number, 3))
            await recorder.until_responses(number + 1)
        socket.close()
        assert {r.address for r in recorder.responses} == {ROUTERS[family][2]}
        assert (len(recorder.failures), recorder.strangers) == (1, 1)

    run(test())


@each_family
def test_packets_too_small_for_a_server_are_refused(family: Family) -> None:
    """A size that no server answers is a fault of the request, not silence."""

    async def test() -> None:
        with pytest.raises(SocketUnavailable, match=r"at least 12[24]8 bytes"):
            open_probe_socket(
                SocketRequest(LOOPBACK[family], family, Protocol.QUIC, packet_size=1200), Recorder()
            )
        await asyncio.sleep(0)

    run(test())
