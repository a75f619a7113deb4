"""What raw ICMP sockets have on Linux beyond the contract: stamps for both ways, and own ids."""

from __future__ import annotations

import sys

import pytest

from exporter.model import Family, Probe
from exporter.sockets import whole_packets
from exporter.sockets.pending import Sent
from tests.conftest import LabFactory
from tests.lab.packets import icmp_packet
from tests.packet_bytes import ROUTER, error
from tests.probing import BACKENDS, DARK, WEB, Backend, Recorder, run
from tests.test_translation import wire

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what Linux does")
RAW = {each.family: each for each in BACKENDS if each.candidate.backend == "raw-icmp"}
PING = {each.family: each for each in BACKENDS if each.candidate.backend == "linux-icmp"}
each_family = pytest.mark.parametrize("family", list(Family))


@each_family
def test_round_trips_are_between_two_kernel_stamps(
    lab_factory: LabFactory, family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every send is stamped, and no answer but perhaps the first lacks its receive stamp."""
    lab_factory("small")
    stamps: list[tuple[int | None, int | None]] = []

    def noting(sent: Sent, received: int | None, now: int, monotonic: int) -> tuple[float, float]:
        stamps.append((sent.stamp_ns, received))
        return 0.0, 0.0

    monkeypatch.setattr(whole_packets, "times", noting)

    async def test() -> None:
        recorder = Recorder()
        socket = RAW[family].open(RAW[family].request(WEB[family]), recorder)
        for number in range(20):
            for ttl in range(1, 5):
                socket.send(Probe(1, number, ttl))
            await recorder.until_responses(4 * number + 4)
        socket.close()

    run(test())
    assert all(sent is not None for sent, _ in stamps)
    assert all(received is not None for _, received in stamps[4:])


@each_family
def test_raw_and_ping_sockets_see_the_same(lab_factory: LabFactory, family: Family) -> None:
    """Addresses, kinds, codes, TTLs and extensions of one path, by both; RTTs differ by little."""
    lab_factory("small")

    async def traced(backend: Backend) -> list[tuple[object, ...]]:
        recorder = Recorder()
        socket = backend.open(backend.request(WEB[family]), recorder)
        for ttl in range(1, 5):
            socket.send(Probe(1, 0, ttl))
        responses = await recorder.until_responses(4)
        socket.close()
        return [tuple(each._replace(rtt=0, received_at=0)) for each in responses]

    by_raw, by_ping = run(traced(RAW[family])), run(traced(PING[family]))
    assert by_raw == by_ping
    assert len({each[1] for each in by_raw}) == 4


@each_family
def test_packet_with_a_wrong_checksum_is_nobodys(lab_factory: LabFactory, family: Family) -> None:
    """The kernel gives IPv4 raw sockets what it drops itself a moment later; we drop it too."""
    lab = lab_factory("small")

    async def test() -> None:
        recorder = Recorder()
        socket = RAW[family].open(RAW[family].request(DARK[family]), recorder)
        with wire() as next_probe:
            socket.send(Probe(1, 0, 7))
            probe = next_probe()
        message = error(family, probe.data)
        message = message[:2] + b"\0\0" + message[4:]
        packet = bytearray(icmp_packet(ROUTER[family], probe.source, 64, message))
        packet[-1] ^= 1
        lab.inject(bytes(packet))
        socket.send(Probe(1, 1, 1))
        (response,) = await recorder.until_responses(1)
        socket.close()
        assert response.probe.round == 1
        assert recorder.strangers == 0

    run(test())
