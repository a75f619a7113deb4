"""What every backend must do, on real packets in the lab, whatever its protocol and family."""

from __future__ import annotations

import os
import struct
import subprocess
from itertools import product

import pytest

from exporter.errors import ErrorReason, ProbeError, SocketUnavailable
from exporter.extensions import mpls_stack
from exporter.model import Family, Kind, MplsEntry, Probe, Protocol
from exporter.sockets.base import SocketRequest
from exporter.sockets.factory import candidates, open_probe_socket, survey
from tests.conftest import LabFactory
from tests.probing import DARK, MAIL, WEB, Recorder, run

BACKENDS = [
    pytest.param(candidate.protocol, family, id=f"{candidate.backend}-{family}")
    for candidate, family in product(candidates(Protocol.AUTO), Family)
]
each_backend = pytest.mark.parametrize(("protocol", "family"), BACKENDS)

ROUTERS = {
    Family.IPV4: ("198.51.100.1", "203.0.113.1", "192.0.2.254"),
    Family.IPV6: ("2001:db8:100::1", "2001:db8:200::1", "2001:db8:300::254"),
}


@each_backend
def test_each_ttl_is_answered_by_its_hop(
    lab_factory: LabFactory, protocol: Protocol, family: Family
) -> None:
    """Four probes, three routers, the destination: addresses, kinds, TTLs, RTTs and MPLS labels."""
    lab = lab_factory("small")

    async def test() -> None:
        recorder = Recorder()
        socket = open_probe_socket(SocketRequest(WEB[family], family, protocol), recorder)
        for ttl in range(1, 5):
            socket.send(Probe(1, 0, ttl))
        responses = await recorder.until_responses(4)
        socket.close()
        assert socket.protocol is protocol
        assert [r.address for r in responses] == [*ROUTERS[family], WEB[family]]
        assert [r.kind for r in responses[:3]] == [Kind.TIME_EXCEEDED] * 3
        assert [r.reached for r in responses] == [False, False, False, True]
        assert [r.reply_ttl for r in responses] == [64, 254, 62, 61]
        assert mpls_stack(responses[1].extensions) == (MplsEntry(24017, 0, True, 1),)
        truth = lab.truth()
        for response in responses:
            record = truth.only(ttl=response.probe.ttl).records[0]
            assert record.rtt - 1e-6 <= response.rtt <= record.rtt_bound + 0.002

    run(test())


@each_backend
def test_many_probes_in_flight_are_all_answered(
    lab_factory: LabFactory, protocol: Protocol, family: Family
) -> None:
    """256 probes leave before one answer is looked at: queued errors eat no send, no answer is
    lost to the buffer, and each finds its own probe, though jitter shuffles them."""
    lab = lab_factory("small")
    lab.set_hop("gw", jitter="5ms")
    lab.set_hop("edge", quote="full")

    async def test() -> None:
        recorder = Recorder()
        socket = open_probe_socket(SocketRequest(MAIL[family], family, protocol), recorder)
        probes = [Probe(1, number, ttl) for number in range(64) for ttl in range(1, 5)]
        for probe in probes:
            socket.send(probe)
        responses = await recorder.until_responses(len(probes))
        socket.close()
        assert [r.probe for r in responses] == sorted(probes)
        assert {r.address for r in responses if r.probe.ttl == 1} == {ROUTERS[family][0]}
        assert recorder.strangers == 0

    run(test())


@each_backend
def test_sends_while_answers_pour_in(
    lab_factory: LabFactory, protocol: Protocol, family: Family
) -> None:
    """A thousand probes in bursts: every burst meets the pending errors of the one before."""
    lab = lab_factory("small")
    lab.set_hop("gw", delay="0ms")
    lab.set_hop("edge", quote="full")

    async def test() -> None:
        recorder = Recorder()
        socket = open_probe_socket(SocketRequest(WEB[family], family, protocol), recorder)
        for number in range(250):
            for ttl in range(1, 5):
                socket.send(Probe(1, number, ttl))
            await recorder.until_responses(4 * number)
        await recorder.until_responses(1000)
        socket.close()

    run(test())
    assert lab.truth().sent == 1000


