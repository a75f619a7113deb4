"""The contract over loopback alone, which every platform has: run this where there is no lab.

A backend that this user may not open is skipped with what the kernel said and the remedy.
"""

from __future__ import annotations

import os

import pytest

from exporter.errors import SocketUnavailable
from exporter.model import Family, Probe, StopReason
from exporter.sockets.base import Listener, ProbeSocket
from exporter.trace.pacer import Pacer
from exporter.trace.plan import Plan
from exporter.trace.tracer import ResponseCounts, Tracer
from tests.probing import Backend, Recorder, each_backend, run

LOOPBACK = {Family.IPV4: "127.0.0.1", Family.IPV6: "::1"}
TRACES = 10_000


def opened(backend: Backend, listener: Listener) -> ProbeSocket:
    """An open socket to loopback."""
    try:
        return backend.open(backend.request(LOOPBACK[backend.family]), listener)
    except SocketUnavailable as refusal:
        pytest.skip(f"{refusal}; {refusal.remedy}")


def descriptors() -> list[str]:
    """Those that this process has open now, and the one that lists them."""
    return os.listdir("/dev/fd")


@each_backend
def test_loopback_answers_the_first_hop(backend: Backend) -> None:
    """64 probes at once: all arrive, each answer finds its own probe, TTL and time are sane."""

    async def test() -> None:
        recorder = Recorder()
        socket = opened(backend, recorder)
        for number in range(64):
            socket.send(Probe(1, number, 1))
        responses = await recorder.until_responses(64)
        socket.close()
        assert [r.probe.round for r in responses] == list(range(64))
        assert {(r.address, r.reached) for r in responses} == {(LOOPBACK[backend.family], True)}
        assert all(0 <= r.rtt < 1 for r in responses)
        assert {r.reply_ttl for r in responses} <= {None, 64, 255}
        assert (recorder.failures, recorder.strangers) == ([], 0)

    run(test())


@each_backend
def test_two_sockets_hear_their_own_answers(backend: Backend) -> None:
    """They want the same port or id, and get different ones."""

    async def test() -> None:
        recorders = Recorder(), Recorder()
        sockets = [opened(backend, each) for each in recorders]
        for number in range(10):
            for socket in sockets:
                socket.send(Probe(1, number, 1))
        for recorder, socket in zip(recorders, sockets, strict=True):
            assert len(await recorder.until_responses(10)) == 10
            assert recorder.strangers == 0
            socket.close()

    run(test())


@each_backend
def test_ten_thousand_traces_leave_no_descriptor(backend: Backend) -> None:
    """Open, trace, close, again and again; then as many descriptors are open as before."""

    async def test() -> None:
        before = descriptors()
        for _ in range(TRACES // 10 if backend.foreign else TRACES):
            tracer = Tracer(Pacer(1_000_000), ResponseCounts(), lambda response: None)
            socket = opened(backend, tracer)
            try:
                state = await tracer.trace(socket, Plan(rounds=1, max_hops=2))
            finally:
                socket.close()
            assert state.stop_reason() == (StopReason.DESTINATION, None)
        assert descriptors() == before

    run(test())
