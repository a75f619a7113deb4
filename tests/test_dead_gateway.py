"""A next hop that is gone: what never left this host is no loss, however short the trace."""

from __future__ import annotations

import subprocess

from exporter.errors import ErrorReason
from exporter.model import StopReason
from exporter.trace.pacer import Pacer
from exporter.trace.plan import Lesson, Plan
from exporter.trace.tracer import ResponseCounts, Tracer
from tests.conftest import LabFactory
from tests.probing import WEB, Backend, backends_where, each_backend, run

KNOWN = Lesson(4, True, dict.fromkeys(range(1, 5), 0.001))


@backends_where(lambda backend: not backend.foreign)
def test_trace_that_ends_before_the_kernel_gives_up(
    lab_factory: LabFactory, backend: Backend
) -> None:
    """Nobody answers on the link. The kernel asks for the neighbour for three seconds, in which the
    probes wait in its queue; the trace over a known path is over after one."""
    lab = lab_factory("small")
    subprocess.run(["ip", "link", "set", "lab0", "arp", "on"], check=True)

    async def test() -> None:
        tracer = Tracer(Pacer(10_000), ResponseCounts(), lambda response: None)
        socket = backend.open(backend.request(WEB[backend.family]), tracer)
        try:
            state = await tracer.trace(socket, Plan(rounds=1, timeout=0.5), KNOWN)
        finally:
            socket.close()
        assert state.stop_reason() == (StopReason.ERROR, None)
        assert (state.hops(), state.destination()) == ((), (0, ()))
        assert set(tracer.errors.counts) == {ErrorReason.UNREACHABLE_NETWORK}

    run(test())
    assert lab.truth().sent == 0


@each_backend
def test_silence_behind_a_next_hop_that_is_there_is_loss(
    lab_factory: LabFactory, backend: Backend
) -> None:
    """All probes leave, and nothing comes back, not even from the first hop."""
    lab = lab_factory("small")
    for hop in ("gw", "core1", "edge"):
        lab.set_hop(hop, silent=True)
    lab.set_target("web", loss=1.0)

    async def test() -> None:
        tracer = Tracer(Pacer(10_000), ResponseCounts(), lambda response: None)
        socket = backend.open(backend.request(WEB[backend.family]), tracer)
        try:
            state = await tracer.trace(socket, Plan(rounds=1, timeout=0.5), KNOWN)
        finally:
            socket.close()
        assert state.destination() == (1, ())
        assert not tracer.errors.counts

    run(test())
    assert lab.truth().sent > 0