@each_backend
def test_answer_of_an_earlier_trace_is_known_as_such(
    lab_factory: LabFactory, protocol: Protocol, family: Family
) -> None:
    """A slow answer arrives during the next trace: it names its own trace, not the new one's."""
    lab = lab_factory("small")
    lab.set_hop("edge", slow="200ms")

    async def test() -> None:
        recorder = Recorder()
        socket = open_probe_socket(SocketRequest(WEB[family], family, protocol), recorder)
        socket.send(Probe(1, 0, 3))
        socket.send(Probe(2, 0, 1))
        responses = await recorder.until_responses(2)
        socket.close()
        assert [r.probe for r in responses] == [Probe(1, 0, 3), Probe(2, 0, 1)]
        assert responses[0].rtt > 0.2

    run(test())


@each_backend
def test_duplicates_are_strangers(
    lab_factory: LabFactory, protocol: Protocol, family: Family
) -> None:
    """Every answer of a hop comes three times: one counts, two are told as unmatched."""
    lab = lab_factory("small")
    lab.set_hop("core1", duplicate=2)

    async def test() -> None:
        recorder = Recorder()
        socket = open_probe_socket(SocketRequest(WEB[family], family, protocol), recorder)
        for number in range(10):
            socket.send(Probe(1, number, 2))
            await recorder.until_responses(number + 1)
        await recorder.until(lambda: recorder.strangers == 20)
        socket.close()
        assert len(recorder.responses) == 10

    run(test())


@each_backend
def test_forged_errors_do_not_count(
    lab_factory: LabFactory, protocol: Protocol, family: Family
) -> None:
    """Errors that quote a packet which we never sent, or one to somebody else, change nothing."""
    lab = lab_factory("small")

    async def test() -> None:
        recorder = Recorder()
        socket = open_probe_socket(SocketRequest(DARK[family], family, protocol), recorder)
        socket.send(Probe(1, 0, 7))
        lab.ping()
        quote = _quote_with_other_payload(lab.truth().records[-1].size, family)
        lab.forge(ROUTERS[family][0], 11 if family is Family.IPV4 else 3, 0, quote=quote)
        socket.send(Probe(1, 1, 1))
        await recorder.until_responses(1)
        socket.close()
        assert [r.probe for r in recorder.responses] == [Probe(1, 1, 1)]

    run(test())


def _quote_with_other_payload(size: int, family: Family) -> str:
    """A packet to somebody else, with nothing of ours in it."""
    if family is Family.IPV4:
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, size, 1, 0, 1, 17, 0, b"\1" * 4, b"\2" * 4)
    else:
        header = struct.pack("!IHBB16s16s", 6 << 28, size, 17, 1, b"\1" * 16, b"\2" * 16)
    return (header + bytes(64)).hex()


@each_backend
def test_two_sockets_to_one_destination_keep_apart(
    lab_factory: LabFactory, protocol: Protocol, family: Family
) -> None:
    """Each gets the answers to its own probes, with the same numbers and at the same time."""
    lab_factory("small")

    async def test() -> None:
        recorders = [Recorder(), Recorder()]
        request = SocketRequest(WEB[family], family, protocol)
        sockets = [open_probe_socket(request, recorder) for recorder in recorders]
        for ttl in range(1, 5):
            for socket in sockets:
                socket.send(Probe(1, 0, ttl))
        for recorder, socket in zip(recorders, sockets, strict=True):
            responses = await recorder.until_responses(4)
            assert [r.probe.ttl for r in responses] == [1, 2, 3, 4]
            assert recorder.strangers == 0
            socket.close()

    run(test())


@each_backend
@pytest.mark.parametrize(
    ("route", "reason"),
    [
        ("unreachable", ErrorReason.UNREACHABLE_NETWORK),
        ("prohibit", ErrorReason.PERMISSION),
    ],
)
def test_local_failure_is_an_error_with_a_reason(
    lab_factory: LabFactory, protocol: Protocol, family: Family, route: str, reason: ErrorReason
) -> None:
    """The routing table forbids the destination: sending raises, and says why."""
    lab_factory("small")
    _route("add", route, DARK[family])

    async def test() -> None:
        recorder = Recorder()
        socket = open_probe_socket(SocketRequest(DARK[family], family, protocol), recorder)
        with pytest.raises(ProbeError) as caught:
            socket.send(Probe(1, 0, 1))
        socket.close()
        assert caught.value.reason is reason
        assert DARK[family] in str(caught.value)

    try:
        run(test())
    finally:
        _route("del", route, DARK[family])


