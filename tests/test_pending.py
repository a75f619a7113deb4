"""Probes in flight: first answer wins, stamps find their sends, round trips outlive the clocks."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import Probe
from exporter.sockets.pending import Pending, Sent
from exporter.sockets.roundtrip import times

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
NOON = 1_700_000_000 * SECOND
UPTIME = 500 * SECOND
MICROSECOND = 1000


def add(pending: Pending, probe: Probe, port: int = 0, wall_ns: int = NOON) -> tuple[int, Sent]:
    """Send a probe: its sequence number and its entry."""
    sequence = pending.next_sequence(probe)
    sent = Sent(probe, port, wall_ns, UPTIME)
    pending.add(sequence, sent)
    return sequence, sent


def test_first_answer_wins() -> None:
    """An answered probe leaves the table, so that a duplicate finds nothing."""
    pending = Pending()
    sequence, sent = add(pending, Probe(1, 0, 1))
    assert len(pending) == 1
    assert pending.take(sequence, 0) is sent
    assert pending.take(sequence, 0) is None
    assert pending.take(None, 0) is None
    assert len(pending) == 0


def test_a_socket_is_stamped_when_every_send_is() -> None:
    """Stamps that came, one that is impossible, and sends whose count began anew."""
    pending = Pending()
    assert not pending.unstamped
    for ttl in (1, 2):
        add(pending, Probe(1, 0, ttl))
    pending.stamped(0, NOON + 1)
    assert pending.unstamped
    pending.stamped(1, NOON - 1)
    assert pending.unstamped
    pending.stamped(1, NOON + 1)
    assert not pending.unstamped
    add(pending, Probe(1, 0, 3))
    pending.count_anew()
    add(pending, Probe(1, 0, 4))
    pending.stamped(0, NOON + 2)
    assert pending.unstamped
    pending.stamped(2, NOON + 2)
    assert not pending.unstamped


def test_port_alone_means_the_newest_probe_to_it() -> None:
    """A quote without payload answers the latest round; a second one finds nothing."""
    pending = Pending()
    add(pending, Probe(1, 0, 3), port=33436)
    _, other = add(pending, Probe(1, 0, 4), port=33437)
    _, newest = add(pending, Probe(1, 1, 3), port=33436)
    assert pending.take(-1, 33436) is newest
    assert pending.take(-1, 33436) is None
    assert pending.take(-1, 33437) is other
    assert pending.take(-1, 9) is None


def test_probes_of_the_trace_before_are_remembered_and_older_ones_dropped() -> None:
    """A late answer is known for what it is, for one trace; memory is bounded."""
    pending = Pending()
    first, _ = add(pending, Probe(1, 0, 1), port=33434)
    second, sent = add(pending, Probe(2, 0, 1), port=33435)
    assert len(pending) == 2
    add(pending, Probe(3, 0, 1), port=33436)
    assert pending.take(first, 33434) is None
    assert pending.take(-1, 33434) is None
    assert pending.take(second, 33435) is sent
    for trace in range(4, 200):
        for ttl in range(1, 30):
            add(pending, Probe(trace, 0, ttl), port=33433 + ttl)
    assert len(pending) == 2 * 29


def test_sequence_wraps_around_and_passes_over_waiting_numbers() -> None:
    """More sends than there are numbers, while 255 wait: no number is given out twice at a time."""
    pending = Pending()
    waiting = {add(pending, Probe(1, 0, ttl))[0] for ttl in range(1, 256)}
    for number in range(0x10000 + 500):
        sequence, _ = add(pending, Probe(1, number, 1))
        assert 0 <= sequence <= 0xFFFF
        assert sequence not in waiting
        pending.take(sequence, 0)
    assert len(pending) == 255


def test_sequence_starts_where_nobody_can_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sockets start at different numbers, drawn from the whole range."""
    monkeypatch.setattr(random, "randrange", random.Random(1).randrange)
    first = {Pending().next_sequence(Probe(1, 0, 1)) for _ in range(50)}
    assert len(first) > 45


def test_send_stamps_find_their_probes_by_number() -> None:
    """Stamps come in any order, once each; numbers never given out are ignored."""
    pending = Pending()
    sent = [add(pending, Probe(1, 0, ttl))[1] for ttl in range(1, 4)]
    for number in (2, 0, 1):
        pending.stamped(number, NOON + number)
    pending.stamped(1, NOON + 99)
    pending.stamped(3, NOON + 99)
    assert [each.stamp_ns for each in sent] == [NOON, NOON + 1, NOON + 2]


def test_stamp_before_the_clock_was_read_is_refused() -> None:
    """The kernel cannot have sent a probe before this process handed it over."""
    pending = Pending()
    _, sent = add(pending, Probe(1, 0, 1))
    pending.stamped(0, NOON - 1)
    assert sent.stamp_ns is None


def test_stamps_of_before_a_failed_send_find_their_probes() -> None:
    """They were queued already when the kernel's count began anew, twice: each probe is stamped by
    the kernel, none by the stamp of another with its number."""
    pending = Pending()
    sent = []
    for number in range(6):
        sent.append(add(pending, Probe(1, 0, number + 1), wall_ns=NOON + 10 * number)[1])
        if number in (1, 3):
            pending.count_anew()
    for number in range(6):
        pending.stamped(number % 2, NOON + 10 * number + 5)
    pending.stamped(0, NOON + 99)
    assert [each.stamp_ns for each in sent] == [NOON + 10 * number + 5 for number in range(6)]


