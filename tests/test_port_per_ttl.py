"""One flow, and which TTLs leave it: by routers that begin to quote little, and by strangers."""

from __future__ import annotations

import asyncio
import os
import resource
import socket as sockets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from ipaddress import ip_address

import pytest

from exporter.errors import AskAgain, ErrorReason, ProbeError, SocketUnavailable
from exporter.model import Family, Probe, Protocol, Response
from exporter.sockets.base import ProbeSocket, SocketRequest
from exporter.sockets.factory import open_probe_socket
from tests.conftest import LabFactory
from tests.lab.lab import Lab
from tests.lab.packets import udp_packet
from tests.probing import DARK, ROUTERS, WEB, Recorder, run

LOCAL_PORT = 23_456
STRANGER = {Family.IPV4: "198.18.0.1", Family.IPV6: "2001:db8:999::1"}
each_family = pytest.mark.parametrize("family", list(Family))


class Asker(Recorder):
    """A listener that sends again what is given back, as a tracer does."""

    def __init__(self) -> None:
        super().__init__()
        self.socket: ProbeSocket | None = None
        self.again: list[int] = []

    def failed(self, probe: Probe, error: ProbeError) -> None:
        """See `Listener`."""
        assert isinstance(error, AskAgain)
        self.again.append(probe.ttl)
        assert self.socket is not None
        self.socket.send(probe)

    async def round(self, number: int, ttls: range) -> list[Response]:
        """Ask all TTLs and wait for all answers; each comes once, also where it was asked twice."""
        assert self.socket is not None
        self.again.clear()
        for ttl in ttls:
            self.socket.send(Probe(1, number, ttl))
        await self.until(lambda: {r.probe.ttl for r in self._of(number)} == set(ttls))
        assert len(self._of(number)) == len(ttls)
        return self._of(number)

    def _of(self, number: int) -> list[Response]:
        return [response for response in self.responses if response.probe.round == number]


@contextmanager
def asking(
    family: Family, port: int = 443, payload: bytes | None = None, local_port: int = LOCAL_PORT
) -> Iterator[Asker]:
    """An asker with a socket of its own to the target."""
    asker = Asker()
    request = SocketRequest(
        WEB[family], family, Protocol.UDP, port, local_port=local_port, payload=payload
    )
    with closing(open_probe_socket(request, asker)) as asker.socket:
        yield asker


def ports(lab: Lab, ttls: range) -> list[int]:
    """The local port of the latest probe of each TTL, as its distance from ours."""
    truth = lab.truth()
    return [truth.only(ttl=ttl).records[-1].first - LOCAL_PORT for ttl in ttls]


@each_family
def test_ttl_leaves_the_flow_while_its_router_quotes_little(
    lab_factory: LabFactory, family: Family
) -> None:
    """Long quotes, then 8 bytes, then long ones again: no answer is lost at any time, and the hop
    is back in the flow one round after it can be.
    """
    lab = lab_factory("small")
    lab.set_hop("edge", quote="full")
    ttls = range(1, 5)

    async def test() -> None:
        with asking(family) as heard:
            await heard.round(0, ttls)
            assert (heard.again, ports(lab, ttls)) == ([], [0, 0, 0, 0])
            lab.set_hop("core1", quote=8)
            responses = await heard.round(1, ttls)
            assert 2 in heard.again
            assert {r.address for r in responses if r.probe.ttl == 2} == {ROUTERS[family][1]}
            await heard.round(2, ttls)
            assert (heard.again, ports(lab, ttls)) == ([], [0, 2, 0, 0])
            lab.set_hop("core1", quote="full")
            await heard.round(3, ttls)
            await heard.round(4, ttls)
            assert (heard.again, ports(lab, ttls)) == ([], [0, 0, 0, 0])

    run(test())


@each_family
def test_forged_short_quote_costs_a_probe_and_heals(
    lab_factory: LabFactory, family: Family
) -> None:
    """A stranger who guessed our ports sends an error with 8 quoted bytes, while one probe waits:
    that one is asked again and answered twice, which counts once; no hop gets a wrong address,
    and the next round but one is one flow again.
    """
    lab = lab_factory("small")
    lab.set_hop("edge", quote="full")
    lab.set_hop("gw", slow="300ms")

    async def test() -> None:
        with asking(family) as heard:
            assert heard.socket is not None
            heard.socket.send(Probe(1, 0, 1))
            lab.ping()
            kind = 11 if family is Family.IPV4 else 3
            lab.forge(STRANGER[family], kind, 0, quote=_short_quote(lab, family).hex())
            await heard.until(lambda: heard.strangers == 2)
            assert heard.again == [1]
            assert [r.address for r in heard.responses] == [ROUTERS[family][0]]
            lab.set_hop("gw", slow="0ms")
            await heard.round(1, range(1, 5))
            await heard.round(2, range(1, 5))
            assert ports(lab, range(1, 5)) == [0, 0, 0, 0]

    run(test())