def _route(action: str, kind: str, destination: str) -> None:
    subprocess.run(["ip", "route", action, kind, destination], check=True)


@each_backend
def test_stamps_stay_right_after_failed_sends(
    lab_factory: LabFactory, protocol: Protocol, family: Family
) -> None:
    """A send that fails may use up a stamp number; the RTTs of the next ones are right all the
    same, measured by the kernel and not by this process, which sleeps meanwhile."""
    lab = lab_factory("small")

    async def test() -> None:
        recorder = Recorder()
        socket = open_probe_socket(SocketRequest(WEB[family], family, protocol), recorder)
        _route("add", "unreachable", WEB[family])
        for _ in range(3):
            with pytest.raises(ProbeError):
                socket.send(Probe(1, 0, 1))
        _route("del", "unreachable", WEB[family])
        socket.send(Probe(1, 1, 1))
        lab.settle()
        responses = await recorder.until_responses(1)
        socket.close()
        assert responses[0].rtt <= lab.truth().records[-1].rtt_bound + 0.002

    run(test())


@each_backend
def test_request_options_are_honoured(
    lab_factory: LabFactory, protocol: Protocol, family: Family
) -> None:
    """Packet size, source address, interface and DSCP: the packet on the wire shows the size."""
    lab = lab_factory("small")
    source = lab.world.host.ipv4 if family is Family.IPV4 else lab.world.host.ipv6

    async def test() -> None:
        recorder = Recorder()
        request = SocketRequest(
            WEB[family],
            family,
            protocol,
            source=source,
            interface="lab0",
            dscp=46,
            packet_size=600,
        )
        socket = open_probe_socket(request, recorder)
        socket.send(Probe(1, 0, 4))
        responses = await recorder.until_responses(1)
        socket.close()
        assert responses[0].reached

    run(test())
    assert [record.size for record in lab.truth()] == [600]


@each_backend
def test_impossible_options_are_refused(
    lab_factory: LabFactory, protocol: Protocol, family: Family
) -> None:
    """A source address or an interface that this host does not have."""
    lab_factory("small")
    foreign = "192.0.2.200" if family is Family.IPV4 else "2001:db8::200"

    async def test() -> None:
        for request in (
            SocketRequest(WEB[family], family, protocol, source=foreign),
            SocketRequest(WEB[family], family, protocol, interface="nowhere0"),
        ):
            with pytest.raises(SocketUnavailable):
                open_probe_socket(request, Recorder())

    run(test())


@each_backend
def test_no_descriptor_is_left(lab_factory: LabFactory, protocol: Protocol, family: Family) -> None:
    """A thousand sockets opened, used and closed, answers of some still on their way."""
    lab_factory("small")

    async def test() -> None:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(1000):
            socket = open_probe_socket(SocketRequest(WEB[family], family, protocol), Recorder())
            socket.send(Probe(1, 0, 1))
            socket.close()
            socket.close()
        assert len(os.listdir("/proc/self/fd")) == before

    run(test())


def test_forbidden_ping_socket_falls_back_to_udp(lab_factory: LabFactory) -> None:
    """`auto` takes UDP where the kernel refuses ping sockets, and the survey says why."""
    lab_factory("small", ping_sockets=False)

    async def test() -> None:
        socket = open_probe_socket(SocketRequest(WEB[Family.IPV4], Family.IPV4), Recorder())
        socket.close()
        assert socket.backend == "linux-udp"
        request = SocketRequest(WEB[Family.IPV4], Family.IPV4, Protocol.ICMP)
        with pytest.raises(SocketUnavailable) as caught:
            open_probe_socket(request, Recorder())
        assert caught.value.reason is ErrorReason.PERMISSION
        assert "ping_group_range" in caught.value.remedy
        refused = {verdict.backend for verdict in survey() if verdict.refused}
        assert refused == {"linux-icmp"}

    run(test())


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
    assert candidates(Protocol.ICMP, "plan9") == ()
