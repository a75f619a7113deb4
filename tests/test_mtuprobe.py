"""The path MTU measured on real packets in the lab, by every backend and in both families."""

from __future__ import annotations

import fcntl
import socket as sockets
import struct
import sys
from collections.abc import Callable

import pytest

from exporter.errors import ErrorReason, TooBig
from exporter.model import Family, Probe, Protocol
from exporter.trace.flowset import Wiring
from exporter.trace.mtu import LARGEST, PathMtu
from exporter.trace.mtuprobe import MtuProber
from exporter.trace.pacer import Pacer
from exporter.trace.tracer import ResponseCounts
from tests.conftest import LabFactory
from tests.lab.lab import Lab
from tests.probing import Backend, Recorder, backends_that_honour, preferred, run

PLAIN = {Family.IPV4: "192.0.2.1", Family.IPV6: "2001:db8:300::1"}
TUNNELLED = {Family.IPV4: "192.0.2.2", Family.IPV6: "2001:db8:300::2"}
HIDDEN = {Family.IPV4: "192.0.2.3", Family.IPV6: "2001:db8:300::3"}
TUNNEL = {Family.IPV4: "203.0.113.1", Family.IPV6: "2001:db8:200::1"}
LINK = PathMtu(1500, local=True)
RTT = 0.005


def measuring(destination: str, backend: Backend, interval: float = 60.0) -> MtuProber:
    """A prober of one destination, with little patience: the lab is fast and limits nobody."""
    wiring = Wiring(backend.open, Pacer(10_000), ResponseCounts(), lambda response: None)
    prober = MtuProber(
        "lab", backend.request(destination), wiring, timeout=1.0, interval=interval, pause=0.0
    )
    prober._patience = 0.04
    return prober


def cycles(
    prober: Callable[[], MtuProber], *steps: Callable[[], None], ttl: int = 4
) -> list[PathMtu | None]:
    """Measure once, then again after each step."""

    async def test() -> list[PathMtu | None]:
        mtu = prober()
        found = [await mtu.measure(ttl, RTT)]
        for step in steps:
            step()
            found.append(await mtu.measure(ttl, RTT))
        return found

    return run(test())


def nothing() -> None:
    """No change between two cycles."""


@backends_that_honour("mtu")
def test_free_path_takes_what_the_first_link_takes(
    lab_factory: LabFactory, backend: Backend
) -> None:
    """The kernel refuses more than 1500, which costs no packet: one probe in each cycle."""
    lab = lab_factory("mtu")
    found = cycles(lambda: measuring(PLAIN[backend.family], backend), nothing, ttl=3)
    assert found == [LINK, LINK]
    assert [record.size for record in lab.truth().records] == [1500, 1500]


@backends_that_honour("mtu")
def test_router_that_says_what_fits_is_named(lab_factory: LabFactory, backend: Backend) -> None:
    """Its "too big" gives the MTU at once: two probes for the first answer, then one a cycle."""
    lab = lab_factory("mtu")
    found = cycles(lambda: measuring(TUNNELLED[backend.family], backend), nothing)
    assert found == [PathMtu(1400, limited_by=TUNNEL[backend.family])] * 2
    assert [record.size for record in lab.truth().records] == [1500, 1400, 1400]


@backends_that_honour("mtu")
def test_router_that_drops_without_a_word_is_found_out(
    lab_factory: LabFactory, backend: Backend
) -> None:
    """A black hole: 1400 pass, 1401 vanish, though small packets are answered meanwhile."""
    lab = lab_factory("mtu")
    found = cycles(lambda: measuring(HIDDEN[backend.family], backend), nothing)
    assert found == [PathMtu(1400, black_hole=True)] * 2
    assert lab.truth().sent <= 45
    assert lab.truth().records[-1].size == 1400


def sets(lab: Lab, name: str, mtu: int | None) -> Callable[[], None]:
    """A step: the hop's link gets this MTU."""
    return lambda: lab.set_hop(name, mtu=mtu)


@backends_that_honour("mtu")
def test_change_is_followed(lab_factory: LabFactory, backend: Backend) -> None:
    """A smaller MTU shows in the next cycle, a larger one as soon as growth is looked for."""
    lab = lab_factory("mtu")
    found = cycles(
        lambda: measuring(TUNNELLED[backend.family], backend, interval=300.0),
        sets(lab, "tunnel", 1330),
        sets(lab, "tunnel", 1450),
        nothing,
    )
    sizes = [mtu.size for mtu in found if mtu is not None]
    assert sizes == [1400, 1330, 1330, 1450]


@backends_that_honour("mtu")
def test_black_hole_that_opens_and_closes_is_followed(
    lab_factory: LabFactory, backend: Backend
) -> None:
    """What passed vanishes from one cycle to the next; later it passes again."""
    lab = lab_factory("mtu")
    lab.set_hop("hole", mtu=None)
    found = cycles(
        lambda: measuring(HIDDEN[backend.family], backend, interval=300.0),
        sets(lab, "hole", 1390),
        sets(lab, "hole", None),
        nothing,
    )
    hole = PathMtu(1390, black_hole=True)
    assert found == [LINK, hole, hole, LINK]


