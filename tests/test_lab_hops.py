"""Paths in the lab: each probe is answered by the right hop, in its time, with the right quote."""

from __future__ import annotations

import shutil
import socket
import struct
from collections import Counter

import pytest

from tests.conftest import LabFactory
from tests.lab import packets
from tests.lab.prober import FAMILIES, ICMP_PROTOCOLS, Prober
from tests.lab.small import EXCEEDED, MAIL, UNREACHABLE, WAY, WEB, ask
from tests.lab.truth import Truth

both = pytest.mark.parametrize("version", [4, 6])
probes = pytest.mark.parametrize("icmp", [False, True], ids=["udp", "icmp"])


@both
@probes
def test_each_ttl_is_answered_by_its_hop(lab_factory: LabFactory, version: int, icmp: bool) -> None:
    """Probes ran out of TTL one hop after the other, then arrived; the log says the same."""
    lab = lab_factory("small")
    with Prober(WEB[version], icmp=icmp) as prober:
        seen = [ask(prober, ttl) for ttl in (1, 2, 3, 4)]
    assert [each.address for each in seen] == [*WAY[version], WEB[version]]
    assert [each.kind for each in seen[:3]] == [EXCEEDED[version]] * 3
    if icmp:
        assert (seen[3].kind, seen[3].payload[:1]) == (None, b"\0" if version == 4 else b"\x81")
    else:
        port_unreachable = (UNREACHABLE[version], 3 if version == 4 else 4)
        assert (seen[3].kind, seen[3].code) == port_unreachable
    assert [each.reply_ttl for each in seen] == [64, 254, 62, 61]
    truth = lab.truth().only(target="web")
    assert truth.path() == tuple((each.address,) for each in seen)
    assert (truth.sent, truth.lost) == (4, 0)


@both
@probes
def test_the_delays_of_the_links_add_up(lab_factory: LabFactory, version: int, icmp: bool) -> None:
    """No answer came before the links on its way allow; on a machine with time, little later."""
    lab = lab_factory("small")
    delays = (0.0003, 0.0023, 0.0033, 0.0038)
    with Prober(WEB[version], icmp=icmp) as prober:
        for ttl, delay in enumerate(delays, 1):
            rtts = [ask(prober, ttl).rtt]
            while rtts[-1] > delay + 0.001:
                assert len(rtts) < 200, f"never within a millisecond: {min(rtts)}"
                rtts.append(ask(prober, ttl).rtt)
            assert min(rtts) >= delay
    for record in lab.truth():
        assert record.rtt <= record.rtt_bound
        assert record.rtt >= delays[record.ttl - 1]


@both
@probes
def test_mpls_labels_arrive_as_extensions(
    lab_factory: LabFactory, version: int, icmp: bool
) -> None:
    """The kernel took the extension structure for valid and handed it over unchanged."""
    lab_factory("small")
    with Prober(WEB[version], icmp=icmp) as prober:
        labelled = ask(prober, 2, b"x" * 40)
        plain = ask(prober, 1, b"x" * 40)
    header, objects = labelled.extension[:4], labelled.extension[4:]
    assert header[:2].hex() == "2000"
    assert objects.hex() == "0008010105dd1101"
    assert packets.checksum(labelled.extension) == 0
    assert plain.extension == b""


def raw_quote(version: int, ttl: int, payload: bytes) -> bytes:
    """What one router quotes of a UDP probe, read by a raw socket."""
    raw = socket.socket(FAMILIES[version], socket.SOCK_RAW, ICMP_PROTOCOLS[version])
    raw.settimeout(2)
    with raw, Prober(WEB[version]) as prober:
        prober.send(ttl, payload)
        data = raw.recv(65535)
    return data[28:] if version == 4 else data[8:]


