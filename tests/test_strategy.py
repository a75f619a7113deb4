"""Which TTLs a trace probes, how long it waits, and what it concludes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.model import Kind, Probe, StopReason
from exporter.trace.findings import has_loop
from exporter.trace.plan import Lesson, Plan
from exporter.trace.strategy import TraceState
from tests.simulated import DESTINATION, Answer, Network, path, play, respond

ONCE = Plan(rounds=1)


def test_first_trace_widens_its_window_until_the_destination_answers() -> None:
    """Twelve hops, none known: the window moves on with each answer, and the path is complete."""
    played = play(path(*[0.01] * 12), ONCE)
    assert played.addresses == [f"198.51.100.{ttl}" for ttl in range(1, 12)] + [DESTINATION]
    assert played.state.stop_reason() == (StopReason.DESTINATION, None)
    assert max(played.ttls(0)) < 12 + 8
    assert played.ended_at == pytest.approx(0.02)


def test_known_path_is_probed_no_further_than_its_length() -> None:
    """A later cycle over five known hops sends five probes a round, not thirty."""
    played = play(path(*[0.01] * 5), lesson=Lesson(5, True))
    assert [played.ttls(number) for number in range(3)] == [[1, 2, 3, 4, 5]] * 3
    assert played.state.destination() == (3, (0.01,) * 3)


def test_later_rounds_stop_at_the_destination_found_by_the_first() -> None:
    """The first round overshoots; the second and third do not."""
    played = play(path(0.01, 0.02, 0.03))
    assert played.ttls(1) == played.ttls(2) == [1, 2, 3]


def test_silent_hop_costs_an_adaptive_wait_only() -> None:
    """Hop 2 is silent between neighbours of 20 and 40 ms: given up after three times 40 ms."""
    played = play(path(0.02, None, 0.04, 0.03), Plan(rounds=1, patience=0.1, timeout=5))
    assert played.ended_at == pytest.approx(0.12)
    assert played.addresses == ["198.51.100.1", None, "198.51.100.3", DESTINATION]


@pytest.mark.parametrize("silent", range(1, 11))
def test_with_a_multiple_of_the_slowest_rtt_no_silent_hop_makes_a_trace_longer(silent: int) -> None:
    """Eleven hops 2 ms apart, whichever is silent: at most three times the RTT of the last."""
    rtts = [None if ttl == silent else 0.002 * ttl for ttl in range(1, 12)]
    played = play(path(*rtts), Plan(rounds=1, patience=0.1, multiple=2.5, timeout=5))
    assert len(played.addresses) == 11
    assert played.ended_at <= 3 * 0.022


def test_multiple_of_a_short_way_is_no_less_than_routers_need() -> None:
    """On a way of a tenth of a millisecond a router gets ten of them."""
    plan = Plan(rounds=1, patience=0.1, multiple=2.5, timeout=5)
    assert play(path(1e-4, None, 1e-4, 1e-4), plan).ended_at == pytest.approx(0.01)
    assert play(path(0.01, None, 0.2, 0.2), plan).ended_at == pytest.approx(0.5)


def test_doubt_about_the_hop_before_the_destination_is_no_wait_for_the_timeout() -> None:
    """It is asked twice more, and given up by the RTTs around it that the first round showed."""
    played = play(path(0.01, None, 0.04), Plan(rounds=1, patience=0.1, timeout=5))
    assert [ttls for number in range(3) for ttls in played.ttls(number)].count(2) == 3
    assert played.ended_at == pytest.approx(3 * 0.12)


def test_multiple_shortens_no_wait_for_what_nothing_is_known_behind() -> None:
    """A destination behind an ocean is waited for, whatever the RTTs before it."""
    plan = Plan(rounds=1, patience=0.1, multiple=2.5, timeout=5)
    assert play(path(0.001, 0.001, 0.5), plan).addresses[-1] == DESTINATION


def test_slow_answer_within_the_trace_is_not_lost() -> None:
    """An answer after its hop was given up, but before the trace ended, still counts."""

    def network(number: int, ttl: int) -> Answer | None:
        if (number, ttl) == (0, 2):
            return Answer(0.6, "198.51.100.2")
        return path(0.01, 0.01, 0.01)(number, ttl)

    played = play(network, Plan(rounds=3, patience=0.1, spacing=1.0))
    assert [hop.lost for hop in played.state.hops()] == [0, 0, 0]


def test_late_answer_of_a_hop_known_to_answer_is_waited_for() -> None:
    """A delay of 1.5 s where 10 ms are usual is an RTT, not a loss; a silent hop delays nothing."""
    slow = path(0.01, None, 1.5, 0.01)
    plan = Plan(rounds=1, patience=0.1, linger=2.0)
    played = play(slow, plan, Lesson(4, True, {1: 0.01, 3: 0.01, 4: 0.01}))
    assert [hop.lost for hop in played.state.hops()] == [0, 1, 0, 0]
    assert played.ended_at == pytest.approx(1.5)
    steady = play(path(0.01, None, 0.01, 0.01), plan, Lesson(4, True, {1: 0.01, 3: 0.01, 4: 0.01}))
    assert steady.ended_at == pytest.approx(0.1)
    given_up = play(path(0.01, None, None, 0.01), plan, Lesson(4, True, {1: 0.01, 3: 0.01}))
    assert given_up.ended_at == pytest.approx(2.0)


def test_silent_destination_is_given_up_after_a_gap_and_a_last_ditch() -> None:
    """Three routers, then nothing: one more silent hop is shown, and the reason is the gap."""
    played = play(path(0.01, 0.01, 0.01, destination=False), ONCE)
    assert played.addresses == ["198.51.100.1", "198.51.100.2", "198.51.100.3", None]
    assert played.state.stop_reason() == (StopReason.GAP, None)
    assert 30 in played.ttls(0)
    assert played.state.lesson() == Lesson(4, False, {1: 0.01, 2: 0.01, 3: 0.01})
    assert played.state.destination() == (1, ())


def test_destination_behind_many_silent_hops_is_found_by_the_last_ditch() -> None:
    """Fourteen silent routers in a row do not hide a destination that answers."""
    played = play(path(0.01, *[None] * 14, 0.05), ONCE)
    assert played.state.stop_reason() == (StopReason.DESTINATION, None)
    assert len(played.state.hops()) == 16
    assert played.state.lesson().length == 16


def test_unreached_path_costs_one_probe_beyond_it_and_one_last_ditch() -> None:
    """A later cycle towards a silent destination sends no window of useless probes."""
    played = play(path(0.01, 0.01, destination=False), lesson=Lesson(3, False))
    assert [played.ttls(number) for number in range(3)] == [[1, 2, 3, 30]] * 3
    assert played.state.destination() == (3, ())


def test_destination_that_begins_to_answer_is_found_at_its_distance() -> None:
    """The last ditch is answered at last: the hops before it are filled in."""
    played = play(path(0.01, 0.01, None, None, 0.02), lesson=Lesson(3, False))
    assert played.state.stop_reason() == (StopReason.DESTINATION, None)
    assert played.addresses[-1] == DESTINATION
    assert len(played.addresses) == 5


def test_lost_answer_of_a_known_destination_does_not_lengthen_the_path() -> None:
    """The only probe to the destination is lost: probes beyond it and a second look settle it."""
    lost = iter([True])

    def network(number: int, ttl: int) -> Answer | None:
        if ttl == 3 and next(lost, False):
            return None
        return path(0.01, 0.01, 0.01)(number, ttl)

    played = play(network, ONCE, Lesson(3, True, {3: 0.01}))
    assert len(played.state.hops()) == 3
    assert played.state.destination() == (2, (0.01,))


def test_lengthened_path_is_followed() -> None:
    """The hop where the destination used to be answers as a router: the trace goes on behind it."""
    played = play(path(*[0.01] * 6), lesson=Lesson(4, True))
    assert len(played.state.hops()) == 6
    assert played.state.lesson().length == 6


def test_shortened_path_ends_at_the_nearer_destination() -> None:
    """The destination answers at a lower TTL than before."""
    played = play(path(*[0.01] * 3), lesson=Lesson(6, True))
    assert len(played.state.hops()) == 3


@pytest.mark.parametrize("lengths", [(6, 4, 4), (4, 6, 6), (4, 6, 4), (4, 6, 5)])
def test_answers_at_other_distances_are_not_lost(lengths: tuple[int, ...]) -> None:
    """The path gets shorter or longer between two rounds, or a balancer knows a long and a short

    way: the destination answered in every round.
    """
    ways = [path(*[length / 1000] * length) for length in lengths]
    played = play(lambda number, ttl: ways[number](number, ttl), lesson=Lesson(lengths[0], True))
    assert played.state.destination() == (3, tuple(length / 1000 for length in lengths))


def test_loss_behind_a_longer_way_is_loss() -> None:
    """The second round went a longer way, and the destination, known to be near, stayed silent."""
    ways = [path(*[0.01] * 4), path(*[0.01] * 5, destination=False), path(*[0.01] * 4)]
    played = play(lambda number, ttl: ways[number](number, ttl), lesson=Lesson(4, True))
    assert played.state.destination() == (3, (0.01, 0.01))


def test_destination_that_went_silent_keeps_its_place() -> None:
    """All hops up to the known distance stay on show, and what is lost is the destination."""
    played = play(path(0.01, 0.01, None, None, destination=False), lesson=Lesson(4, True))
    assert [hop.ttl for hop in played.state.hops()] == [1, 2, 3, 4]
    assert played.state.lesson() == Lesson(4, True, {1: 0.01, 2: 0.01})
    assert played.state.destination()[1] == ()


def test_unreachable_ends_the_path_with_its_code() -> None:
    """A router says administratively prohibited; nothing behind it is waited for."""

    def network(number: int, ttl: int) -> Answer | None:
        if ttl < 3:
            return Answer(0.01, f"198.51.100.{ttl}")
        return Answer(0.01, "198.51.100.3", Kind.UNREACHABLE, 13)

    played = play(network)
    assert played.state.stop_reason() == (StopReason.UNREACHABLE, 13)
    assert len(played.state.hops()) == 3
    assert played.state.destination() == (3, ())


def test_routing_loop_is_recognised() -> None:
    """Two routers send the packet to and fro: the trace stops before the hop limit."""

    def network(number: int, ttl: int) -> Answer | None:
        return Answer(0.01, f"198.51.100.{ttl if ttl < 3 else 3 + ttl % 2}")

    played = play(network, ONCE)
    assert played.state.stop_reason() == (StopReason.LOOP, None)
    assert max(ttl for ttl in played.ttls(0) if ttl < 30) < 20
    assert len(played.state.hops()) == 7
    again = play(network, ONCE, played.state.lesson())
    assert again.state.stop_reason() == (StopReason.LOOP, None)
    assert again.state.hops() == played.state.hops()


def test_loop_needs_three_turns() -> None:
    """A router at two TTLs is no loop: parallel branches of different length look like that."""
    assert not has_loop(dict(enumerate("abcbd", 1)), 4)
    assert not has_loop(dict(enumerate("aaaaaaa", 1)), 7)
    assert has_loop(dict(enumerate("xababa", 1)), 6)
    assert has_loop(dict(enumerate("abcabca", 1)), 7)


def test_hop_limit() -> None:
    """Routers as far as the limit: that is the reason to stop."""
    played = play(path(*[0.01] * 40), Plan(rounds=1, max_hops=10))
    assert played.state.stop_reason() == (StopReason.MAX_HOPS, None)
    assert len(played.state.hops()) == 10


def test_first_hop_above_one() -> None:
    """`first_hop: 3` never probes nearer routers."""
    played = play(path(*[0.01] * 5), Plan(first_hop=3))
    assert [hop.ttl for hop in played.state.hops()] == [3, 4, 5]


def test_rounds_keep_their_distance() -> None:
    """Rounds start no closer than the spacing, so that rate limits of routers recover."""
    played = play(path(0.01), Plan(spacing=0.5))
    starts = sorted({time for time, _, _ in played.sends})
    assert starts == pytest.approx([0.0, 0.5, 1.0])


def test_nothing_could_be_sent() -> None:
    """Sends fail for a local reason: an error, no hop, and nothing lost."""
    state = TraceState(Plan(), 0.0)
    assert state.wanted()
    state.abort()
    assert state.stop_reason() == (StopReason.ERROR, None)
    assert state.hops() == ()
    assert state.destination() == (0, ())


def test_probe_dropped_by_this_host_is_neither_sent_nor_lost() -> None:
    """The kernel reports a failure after it took the probe."""
    state = TraceState(Plan(rounds=1), 0.0)
    state.sent(0, 1, 0.0)
    state.unsent(0, 1)
    state.unsent(0, 1)
    assert state.hops() == ()
    assert state.deadline(0.0) is not None


def test_duplicate_answer_counts_once() -> None:
    """The second copy of an answer changes nothing."""
    state = TraceState(Plan(), 0.0)
    state.wanted()
    state.sent(0, 1, 0.0)
    response = respond(0, 1, Answer(0.01, "198.51.100.1"))
    state.responded(response, 0.01)
    assert not state.responded(response, 0.02)
    assert state.hops()[0].lost == 0


def test_answer_of_an_earlier_round_counts_for_that_round() -> None:
    """It neither widens the window of the present round nor confuses its waiting."""
    state = TraceState(Plan(rounds=2, patience=0.1), 0.0)
    for number, ttl in state.wanted():
        state.sent(number, ttl, 0.0)
    now = 0.0
    while True:
        deadline = state.deadline(now)
        assert deadline is not None
        now = deadline
        state.advance(now)
        wanted = state.wanted()
        for number, ttl in wanted:
            state.sent(number, ttl, now)
        if wanted and wanted[0][0] == 1:
            break
    assert not state.responded(respond(0, 1, Answer(now, "198.51.100.1")), now)
    assert state.wanted() == []
    assert state.hops()[0].responses[0].probe == Probe(1, 0, 1)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Any network: silence, loss, jitter, unreachables and addresses at random."""
    length = draw(st.integers(1, 20))
    seed = draw(st.integers(0, 2**32))
    silence = draw(st.floats(0, 1))

    def network(number: int, ttl: int) -> Answer | None:
        chance = random.Random(f"{seed} {number} {ttl}")
        if chance.random() < silence:
            return None
        delay = chance.expovariate(20)
        if ttl >= length:
            return Answer(delay, DESTINATION, Kind.ECHO_REPLY)
        kind = Kind.UNREACHABLE if chance.random() < 0.05 else Kind.TIME_EXCEEDED
        code = 1 if kind is Kind.UNREACHABLE else None
        return Answer(delay, f"198.51.100.{chance.randrange(1, 6)}", kind, code)

    return network


@settings(max_examples=300, deadline=None)
@given(networks(), st.integers(1, 3), st.none() | st.integers(1, 30), st.booleans())
def test_every_trace_ends_and_its_books_balance(
    network: Network, rounds: int, length: int | None, reached: bool
) -> None:
    """Whatever the network does: the trace ends, no probe is sent twice, counts are consistent."""
    lesson = Lesson(length, reached and length is not None)
    played = play(network, Plan(rounds=rounds), lesson)
    state = played.state
    assert len({send[1:] for send in played.sends}) == len(played.sends)
    assert all(1 <= ttl <= 30 for _, _, ttl in played.sends)
    hops = state.hops()
    assert [hop.ttl for hop in hops] == sorted({hop.ttl for hop in hops})
    assert all(0 <= hop.lost <= hop.sent for hop in hops)
    sent, rtts = state.destination()
    assert len(rtts) <= sent
    assert (state.stop_reason()[0] is StopReason.DESTINATION) == bool(rtts)
    assert state.deadline(played.ended_at) is None
    longest = rounds * 4 * 2.0 + 10
    assert played.ended_at < longest