def _short_quote(lab: Lab, family: Family) -> bytes:
    """What a router that quotes 8 bytes says of a probe of the one flow."""
    host = lab.world.host.ipv4 if family is Family.IPV4 else lab.world.host.ipv6
    ends = ip_address(str(host)).packed, ip_address(WEB[family]).packed
    return udp_packet(*ends, (LOCAL_PORT, 443), 1, bytes(1200))[: 28 if len(ends[0]) == 4 else 48]


def test_each_ttl_costs_one_descriptor(lab_factory: LabFactory) -> None:
    """Thirty TTLs of a payload that tells nothing: thirty sockets and the first, until closed."""
    lab_factory("small")

    async def test() -> None:
        before = len(os.listdir("/proc/self/fd"))
        with asking(Family.IPV4, 9, b"x") as heard:
            for number in range(3):
                await heard.round(number, range(1, 31))
            assert len(os.listdir("/proc/self/fd")) == before + 31
            assert heard.socket is not None
            heard.socket.close()
            heard.socket.close()
            assert len(os.listdir("/proc/self/fd")) == before

    run(test())


def test_socket_that_cannot_be_had_is_a_local_failure(lab_factory: LabFactory) -> None:
    """No descriptor is left for a TTL: sending says why, so that it never counts as loss."""
    lab_factory("small")

    async def test() -> None:
        with asking(Family.IPV4, 9, b"x") as heard:
            assert heard.socket is not None
            most, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            lowest_free = os.open("/dev/null", os.O_RDONLY)
            os.close(lowest_free)
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
            try:
                with pytest.raises(SocketUnavailable, match="Too many open files") as caught:
                    heard.socket.send(Probe(1, 0, 1))
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            assert caught.value.reason is ErrorReason.SOCKET
            await heard.round(1, range(1, 3))

    run(test())


def test_taken_or_impossible_ports_are_left_to_the_kernel(lab_factory: LabFactory) -> None:
    """Somebody has the port of a TTL, and another would be beyond the last one: they answer too."""
    lab = lab_factory("small")

    async def test() -> None:
        with sockets.socket(sockets.AF_INET, sockets.SOCK_DGRAM) as taken:
            taken.bind(("0.0.0.0", LOCAL_PORT + 1))
            with asking(Family.IPV4, 9, b"x") as heard:
                await heard.round(0, range(1, 3))
        with asking(Family.IPV4, 9, b"x", local_port=65_534) as heard:
            await heard.round(1, range(1, 4))

    run(test())
    found = [record.first for record in lab.truth()]
    assert found[0] not in (LOCAL_PORT, LOCAL_PORT + 1)
    assert found[1] == LOCAL_PORT + 2
    assert found[2] == 65_535
    assert len(set(found)) == 5


@each_family
def test_listener_may_close_when_a_probe_is_given_back(
    lab_factory: LabFactory, family: Family
) -> None:
    """The target is gone the moment the first of three probes comes back: nothing more is told."""
    lab = lab_factory("small")
    lab.set_target("dark", path=["gw", "core1", "a", "edge", "b"])
    lab.set_hop("gw", slow="300ms")

    async def test() -> None:
        recorder = Recorder()
        socket = open_probe_socket(SocketRequest(DARK[family], family, Protocol.QUIC), recorder)
        told: list[Probe] = []
        closed = asyncio.Event()

        def close(probe: Probe, error: ProbeError) -> None:
            told.append(probe)
            socket.close()
            closed.set()

        recorder.failed = close  # type: ignore[method-assign]  # a listener that ends it all
        for ttl in (4, 5, 1):
            socket.send(Probe(1, 0, ttl))
        async with asyncio.timeout(10):
            await closed.wait()
        lab.settle()
        await asyncio.sleep(0)
        assert (len(told), recorder.strangers, recorder.responses) == (1, 0, [])

    run(test())
