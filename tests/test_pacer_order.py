"""Who sends when several want to: in order of asking, round those that are blocked or gone."""

from __future__ import annotations

import asyncio

import pytest

from exporter.model import Probe
from exporter.trace.pacer import Pacer
from tests.senders import Caller, Log, assert_within_budget, order, probes
from tests.virtual import run_virtual


def test_first_come_first_served() -> None:
    """Ten senders of twenty probes each: each is served whole, in the order of asking."""

    async def test() -> None:
        log: Log = []
        pacer = Pacer(100.0)
        senders = [Caller(f"sender {number}", log) for number in range(10)]
        for sender in senders:
            pacer.submit(sender, probes(20))
        await asyncio.sleep(3)
        assert order(log) == [sender.name for sender in senders]
        assert [sender.batches for sender in senders] == [1] * 10
        assert_within_budget([at for at, _, _ in log], 100.0)

    run_virtual(test())


def test_who_asks_again_queues_again() -> None:
    """A sender that wants more when its batch is out waits for those that came meanwhile."""

    async def test() -> None:
        log: Log = []
        pacer = Pacer(10_000.0)
        eager, patient = Caller("eager", log), Caller("patient", log)

        def ask_again() -> None:
            eager.then = lambda: None
            pacer.submit(eager, probes(3))

        eager.then = ask_again
        pacer.submit(eager, probes(40))
        pacer.submit(patient, probes(3))
        await asyncio.sleep(0.1)
        assert order(log) == ["eager", "patient", "eager"]
        assert len(log) == 46

    run_virtual(test())


def test_blocked_probe_is_tried_again_and_holds_nobody_up() -> None:
    """The kernel's buffer is full three times: others go on, then the same probe goes out."""

    async def test() -> None:
        log: Log = []
        pacer = Pacer(1000.0)
        blocked, free = Caller("blocked", log, {2: 3}), Caller("free", log)
        pacer.submit(blocked, probes(3))
        pacer.submit(free, probes(3))
        await asyncio.sleep(1)
        assert [(name, ttl) for _, name, ttl in log] == [
            ("blocked", 1),
            *(("free", ttl) for ttl in (1, 2, 3)),
            *(("blocked", ttl) for ttl in (2, 3)),
        ]
        assert log[-2][0] == pytest.approx(0.015, abs=1e-3)
        assert (blocked.batches, free.batches) == (1, 1)

    run_virtual(test())


def test_forgotten_sender_sends_no_more() -> None:
    """Its queue is dropped, without a word to it; the others move up."""

    async def test() -> None:
        log: Log = []
        pacer = Pacer(10.0)
        gone, other = Caller("gone", log), Caller("other", log)
        pacer.submit(gone, probes(5))
        pacer.submit(other, probes(2))
        pacer.forget(gone)
        pacer.forget(gone)
        assert not pacer.waits(gone)
        await asyncio.sleep(2)
        assert [(name, ttl) for _, name, ttl in log] == [("gone", 1), ("other", 1), ("other", 2)]
        assert log[-1][0] == pytest.approx(0.2, abs=1e-3)
        assert gone.batches == 0

    run_virtual(test())


def test_sender_may_be_forgotten_while_it_sends() -> None:
    """A trace that ends on its own probe leaves the queue to the others."""

    async def test() -> None:
        log: Log = []
        pacer = Pacer(1000.0)

        class Quitter(Caller):
            def send(self, probe: Probe) -> float:
                pacer.forget(self)
                return super().send(probe)

        quitter, other = Quitter("quitter", log), Caller("other", log)
        pacer.submit(quitter, probes(1))
        pacer.submit(quitter, probes(3))
        pacer.submit(other, probes(2))
        await asyncio.sleep(1)
        assert [(name, ttl) for _, name, ttl in log] == [
            ("quitter", 1),
            ("quitter", 1),
            ("other", 1),
            ("other", 2),
        ]
        assert other.batches == 1

    run_virtual(test())
