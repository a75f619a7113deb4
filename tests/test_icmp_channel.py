"""Sharing of ICMP sockets where no filter knows echo ids, over loopback."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable

import pytest

from exporter.errors import SocketUnavailable
from exporter.model import Family, Probe, Response
from exporter.sockets.base import ProbeSocket
from tests.conftest import WHY_NO_LAB
from tests.probing import BACKENDS, Recorder, run

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="plays the ways of others on Linux"),
    pytest.mark.skipif(bool(WHY_NO_LAB), reason=WHY_NO_LAB or "there are raw sockets"),
]
SHARING = {each.family: each for each in BACKENDS if each.candidate.backend == "as-bsd"}
LOOPBACK = {Family.IPV4: "127.0.0.1", Family.IPV6: "::1"}
each_family = pytest.mark.parametrize("family", list(Family))


def opened(family: Family, recorder: Recorder, **options: object) -> ProbeSocket:
    """A probe socket to loopback."""
    backend = SHARING[family]
    return backend.open(backend.request(LOOPBACK[family], **options), recorder)


def descriptors() -> int:
    """How many are open now; what tests before have left to the collector is not."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


@each_family
def test_probe_sockets_of_the_same_options_share_one(family: Family) -> None:
    """Three have one descriptor; each hears what answers its own probes, until the last closes."""

    async def test() -> None:
        before = descriptors()
        recorders = [Recorder() for _ in range(3)]
        sockets = [opened(family, each) for each in recorders]
        assert descriptors() == before + 1
        for closed in range(3):
            for recorder, socket in zip(recorders[closed:], sockets[closed:], strict=True):
                socket.send(Probe(1, closed, 1))
                responses = await recorder.until_responses(closed + 1)
                assert len(responses) == closed + 1
                assert recorder.strangers == 0
            sockets[closed].close()
            sockets[closed].close()
        assert [len(each.responses) for each in recorders] == [1, 2, 3]
        assert descriptors() == before

    run(test())


@each_family
@pytest.mark.parametrize("option", ["dscp", "source"])
def test_other_options_want_a_socket_of_their_own(family: Family, option: str) -> None:
    """The kernel keeps them by socket; the answers of both still find their probes."""
    values: dict[str, object] = {"dscp": 46, "source": LOOPBACK[family]}

    async def test() -> None:
        recorders = Recorder(), Recorder()
        before = descriptors()
        plain = opened(family, recorders[0])
        other = opened(family, recorders[1], **{option: values[option]})
        assert descriptors() == before + 2
        for recorder, socket in zip(recorders, (plain, other), strict=True):
            socket.send(Probe(1, 0, 1))
            await recorder.until_responses(1)
            socket.close()
        assert descriptors() == before

    run(test())


@each_family
def test_ids_never_clash_between_sockets(family: Family) -> None:
    """All want the same id; each gets another, and an answer is told to one of them only."""

    async def test() -> None:
        recorders = [Recorder() for _ in range(20)]
        sockets = [opened(family, each, local_port=777) for each in recorders]
        for number, socket in enumerate(sockets):
            socket.send(Probe(1, number, 1))
        for number, recorder in enumerate(recorders):
            (response,) = await recorder.until_responses(1)
            assert response.probe.round == number
        for socket in sockets:
            socket.close()
        assert all((len(each.responses), each.strangers) == (1, 0) for each in recorders)

    run(test())


@each_family
def test_listener_may_close_others_while_answers_are_read(family: Family) -> None:
    """The first answer ends all three: nobody hears anything afterwards, and nothing is left."""

    async def test() -> None:
        before = descriptors()
        recorders = [Recorder() for _ in range(3)]
        sockets = [opened(family, each) for each in recorders]
        for recorder in recorders:
            told = recorder.responded

            def and_close(response: Response, told: Callable[[Response], None] = told) -> None:
                told(response)
                for socket in sockets:
                    socket.close()

            recorder.responded = and_close  # type: ignore[method-assign]
        for socket in sockets:
            socket.send(Probe(1, 0, 1))
        await recorders[0].until(lambda: descriptors() == before)
        assert sum(len(each.responses) for each in recorders) == 1

    run(test())


@each_family
def test_refused_socket_leaves_nothing(family: Family) -> None:
    """A source that this host does not have: no channel is kept, and the next one opens."""

    async def test() -> None:
        before = descriptors()
        foreign = {Family.IPV4: "192.0.2.77", Family.IPV6: "2001:db8::77"}[family]
        for _ in range(2):
            with pytest.raises(SocketUnavailable):
                opened(family, Recorder(), source=foreign)
        assert descriptors() == before

    run(test())