@pytest.mark.parametrize("family", list(Family))
def test_loss_is_no_change(lab_factory: LabFactory, family: Family) -> None:
    """One packet in ten is lost, large or small, for 200 cycles: the MTU stays what it is."""
    lab = lab_factory("mtu")
    lab.set_hop("gw", forward_loss=0.1)
    backend = preferred(Protocol.ICMP, family)
    found = cycles(lambda: measuring(TUNNELLED[family], backend), *[nothing] * 200)
    assert set(found) == {PathMtu(1400, limited_by=TUNNEL[family])}
    assert len(lab.truth().only(fate="dropped")) > 10


def link_mtu(size: int) -> None:
    """Change the MTU of the host's own link, as ip-link(8) does."""
    with sockets.socket(sockets.AF_INET, sockets.SOCK_DGRAM) as control:
        fcntl.ioctl(control, 0x8922, struct.pack("16si", b"lab0", size).ljust(40, b"\0"))


@backends_that_honour("mtu")
def test_own_link_is_known_as_such(lab_factory: LabFactory, backend: Backend) -> None:
    """The host's link shrinks to 1300 and grows again: local, no router's doing, never loss."""
    lab_factory("mtu")
    found = cycles(
        lambda: measuring(PLAIN[backend.family], backend, interval=300.0),
        lambda: link_mtu(1300),
        lambda: link_mtu(1500),
        nothing,
        ttl=3,
    )
    small = PathMtu(1300, local=True)
    assert found == [LINK, small, small, LINK]


@backends_that_honour("mtu")
def test_loopback_takes_all_that_is_tried(lab_factory: LabFactory, backend: Backend) -> None:
    """Nothing limits it, and the whole of a jumbo packet is received again."""
    lab_factory("mtu")
    loopback = "127.0.0.1" if backend.family is Family.IPV4 else "::1"
    assert cycles(lambda: measuring(loopback, backend), ttl=1) == [PathMtu(LARGEST)]


@backends_that_honour("mtu")
def test_socket_tells_who_cannot_forward_and_what_would_fit(
    lab_factory: LabFactory, backend: Backend
) -> None:
    """1500 stop at the tunnel, with its MTU; 1501 do not leave, with the link's; the rest does."""
    lab_factory("mtu")

    async def test() -> None:
        recorder = Recorder()
        request = backend.request(TUNNELLED[backend.family], dont_fragment=True)
        socket = backend.open(request, recorder)
        socket.send(Probe(1, 0, 4, size=1500))
        with pytest.raises(TooBig, match="too long") as caught:
            socket.send(Probe(1, 1, 4, size=1501))
        assert caught.value.mtu == (None if backend.foreign else 1500)
        assert caught.value.reason is ErrorReason.SEND
        socket.send(Probe(1, 2, 4))
        stopped, answered = await recorder.until_responses(2)
        socket.close()
        assert (stopped.address, stopped.mtu, stopped.reached) == (
            TUNNEL[backend.family],
            1400,
            False,
        )
        assert (answered.probe.round, answered.mtu, answered.reached) == (2, None, True)
        assert (recorder.failures, recorder.strangers) == ([], 0)

    run(test())


@backends_that_honour("packet_size")
def test_ordinary_probes_may_be_as_large_as_the_configuration_allows(
    lab_factory: LabFactory, backend: Backend
) -> None:
    """9,000 bytes over loopback, without `dont_fragment`: the answer is received whole."""
    lab_factory("mtu")
    loopback = "127.0.0.1" if backend.family is Family.IPV4 else "::1"

    async def test() -> None:
        recorder = Recorder()
        request = backend.request(loopback, packet_size=9000)
        socket = backend.open(request, recorder)
        socket.send(Probe(1, 0, 1))
        (response,) = await recorder.until_responses(1)
        socket.close()
        assert response.reached

    run(test())


UNPRIVILEGED = """
from exporter.model import Family, Protocol
from tests import test_mtuprobe as tests
from tests.probing import preferred
assert "CapEff:\t0000000000000000" in open("/proc/self/status").read()
for protocol in (Protocol.ICMP, Protocol.UDP):
    for family in Family:
        backend = preferred(protocol, family)
        prober = lambda: tests.measuring(tests.TUNNELLED[family], backend)
        print(protocol, family, *(mtu.size for mtu in tests.cycles(prober)))
"""


def test_no_privilege_is_needed(lab_factory: LabFactory) -> None:
    """A process without any capability finds the same."""
    done = lab_factory("mtu").run([sys.executable, "-c", UNPRIVILEGED])
    assert done.stdout.splitlines() == [
        f"{protocol} {family} 1400"
        for protocol in (Protocol.ICMP, Protocol.UDP)
        for family in Family
    ], done.stderr
