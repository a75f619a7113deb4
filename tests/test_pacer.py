"""The budget of probes per second in virtual time: held, shared in order, and never lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.model import Probe
from exporter.pacer import Pacer
from tests.virtual import run_virtual

Log = list[tuple[float, str, int]]
"""(when, sender, TTL) of every probe sent."""


class Caller:
    """A sender that notes what it sends; `retries` says how often each probe is refused first."""

    def __init__(self, name: str, log: Log, retries: dict[int, int] | None = None) -> None:
        self.name = name
        self.batches = 0
        self.retries = retries or {}
        self.then: Callable[[], None] = lambda: None
        self._log = log

    def send(self, probe: Probe) -> float:
        """See `Sender`."""
        if self.retries.get(probe.ttl, 0):
            self.retries[probe.ttl] -= 1
            return 0.005
        self._log.append((asyncio.get_running_loop().time(), self.name, probe.ttl))
        return 0.0

    def batch_sent(self) -> None:
        """See `Sender`."""
        self.batches += 1
        self.then()


def probes(count: int) -> list[Probe]:
    """Probes with TTLs from 1 on."""
    return [Probe(1, 0, ttl) for ttl in range(1, count + 1)]


def order(log: Log) -> list[str]:
    """Who sent, one after the other, repeats collapsed."""
    names = [name for _, name, _ in log]
    return [name for i, name in enumerate(names) if i == 0 or names[i - 1] != name]


def assert_within_budget(times: Sequence[float], rate: float) -> None:
    """In no stretch of time more than the burst and the rate allow."""
    burst = max(1.0, rate / 10)
    level, last = burst, 0.0
    for time in times:
        level = min(burst, level + (time - last) * rate) - 1
        last = time
        assert level >= -1e-3, f"over budget at {time}"


def test_burst_goes_out_at_once_and_the_rest_at_the_rate() -> None:
    """100 a second: a tenth of a second's worth, then one every 10 ms, none later than it must."""

    async def test() -> None:
        log: Log = []
        pacer, sender = Pacer(100.0), Caller("a", log)
        pacer.submit(sender, probes(60))
        assert pacer.waits(sender)
        assert len(log) == 10
        await asyncio.sleep(1)
        assert [ttl for _, _, ttl in log] == list(range(1, 61))
        assert [at for at, _, _ in log[10:]] == pytest.approx(
            [0.01 * number for number in range(1, 51)], abs=1e-3
        )
        assert sender.batches == 1
        assert not pacer.waits(sender)

    run_virtual(test())


def test_idle_time_is_not_saved_up() -> None:
    """After an hour of silence no more than one burst goes out at once."""

    async def test() -> None:
        log: Log = []
        pacer, sender = Pacer(100.0), Caller("a", log)
        await asyncio.sleep(3600)
        pacer.submit(sender, probes(50))
        assert len(log) == 10
        await asyncio.sleep(1)
        assert_within_budget([at - 3600 for at, _, _ in log], 100.0)

    run_virtual(test())


@pytest.mark.parametrize("rate", [0.1, 0.5, 3.0])
def test_slow_budget_sends_one_at_a_time(rate: float) -> None:
    """Less than ten probes a second: no bursts, but never a standstill."""

    async def test() -> None:
        log: Log = []
        pacer = Pacer(rate)
        pacer.submit(Caller("a", log), probes(5))
        await asyncio.sleep(4 / rate + 0.1)
        times = [at for at, _, _ in log]
        assert times == pytest.approx([number / rate for number in range(5)], abs=1e-3)

    run_virtual(test())


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


def test_answers_get_their_turn_between_batches() -> None:
    """A big burst is cut up, so that no socket's buffer overflows meanwhile."""

    async def test() -> None:
        log: Log = []
        pacer = Pacer(10_000.0)
        pacer.submit(Caller("a", log), probes(200))
        turns = []
        while len(log) < 200:
            turns.append(len(log))
            await asyncio.sleep(0)
        steps = [b - a for a, b in pairwise(turns)]
        assert 0 < max(steps) <= 32

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


def test_closed_pacer_sends_nothing() -> None:
    """What waits is dropped, and no timer is left."""

    async def test() -> None:
        log: Log = []
        pacer, sender = Pacer(10.0), Caller("a", log)
        pacer.submit(sender, probes(5))
        pacer.close()
        pacer.close()
        await asyncio.sleep(10)
        assert len(log) == 1
        assert not pacer.waits(sender)

    run_virtual(test())


def test_nothing_to_send_is_sent_at_once() -> None:
    """An empty batch is over as soon as its turn comes."""

    async def test() -> None:
        pacer, sender = Pacer(10.0), Caller("a", [])
        pacer.submit(sender, [])
        assert sender.batches == 1
        assert not pacer.waits(sender)

    run_virtual(test())


@settings(max_examples=60, deadline=None)
@given(
    rate=st.floats(1.0, 5000.0),
    batches=st.lists(
        st.tuples(st.floats(0, 0.3), st.integers(0, 60), st.integers(0, 3)), max_size=15
    ),
)
def test_budget_holds_and_every_probe_goes_out_once(
    rate: float, batches: list[tuple[float, int, int]]
) -> None:
    """Senders come and go at random, some probes are blocked a few times: nothing is lost."""

    async def test() -> None:
        log: Log = []
        pacer = Pacer(rate)
        senders = []
        for number, (pause, count, retries) in enumerate(batches):
            await asyncio.sleep(pause)
            senders.append(Caller(str(number), log, {1: retries}))
            pacer.submit(senders[-1], probes(count))
        total = sum(count for _, count, _ in batches)
        await asyncio.sleep(total / rate + 1)
        assert_within_budget([at for at, _, _ in log], rate)
        assert sorted((name, ttl) for _, name, ttl in log) == sorted(
            (str(number), ttl)
            for number, (_, count, _) in enumerate(batches)
            for ttl in range(1, count + 1)
        )
        assert all(sender.batches == 1 and not pacer.waits(sender) for sender in senders)

    run_virtual(test())
