"""Faults in the lab: what goes wrong in a network goes wrong here as described, and no more."""

from __future__ import annotations

import socket
from collections import Counter

import pytest

from tests.conftest import LabFactory
from tests.lab import packets
from tests.lab.lab import Lab
from tests.lab.prober import FAMILIES, Prober
from tests.lab.small import DARK, EXCEEDED, MAIL, UNREACHABLE, WAY, WEB, ask

both = pytest.mark.parametrize("version", [4, 6])
probes = pytest.mark.parametrize("icmp", [False, True], ids=["udp", "icmp"])


@both
def test_losses_follow_their_pattern_and_their_share(lab_factory: LabFactory, version: int) -> None:
    """A pattern lost exactly what it says, a share about what it says; the log knew which."""
    lab = lab_factory("small")
    lab.set_hop("gw", loss=[0, 1, 1])
    lab.set_hop("edge", loss="25%")
    with Prober(WEB[version]) as prober:
        for sequence in range(9):
            prober.send(1, sequence=sequence)
        lab.settle()
        assert len(prober.drain()) == 3
        for _ in range(200):
            prober.send(3)
        lab.settle()
        received = len(prober.drain())
    truth = lab.truth()
    assert [each.fate == "lost" for each in truth.only(ttl=1)].count(True) == 6
    assert received == len(truth.only(ttl=3).answered)
    assert 0.15 < truth.only(ttl=3).lost / 200 < 0.35


@both
def test_a_rate_limit_is_a_bucket(lab_factory: LabFactory, version: int) -> None:
    """Of a burst, as many answers came as the bucket held."""
    lab = lab_factory("small")
    lab.set_hop("gw", rate_limit="0.1/s burst 4")
    with Prober(WEB[version]) as prober:
        for _ in range(10):
            prober.send(1)
        lab.settle()
        assert len(prober.drain()) == 4
    fates = Counter(each.fate for each in lab.truth())
    assert fates == {"answered": 4, "rate_limited": 6}


@both
@probes
def test_silence_is_silence(lab_factory: LabFactory, version: int, icmp: bool) -> None:
    """A silent router and a silent host sent nothing, and neither did the kernel for them."""
    lab = lab_factory("small")
    lab.set_hop("gw", silent=True)
    with Prober(DARK[version], icmp=icmp) as prober:
        prober.send(1)
        prober.send(3)
        prober.send(2)
        lab.settle()
        assert [each.address for each in prober.drain()] == [WAY[version][1]]
    assert Counter(each.fate for each in lab.truth()) == {"silent": 2, "answered": 1}


@both
def test_nothing_answers_for_an_address_that_no_target_has(
    lab_factory: LabFactory, version: int
) -> None:
    """A stranger's address swallowed UDP, echo requests and connections."""
    lab = lab_factory("small")
    stranger = "203.0.113.99" if version == 4 else "2001:db8:dead::1"
    with Prober(stranger) as one, Prober(stranger, icmp=True) as two:
        one.send(9)
        two.send(9)
        lab.settle()
        assert one.drain() == two.drain() == []
    assert [each.fate for each in lab.truth()] == ["unknown", "unknown"]


@both
@pytest.mark.parametrize(
    ("code", "expected"),
    [("net", (0, 0)), ("host", (1, 3)), ("admin", (13, 1)), ("reject", (10, 6)), (9, (9, 9))],
)
def test_an_unreachable_comes_from_the_router_with_its_code(
    lab_factory: LabFactory, version: int, code: str | int, expected: tuple[int, int]
) -> None:
    """What was to go beyond the core was refused there; what ended there was not."""
    lab = lab_factory("small")
    lab.set_hop("core1", unreachable=code)
    with Prober(WEB[version]) as prober:
        within, beyond = ask(prober, 2), ask(prober, 3)
    assert (within.address, within.kind) == (WAY[version][1], EXCEEDED[version])
    assert (beyond.address, beyond.kind) == (WAY[version][1], UNREACHABLE[version])
    assert beyond.code == expected[version == 6]
    assert lab.truth().only(ttl=3).records[0].kind == "unreachable"


