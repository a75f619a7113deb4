"""TCP takes a descriptor for each probe: what happens when there are none, and what others keep."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

import pytest

from exporter.errors import SendBlocked, SocketUnavailable
from exporter.model import Family, Probe
from exporter.sockets.base import ProbeSocket
from exporter.sockets.linux_flights import PATIENCE_SECONDS
from tests.conftest import LabFactory
from tests.connecting import descriptors, opened
from tests.probing import DARK, WEB, Recorder, run


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