@both
@pytest.mark.parametrize("size", [0, 1, 1001])
def test_a_router_quotes_the_packet_as_it_received_it(
    lab_factory: LabFactory, version: int, size: int
) -> None:
    """The quote had TTL 1, right checksums and as many bytes as an ICMP error may carry."""
    lab_factory("small")
    payload = bytes(range(256)) * 4
    quote = raw_quote(version, 1, payload[:size])
    header = 20 if version == 4 else 40
    assert len(quote) == min(header + 8 + size, 576 - 28 if version == 4 else 1280 - 48)
    assert quote[8 if version == 4 else 7] == 1
    assert quote[header + 8 :] == payload[: len(quote) - header - 8]
    assert struct.unpack_from("!H", quote, header + 4) == (8 + size,)
    if version == 4:
        assert packets.checksum(quote[:20]) == 0
        whole = packets.udp_packet(
            quote[12:16], quote[16:20], struct.unpack_from("!HH", quote, 20), 1, payload[:size]
        )
        assert whole[26:28] == quote[26:28], "the kernel left the UDP checksum unfinished"


@both
def test_a_router_may_quote_eight_bytes_alone(lab_factory: LabFactory, version: int) -> None:
    """The edge router quoted the IP header and the ports, and nothing of the payload."""
    lab_factory("small")
    assert len(raw_quote(version, 3, b"payload")) == (28 if version == 4 else 48)


@both
def test_flows_are_balanced_and_stay_where_they_are(lab_factory: LabFactory, version: int) -> None:
    """Forty flows took both branches; each flow kept to its own."""
    lab = lab_factory("small")
    branches: Counter[str] = Counter()
    for _ in range(40):
        with Prober(MAIL[version]) as prober:
            seen = {ask(prober, 3).address for _ in range(3)}
        assert len(seen) == 1
        branches.update(seen)
    assert len(branches) == 2
    assert min(branches.values()) >= 5
    assert set(lab.truth().addresses) == set(branches)


def test_packets_are_balanced_one_by_one_where_the_target_says_so(
    lab_factory: LabFactory,
) -> None:
    """One flow took both branches."""
    lab = lab_factory("small")
    lab.set_target("mail", balance="packet")
    with Prober(MAIL[4]) as prober:
        assert len({ask(prober, 3).address for _ in range(30)}) == 2


@both
def test_the_way_back_may_be_longer(lab_factory: LabFactory, version: int) -> None:
    """The answer's TTL counted the routers of the way back, not of the way there."""
    lab = lab_factory("small")
    lab.set_hop("gw", initial_ttl=128, return_hops=9)
    with Prober(WEB[version]) as prober:
        assert ask(prober, 1).reply_ttl == 119


def test_jitter_reorders_answers(lab_factory: LabFactory) -> None:
    """Twenty probes sent in a row came back in another order, none of them lost."""
    lab = lab_factory("small")
    lab.set_hop("gw", jitter="20ms", slow="1ms")
    with Prober(WEB[4]) as prober:
        for number in range(20):
            prober.send(1, bytes([number]))
        lab.settle()
        order = [each.payload[0] for each in prober.drain()]
    assert sorted(order) == list(range(20))
    assert order != sorted(order)


@pytest.mark.skipif(not shutil.which("traceroute"), reason="install traceroute to compare with it")
@pytest.mark.parametrize("flags", [["-I"], ["-U"], ["-T", "-p", "443"], ["-6", "-I"], ["-6"]])
def test_traceroute_agrees(lab_factory: LabFactory, flags: list[str]) -> None:
    """The classic tool drew the path as the world describes it, MPLS label included."""
    version = 6 if "-6" in flags else 4
    lab = lab_factory("small")
    done = lab.run(
        ["traceroute", "-n", "-e", "-q", "1", *flags, WEB[version]], privileged=True, timeout=30
    )
    lines = [line.split() for line in done.stdout.splitlines()[1:]]
    assert [line[1] for line in lines] == [*WAY[version], WEB[version]]
    assert version == 4 or "L=24017" in lines[1][2]
    assert isinstance(lab.truth(), Truth)


@pytest.mark.skipif(not shutil.which("ping"), reason="install iputils-ping to compare with it")
def test_ping_agrees(lab_factory: LabFactory) -> None:
    """Three echo requests, three replies, by the classic tool."""
    lab = lab_factory("small")
    done = lab.run(["ping", "-n", "-c", "3", "-i", "0.01", WEB[4]], privileged=True)
    assert "3 received" in done.stdout
    assert len(lab.truth().answered) == 3
