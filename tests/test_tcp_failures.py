"""What this host itself cannot do for a TCP probe is told as such, and is never loss."""

from __future__ import annotations

import errno
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.errors import ErrorReason, ProbeError, SendBlocked
from exporter.model import Family, Probe, Protocol
from exporter.sockets import linux_tcp
from exporter.sockets.errqueue import OPTIONS
from tests.conftest import LabFactory
from tests.connecting import descriptors, each_family, opened
from tests.probing import ROUTERS, WEB, Recorder, preferred, run


def command(*words: str) -> None:
    """Change the lab's link."""
    subprocess.run(words, check=True)


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


@each_family
def test_kernel_without_rfc4884_will_do(
    lab_factory: LabFactory, family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux before 5.9 does not know the option; here it refuses another unknown one."""
    lab_factory("small")
    unknown = replace(OPTIONS[family], receive_extensions=199)
    monkeypatch.setitem(OPTIONS, family, unknown)

    async def test() -> None:
        recorder = Recorder()
        socket = opened(recorder, WEB, family)
        socket.send(Probe(1, 0, 2))
        (response,) = await recorder.until_responses(1)
        socket.close()
        assert response.address == ROUTERS[family][1]

    run(test())


@pytest.mark.parametrize("content", [None, "", "1 2 3", "32768\tmany"])
def test_port_range_that_cannot_be_read(
    lab_factory: LabFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    """No such file, or nonsense in it: the usual range is assumed, and left alone."""
    lab = lab_factory("small")
    if content is not None:
        (tmp_path / "range").write_text(content)
    monkeypatch.setattr(linux_tcp, "_PORT_RANGE", tmp_path / "range")

    async def test() -> None:
        recorder = Recorder()
        socket = opened(recorder, WEB, Family.IPV4)
        socket.send(Probe(1, 0, 1))
        await recorder.until_responses(1)
        socket.close()

    run(test())
    assert lab.truth().records[0].first not in range(32768, 61000)
