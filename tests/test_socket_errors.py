"""What every backend does when this host cannot send, or is asked for more than it can do."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from exporter.errors import ErrorReason, ProbeError, SocketUnavailable
from exporter.model import Family, Probe, Protocol
from exporter.sockets.base import SocketRequest
from exporter.sockets.factory import open_probe_socket, survey
from exporter.sockets.table import candidates
from tests.conftest import LabFactory
from tests.probing import DARK, WEB, Backend, Recorder, each_backend, run


@each_backend
@pytest.mark.parametrize(
    ("route", "reason"),
    [
        ("unreachable", ErrorReason.UNREACHABLE_NETWORK),
        ("prohibit", ErrorReason.PERMISSION),
    ],
)
def test_local_failure_is_an_error_with_a_reason(
    lab_factory: LabFactory, backend: Backend, route: str, reason: ErrorReason
) -> None:
    """The routing table forbids the destination: sending raises, and says why."""
    lab_factory("small")
    _route("add", route, DARK[backend.family])

    async def test() -> None:
        recorder = Recorder()
        socket = backend.open(backend.request(DARK[backend.family]), recorder)
        with pytest.raises(ProbeError) as caught:
            socket.send(Probe(1, 0, 1))
        socket.close()
        assert caught.value.reason is reason
        assert DARK[backend.family] in str(caught.value)

    try:
        run(test())
    finally:
        _route("del", route, DARK[backend.family])


def _route(action: str, kind: str, destination: str) -> None:
    subprocess.run(["ip", "route", action, kind, destination], check=True)


@each_backend
def test_stamps_stay_right_after_failed_sends(lab_factory: LabFactory, backend: Backend) -> None:
    """A send that fails may use up a stamp number; the RTTs of the next ones are right all the
    same, measured by the kernel and not by this process, which sleeps meanwhile."""
    lab = lab_factory("small")

    async def test() -> None:
        recorder = Recorder()
        socket = backend.open(backend.request(WEB[backend.family]), recorder)
        _route("add", "unreachable", WEB[backend.family])
        for _ in range(3):
            with pytest.raises(ProbeError):
                socket.send(Probe(1, 0, 1))
        _route("del", "unreachable", WEB[backend.family])
        socket.send(Probe(1, 1, 1))
        lab.settle()
        responses = await recorder.until_responses(1)
        socket.close()
        assert responses[0].rtt <= lab.truth().records[-1].rtt_bound + 0.002

    run(test())


@each_backend
def test_request_options_are_honoured(lab_factory: LabFactory, backend: Backend) -> None:
    """Packet size, source address, interface and DSCP: the packet on the wire shows the size.

    What the table says that this backend cannot honour is refused instead.
    """
    lab = lab_factory("small")
    source = lab.world.host.ipv4 if backend.family is Family.IPV4 else lab.world.host.ipv6

    async def test() -> None:
        recorder = Recorder()
        wanted = {"source": source, "interface": "lab0", "dscp": 46, "packet_size": 1300}
        honoured = {option: wanted[option] for option in wanted if backend.honours(option)}
        for option in wanted.keys() - honoured.keys():
            with pytest.raises(SocketUnavailable, match=f"cannot honour {option}"):
                backend.open(backend.request(WEB[backend.family], **wanted), recorder)
        socket = backend.open(backend.request(WEB[backend.family], **honoured), recorder)
        socket.send(Probe(1, 0, 4))
        responses = await recorder.until_responses(1)
        socket.close()
        assert responses[0].reached

    run(test())
    if backend.honours("packet_size"):
        assert [record.size for record in lab.truth()] == [1300]


@each_backend
def test_impossible_options_are_refused(lab_factory: LabFactory, backend: Backend) -> None:
    """A source address or an interface that this host does not have."""
    lab_factory("small")
    foreign = "192.0.2.200" if backend.family is Family.IPV4 else "2001:db8::200"

    async def test() -> None:
        for option in ({"source": foreign}, {"interface": "nowhere0"}):
            with pytest.raises(SocketUnavailable):
                backend.open(backend.request(WEB[backend.family], **option), Recorder())

    run(test())


@each_backend
def test_no_descriptor_is_left(lab_factory: LabFactory, backend: Backend) -> None:
    """A thousand sockets opened, used and closed, answers of some still on their way."""
    lab_factory("small")

    async def test() -> None:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(1000):
            socket = backend.open(backend.request(WEB[backend.family]), Recorder())
            socket.send(Probe(1, 0, 1))
            socket.close()
            socket.close()
        assert len(os.listdir("/proc/self/fd")) == before

    run(test())


def test_forbidden_ping_socket_falls_back_to_raw_icmp(lab_factory: LabFactory) -> None:
    """The kernel refuses ping sockets to everybody, but this process has CAP_NET_RAW."""
    lab_factory("small", ping_sockets=False)

    async def test() -> None:
        socket = open_probe_socket(SocketRequest(WEB[Family.IPV4], Family.IPV4), Recorder())
        socket.close()
        assert socket.backend == "raw-icmp"
        refused = {verdict.backend for verdict in survey() if verdict.refused}
        assert refused == {"linux-icmp"}

    run(test())


UNPRIVILEGED = """
import asyncio
from exporter.errors import SocketUnavailable
from exporter.model import Family, Protocol
from exporter.sockets.base import SocketRequest
from exporter.sockets.factory import open_probe_socket, survey
from tests.probing import WEB, Recorder

async def test():
    for family in Family:
        socket = open_probe_socket(SocketRequest(WEB[family], family), Recorder())
        print(socket.backend)
        try:
            open_probe_socket(SocketRequest(WEB[family], family, Protocol.ICMP), Recorder())
        except SocketUnavailable as error:
            print(error.reason, error, error.remedy, sep="|")
    print(*sorted({verdict.backend for verdict in survey() if verdict.refused}))

asyncio.run(test())
"""


def test_without_privilege_and_ping_sockets_udp_is_left(lab_factory: LabFactory) -> None:
    """A process without any capability: `auto` takes UDP; ICMP is refused in words, with a remedy

    for each of its two ways.
    """
    done = lab_factory("small", ping_sockets=False).run([sys.executable, "-c", UNPRIVILEGED])
    lines = done.stdout.splitlines()
    assert [lines[0], lines[2], lines[4]] == ["linux-udp", "linux-udp", "linux-icmp raw-icmp"]
    for refusal in (lines[1], lines[3]):
        reason, words, remedy = refusal.split("|")
        assert reason == ErrorReason.PERMISSION
        assert "linux-icmp: the kernel refuses ping sockets" in words
        assert "raw-icmp: the kernel refuses raw sockets" in words
        assert remedy.index("ping_group_range") < remedy.index("CAP_NET_RAW")


def test_permitted_ping_socket_is_first_choice(lab_factory: LabFactory) -> None:
    """`auto` takes ICMP where it may, since every host answers an echo the same way."""
    lab_factory("small")

    async def test() -> None:
        socket = open_probe_socket(SocketRequest(WEB[Family.IPV4], Family.IPV4), Recorder())
        socket.close()
        assert socket.backend == "linux-icmp"
        assert all(verdict.refused is None for verdict in survey())

    run(test())


def test_protocol_without_a_backend(lab_factory: LabFactory) -> None:
    """A platform that nobody serves is refused in words."""
    assert candidates(Protocol.ICMP, platform="plan9") == ()
