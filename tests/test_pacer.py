"""The budget of probes per second in virtual time: held, used, and nothing lost by it."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.trace.pacer import Pacer
from tests.senders import Caller, Log, assert_within_budget, probes
from tests.virtual import run_virtual


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