def test_stamps_count_anew_after_a_failed_send() -> None:
    """The next send is number 0 again, and a stamp that may be of either is that of the later."""
    pending = Pending()
    _, before = add(pending, Probe(1, 0, 1))
    pending.count_anew()
    _, after = add(pending, Probe(1, 0, 2))
    pending.stamped(0, NOON + 5)
    assert (before.stamp_ns, after.stamp_ns) == (None, NOON + 5)


def test_stamps_of_dropped_traces_are_dropped() -> None:
    """A stamp for a probe of long ago changes nothing and keeps nothing alive."""
    pending = Pending()
    _, old = add(pending, Probe(1, 0, 1))
    add(pending, Probe(3, 0, 1))
    pending.stamped(0, NOON + 5)
    assert old.stamp_ns is None


# -- round trips: all readings in nanoseconds, `stamp` is the kernel's at sending ---------------


def sent_at(stamp: int | None) -> Sent:
    """A probe handed over at noon, stamped by the kernel `stamp` after that."""
    sent = Sent(Probe(1, 0, 1), 0, NOON, UPTIME)
    sent.stamp_ns = None if stamp is None else NOON + stamp
    return sent


def test_kernel_stamps_decide() -> None:
    """Sent 40 µs after the call, received 10 ms later, looked at 300 ms late: 10 ms."""
    late = 310 * SECOND // 1000
    received = NOON + 40 * MICROSECOND + SECOND // 100
    found = times(sent_at(40 * MICROSECOND), received, NOON + late, UPTIME + late)[0]
    assert found == pytest.approx(0.01)


def test_without_a_send_stamp_the_clock_before_sending_decides() -> None:
    """The receive stamp alone still spares the wait for the event loop."""
    received, late = NOON + SECOND // 100, SECOND // 2
    assert times(sent_at(None), received, NOON + late, UPTIME + late)[0] == pytest.approx(0.01)


def test_without_a_receive_stamp_the_monotonic_clock_decides() -> None:
    """From before the send to after the reception, by this process."""
    late = SECOND // 50
    assert times(sent_at(1), None, NOON + late, UPTIME + late)[0] == pytest.approx(0.02)


@pytest.mark.parametrize(
    "step", [-3 * HOUR, -HOUR, -SECOND, -SECOND // 200, SECOND // 200, SECOND, HOUR, 3 * HOUR]
)
@pytest.mark.parametrize("stepped_first", [True, False])
def test_clock_set_while_a_probe_is_on_its_way(step: int, stepped_first: bool) -> None:
    """Set before or after the kernel's receive stamp, by milliseconds or hours: the monotonic clock

    decides, so that the RTT is right but for the wake-up of the event loop.
    """
    travel, late = SECOND // 100, SECOND // 100 + 50 * MICROSECOND
    received = NOON + travel + (step if stepped_first else 0)
    found = times(sent_at(0), received, NOON + late + step, UPTIME + late)[0]
    assert found == pytest.approx(0.01, abs=0.0001)


def test_stamps_out_of_order_are_not_believed() -> None:
    """Received before it was sent: no clock step, but no RTT below zero either."""
    late = SECOND // 100
    found = times(sent_at(5 * MICROSECOND), NOON, NOON + late, UPTIME + late)[0]
    assert found == pytest.approx(0.01)


nanoseconds = st.integers(-10 * HOUR, 10 * HOUR)


@given(
    stamp=st.none() | st.integers(0, SECOND),
    received=st.none() | nanoseconds,
    now=nanoseconds,
    elapsed=st.integers(0, 10 * HOUR),
)
def test_no_round_trip_is_negative_or_longer_than_the_time_that_passed(
    stamp: int | None, received: int | None, now: int, elapsed: int
) -> None:
    """Whatever the clocks say, the RTT fits into the time that really passed."""
    stamped = None if received is None else NOON + received
    found = times(sent_at(stamp), stamped, NOON + now, UPTIME + elapsed)[0]
    assert 0 <= found <= elapsed / SECOND + 0.001


@given(travel=st.integers(0, 10 * SECOND), late=st.integers(0, SECOND), skew=st.integers(-50, 50))
def test_slewing_clock_keeps_the_kernels_precision(travel: int, late: int, skew: int) -> None:
    """NTP slews by 500 ppm at most: no step, so the kernel's stamps still decide."""
    elapsed = travel + late
    slewed = elapsed * skew // 100_000
    received = NOON + travel + travel * skew // 100_000
    found = times(sent_at(0), received, NOON + elapsed + slewed, UPTIME + elapsed)[0]
    assert found == pytest.approx(travel / SECOND, rel=0.001, abs=1e-6)


def test_the_kernel_had_it_before_we_looked() -> None:
    """Received 10 ms after noon and looked at 300 ms late: the time between is what it waited."""
    late = 310 * SECOND // 1000
    found = times(sent_at(0), NOON + SECOND // 100, NOON + late, UPTIME + late)[1]
    assert found == pytest.approx(UPTIME / SECOND + 0.01)


@pytest.mark.parametrize("step", [-3 * HOUR, -SECOND, SECOND, 3 * HOUR])
def test_clock_set_after_the_kernel_had_it(step: int) -> None:
    """No answer waited for hours, nor is any from the future: it came when we looked."""
    late = SECOND // 10
    found = times(sent_at(0), NOON + SECOND // 100, NOON + late + step, UPTIME + late)[1]
    assert found == pytest.approx(UPTIME / SECOND + 0.1)
