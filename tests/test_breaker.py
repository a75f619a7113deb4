"""A service that fails is left alone for a while."""

from __future__ import annotations

from exporter.enrichment.breaker import FAILURES, LONGEST_PAUSE, SHORTEST_PAUSE, Breaker
from tests.clock import Clock


def test_few_failures_do_not_stop_it() -> None:
    """Some questions failed, one was answered, some more failed: we went on asking."""
    breaker = Breaker(Clock())
    for _ in range(3):
        for _ in range(FAILURES - 1):
            assert breaker.admit()
            breaker.failed()
        breaker.succeeded()
    assert breaker.admit()
    assert not breaker.paused


def test_many_failures_stop_it_and_one_question_tries_again() -> None:
    """Nothing was answered; after each pause one question went out, and the pauses grew."""
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(5 * FAILURES):
        breaker.failed()
    assert breaker.paused
    assert not breaker.admit()
    pauses = []
    for _ in range(6):
        pauses.append(breaker.paused_until - clock.now)
        clock.now = breaker.paused_until
        assert breaker.admit()
        assert not breaker.admit()
        breaker.failed()
    assert pauses == [SHORTEST_PAUSE, 10.0, 20.0, 40.0, LONGEST_PAUSE, LONGEST_PAUSE]


def test_an_answer_ends_the_pause() -> None:
    """The question after the pause was answered, and all may ask again."""
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        breaker.failed()
    clock.now += SHORTEST_PAUSE
    assert breaker.admit()
    breaker.succeeded()
    assert breaker.admit()
    assert breaker.admit()
    assert not breaker.paused
