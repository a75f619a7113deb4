"""What this host itself cannot do for a TCP probe is told as such, and is never loss."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

import pytest

from exporter.errors import ErrorReason, ProbeError, SendBlocked, SocketUnavailable
from exporter.model import Family, Probe, Protocol
from exporter.sockets.base import ProbeSocket
from exporter.sockets.linux_flights import PATIENCE_SECONDS
from tests.conftest import LabFactory
from tests.probing import DARK, WEB, Recorder, preferred, run

each_family = pytest.mark.parametrize("family", list(Family))


def opened(recorder: Recorder, destination: dict[Family, str], family: Family) -> ProbeSocket:
    """A TCP socket to a destination of the world."""
    backend = preferred(Protocol.TCP, family)
    return backend.open(backend.request(destination[family]), recorder)


def descriptors() -> int:
    """How many this process has."""
    return len(os.listdir("/proc/self/fd"))


def command(*words: str) -> None:
    """Change the lab's link."""
    subprocess.run(words, check=True)


def burst(socket: ProbeSocket, probes: Iterable[Probe]) -> tuple[int, SendBlocked]:
    """Send until it is blocked; how many probes left before that."""
    for count, probe in enumerate(probes):
        try:
            socket.send(probe)
        except SendBlocked as error:
            return count, error
    raise AssertionError("never blocked")


def take_all_descriptors() -> list[int]:
    """Open files until the kernel refuses."""
    taken = []
    with suppress(OSError):
        while True:
            taken.append(os.open("/dev/null", os.O_RDONLY))
    return taken


@contextmanager
def descriptor_limit(most: int) -> Iterator[None]:
    """This process may have so many descriptors."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@each_family
def test_silent_next_hop_is_a_failure_before_the_kernel_says_so(
    lab_factory: LabFactory, family: Family
) -> None:
    """Nobody answers on the link, and the kernel would look for 3 seconds: the SYN that still

    waits on this host when it is given up was never sent, so that it is not lost either.
    """
    lab = lab_factory("small")
    command("ip", "link", "set", "lab0", "arp", "on")

    async def test() -> None:
        recorder = Recorder()
        socket = opened(recorder, WEB, family)
        for ttl in (1, 2, 9):
            socket.send(Probe(1, 0, ttl))
        await recorder.until(lambda: len(recorder.failures) == 3)
        socket.close()
        assert [probe.ttl for probe, _ in recorder.failures] == [1, 2, 9]
        assert {error.reason for _, error in recorder.failures} == {ErrorReason.UNREACHABLE_NETWORK}
        assert (recorder.responses, recorder.strangers) == ([], 0)

    run(test())
    assert lab.truth().sent == 0


@each_family
def test_full_queue_of_this_host_blocks(lab_factory: LabFactory, family: Family) -> None:
    """The link's queue takes no packet, which connect(2) keeps to itself; later it does again."""
    lab = lab_factory("small")
    queue = ("tc", "qdisc", "replace", "dev", "lab0", "root", "bfifo", "limit")

    async def test() -> None:
        recorder = Recorder()
        socket = opened(recorder, WEB, family)
        before = descriptors()
        command(*queue, "10")
        for _ in range(3):
            with pytest.raises(SendBlocked):
                socket.send(Probe(1, 0, 1))
        assert descriptors() == before
        command(*queue, "100000")
        socket.send(Probe(1, 0, 1))
        await recorder.until_responses(1)
        socket.close()

    run(test())
    assert lab.truth().sent == 1


def test_probes_leave_descriptors_to_others(lab_factory: LabFactory) -> None:
    """Near the limit sending is blocked, while files and connections can still be opened; as soon

    as probes in flight are given up it goes on.
    """
    lab = lab_factory("small")

    async def test() -> None:
        recorder = Recorder()
        with descriptor_limit(descriptors() + 200):
            socket = opened(recorder, DARK, Family.IPV4)
            probes = (Probe(1, number // 20, 1 + number % 20) for number in range(300))
            sent, error = burst(socket, probes)
            assert "open files" in str(error)
            others = [os.open("/dev/null", os.O_RDONLY) for _ in range(50)]
            for each in others:
                os.close(each)
            await asyncio.sleep(PATIENCE_SECONDS + 0.1)
            socket.send(Probe(2, 0, 1))
            socket.close()
        assert 50 < sent < 200
        assert lab.truth().sent == sent + 1

    run(test())


def test_no_descriptor_at_all_blocks(lab_factory: LabFactory) -> None:
    """Others have taken every one: the kernel refuses, nothing is sent and nothing is lost."""
    lab = lab_factory("small")

    async def test() -> None:
        recorder = Recorder()
        socket = opened(recorder, WEB, Family.IPV4)
        with descriptor_limit(descriptors() + 1):
            taken = take_all_descriptors()
            with pytest.raises(SendBlocked, match="open files"):
                socket.send(Probe(1, 0, 1))
            with pytest.raises(SocketUnavailable):
                opened(recorder, WEB, Family.IPV4)
            for each in taken:
                os.close(each)
        socket.send(Probe(1, 1, 1))
        await recorder.until_responses(1)
        socket.close()

    run(test())
    assert lab.truth().sent == 1


def test_every_source_port_in_flight_blocks(lab_factory: LabFactory) -> None:
    """More rounds at once than a TTL has ports: told, and over as soon as one is answered."""
    lab_factory("small")

    async def test() -> None:
        recorder = Recorder()
        socket = opened(recorder, DARK, Family.IPV4)
        sent, error = burst(socket, (Probe(1, number, 9) for number in range(100)))
        assert (sent, "source port" in str(error)) == (64, True)
        socket.send(Probe(1, 0, 1))
        await recorder.until_responses(1)
        socket.close()

    run(test())


@each_family
def test_address_that_went_away_is_a_local_failure(lab_factory: LabFactory, family: Family) -> None:
    """The source address is taken from the link between two probes."""
    lab = lab_factory("small")
    source = lab.world.host.ipv4 if family is Family.IPV4 else lab.world.host.ipv6
    assert source is not None
    prefix = source + ("/32" if family is Family.IPV4 else "/128")

    async def test() -> None:
        recorder, backend = Recorder(), preferred(Protocol.TCP, family)
        command("ip", "address", "flush", "dev", "lab0")
        command("ip", "address", "add", prefix, "dev", "lab0", "nodad")
        socket = backend.open(backend.request(WEB[family], source=source), recorder)
        command("ip", "address", "del", prefix, "dev", "lab0")
        with pytest.raises(ProbeError, match=os.strerror(errno.EADDRNOTAVAIL)) as caught:
            socket.send(Probe(1, 0, 1))
        socket.close()
        assert caught.value.reason is ErrorReason.UNREACHABLE_NETWORK

    run(test())
