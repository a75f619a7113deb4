"""A probe whose answer nobody can tell apart: it does not count, and is asked again."""

from __future__ import annotations

from exporter.errors import AskAgain, ProbeError
from exporter.model import Kind, Probe, StopReason
from exporter.trace.plan import Plan
from exporter.trace.strategy import TraceState
from tests.simulated import DESTINATION, Answer, respond
from tests.tracing import Bench, books
from tests.virtual import chain, run_virtual


def test_probe_given_back_is_wanted_again_and_counts_once() -> None:
    """Given back twice, sent anew, answered: one probe sent, none lost."""
    state = TraceState(Plan(rounds=1), 0.0)
    state.wanted()
    state.sent(0, 1, 0.0)
    state.again(0, 1)
    state.again(0, 1)
    assert state.hops() == ()
    assert state.wanted() == [(0, 1)]
    state.sent(0, 1, 0.1)
    state.responded(respond(0, 1, Answer(0.01, "198.51.100.1")), 0.11)
    assert [(hop.ttl, hop.sent, hop.lost) for hop in state.hops()] == [(1, 1, 0)]


def test_probe_that_is_answered_after_all_is_not_asked_again() -> None:
    """What was answered, or never sent, cannot be given back."""
    state = TraceState(Plan(rounds=1), 0.0)
    state.wanted()
    state.sent(0, 1, 0.0)
    state.responded(respond(0, 1, Answer(0.01, "198.51.100.1")), 0.01)
    state.again(0, 1)
    state.again(0, 2)
    assert (0, 1) not in state.wanted()
    assert [(hop.sent, hop.lost) for hop in state.hops()] == [(1, 0)]


def test_probe_of_a_round_that_is_over_is_only_left_out() -> None:
    """Its hop is asked in the running round anyway; whether it was lost nobody knows."""
    state = TraceState(Plan(rounds=2, max_hops=2), 0.0)
    for number, ttl in state.wanted():
        state.sent(number, ttl, 0.0)
    state.responded(respond(0, 2, Answer(0.01, DESTINATION, Kind.ECHO_REPLY)), 0.01)
    state.advance(3.0)
    assert state.wanted() == [(1, 1), (1, 2)]
    state.sent(1, 1, 3.0)
    state.again(0, 1)
    assert state.wanted() == []
    assert [(hop.ttl, hop.sent) for hop in state.hops()] == [(1, 1), (2, 1)]


def test_trace_sends_again_and_tells_no_error() -> None:
    """The second hop's first answers say nothing, in each of two rounds: nothing is lost by it."""
    given_back: set[Probe] = set()

    def once(destination: str, probe: Probe) -> ProbeError | None:
        if probe.ttl != 2 or probe in given_back:
            return None
        given_back.add(probe)
        return AskAgain()

    async def test() -> None:
        bench = Bench(chain(0.01, 0.02, 0.03))
        bench.network.dropping = once
        state = await bench.trace(Plan(rounds=2))
        assert books(state) == [(1, 2, 0), (2, 2, 0), (3, 2, 0)]
        assert state.stop_reason() == (StopReason.DESTINATION, None)
        sent = [sending.probe.ttl for sending in bench.network.sends]
        assert (sent.count(2), sent.count(3)) == (4, 2)
        assert bench.errors == {}

    run_virtual(test())


def test_all_given_back_at_once_are_no_reason_to_give_up() -> None:
    """Three local failures end a trace; eight probes given back do not."""
    seen: set[int] = set()

    def once(destination: str, probe: Probe) -> ProbeError | None:
        if probe.ttl in seen:
            return None
        seen.add(probe.ttl)
        return AskAgain()

    async def test() -> None:
        bench = Bench(chain(*[0.01] * 8))
        bench.network.dropping = once
        assert books(await bench.trace()) == [(ttl, 1, 0) for ttl in range(1, 9)]

    run_virtual(test())