@both
def test_one_target_alone_may_be_unreachable(lab_factory: LabFactory, version: int) -> None:
    """The last router refused one target and forwarded to the other."""
    lab = lab_factory("small")
    lab.set_target("web", unreachable="host")
    with Prober(WEB[version]) as refused, Prober(MAIL[version]) as fine:
        seen = ask(refused, 4)
        assert (seen.address, seen.code) == (WAY[version][2], (1, 3)[version == 6])
        assert ask(fine, 5).address == MAIL[version]


@both
@probes
def test_a_small_mtu_is_reported_by_its_router(
    lab_factory: LabFactory, version: int, icmp: bool
) -> None:
    """A packet too large for the core's next link came back with that link's MTU."""
    lab = lab_factory("small")
    lab.set_hop("core1", mtu=1400)
    with Prober(WEB[version], icmp=icmp) as prober:
        header = 28 if version == 4 else 48
        large = ask(prober, 9, bytes(1401 - header))
        fitting = ask(prober, 9, bytes(1400 - header))
    assert (large.address, large.info) == (WAY[version][1], 1400)
    assert (large.kind, large.code) == ((3, 4) if version == 4 else (2, 0))
    assert fitting.address == WEB[version]
    assert Counter(each.kind for each in lab.truth())["too_big"] == 1


@both
def test_a_loop_goes_round_until_the_ttl_ends(lab_factory: LabFactory, version: int) -> None:
    """The last two routers passed the probe to and fro; the target never saw one."""
    lab = lab_factory("small")
    lab.set_target("web", loop=2)
    with Prober(WEB[version]) as prober:
        seen = [ask(prober, ttl).address for ttl in (1, 2, 3, 4, 5, 255)]
    first, second, third = WAY[version]
    assert seen == [first, second, third, second, third, third]


@both
def test_a_blackhole_and_forward_loss_swallow_what_passes(
    lab_factory: LabFactory, version: int
) -> None:
    """The core itself answered; nothing beyond it did, and the log says who swallowed it."""
    lab = lab_factory("small")
    lab.set_hop("core1", blackhole=True)
    with Prober(WEB[version]) as prober:
        prober.send(3)
        assert ask(prober, 2).address == WAY[version][1]
        lab.set_hop("core1", blackhole=False, forward_loss=1)
        prober.send(4)
        lab.settle()
        assert prober.drain() == []
    gone = [each for each in lab.truth() if not each.answered]
    assert [(each.fate, each.hop) for each in gone] == [
        ("blackholed", "core1"),
        ("dropped", "core1"),
    ]


@both
def test_duplicates_and_foreign_sources_arrive(lab_factory: LabFactory, version: int) -> None:
    """One probe was answered three times; another by an address nobody had asked."""
    lab = lab_factory("small")
    other = "203.0.113.77" if version == 4 else "2001:db8:77::1"
    lab.set_hop("gw", duplicate=2)
    lab.set_hop("edge", answers_as={f"ipv{version}": other})
    lab.set_target("web", answers_as={f"ipv{version}": other})
    with Prober(WEB[version], icmp=True) as prober:
        prober.send(1)
        lab.settle()
        assert [each.address for each in prober.drain()] == [WAY[version][0]] * 3
        assert ask(prober, 3).address == other
        assert ask(prober, 4).address == other
    assert lab.truth().only(ttl=3).addresses == (other,)


@both
def test_the_host_can_be_told_lies(lab_factory: LabFactory, version: int) -> None:
    """A forged time exceeded about a true probe reached the socket; so did a raw packet."""
    lab = lab_factory("small")
    liar = "203.0.113.66" if version == 4 else "2001:db8:66::1"
    with Prober(DARK[version], 4000) as prober:
        prober.send(9)
        lab.forge(liar, EXCEEDED[version], 0, target="dark", ttl=55)
        seen = prober.receive()
        assert seen is not None
        assert (seen.address, seen.kind, seen.reply_ttl) == (liar, EXCEEDED[version], 55)
        family = FAMILIES[version]
        addresses = [
            socket.inet_pton(family, each) for each in (DARK[version], lab_host(lab, version))
        ]
        port = prober.socket.getsockname()[1]
        lab.inject(packets.udp_packet(addresses[0], addresses[1], (4000, port), 60, b"hi"))
        seen = prober.receive()
        assert seen is not None
        assert (seen.address, seen.kind, seen.payload) == (DARK[version], None, b"hi")


def lab_host(lab: Lab, version: int) -> str:
    """The host's own address."""
    address = lab.world.host.of(version)
    assert address is not None
    return address
