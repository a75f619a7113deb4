"""The engine of datagram backends under a hostile kernel: scripted items on a real socket."""

from __future__ import annotations

import errno
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.errors import ErrorReason, ProbeError, SendBlocked
from exporter.model import Kind, Probe
from tests.scripted import DESTINATION, Bench, Item, scripted
from tests.test_errqueue import IPV4_EXPIRED, IPV6_EXPIRED, SEND_STAMP, STAMP


def test_router_answers_by_the_error_queue() -> None:
    """The plain case: address, kind, TTL; without stamps the RTT is measured here."""

    def test(bench: Bench) -> None:
        bench.kernel.errors.append(bench.send(Probe(1, 0, 3)))
        bench.wake_up()
        (response,) = bench.recorder.responses
        assert response.probe == Probe(1, 0, 3)
        assert (response.address, response.kind) == ("198.51.100.1", Kind.TIME_EXCEEDED)
        assert (response.reply_ttl, response.reached) == (60, False)
        assert 0 < response.rtt < 1

    scripted(test)


def test_pending_errors_do_not_eat_a_send() -> None:
    """Three answers to earlier probes make three sends fail; the probe goes out all the same."""

    def test(bench: Bench) -> None:
        bench.kernel.send_errors.extend(
            [errno.EHOSTUNREACH, errno.ECONNREFUSED, errno.EHOSTUNREACH]
        )
        item = bench.send(Probe(1, 0, 1))
        assert len(bench.kernel.sent) == 1
        bench.kernel.errors.append(item)
        bench.wake_up()
        assert len(bench.recorder.responses) == 1

    scripted(test)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENETUNREACH, ErrorReason.UNREACHABLE_NETWORK),
        (errno.EPERM, ErrorReason.PERMISSION),
        (errno.EMSGSIZE, ErrorReason.SEND),
    ],
)
def test_failure_that_stays_is_raised_after_a_few_tries(number: int, reason: ErrorReason) -> None:
    """Nothing is queued, so that it is about this probe."""

    def test(bench: Bench) -> None:
        bench.kernel.send_errors.extend([number] * 100)
        with pytest.raises(ProbeError) as caught:
            bench.engine.send(Probe(1, 0, 1))
        assert caught.value.reason is reason
        assert 90 <= len(bench.kernel.send_errors) < 100
        assert bench.kernel.sent == []

    scripted(test)


def test_full_buffer_is_told_at_once() -> None:
    """Trying again at once would not help."""

    def test(bench: Bench) -> None:
        bench.kernel.send_errors.extend([errno.EHOSTUNREACH, errno.ENOBUFS, errno.ENOBUFS])
        with pytest.raises(SendBlocked):
            bench.engine.send(Probe(1, 0, 1))
        assert len(bench.kernel.send_errors) == 1

    scripted(test)


def test_local_error_of_the_queue_is_a_failure_of_its_probe() -> None:
    """Origin `local`: no router said so. Nor is there an answer without an offender."""

    def test(bench: Bench) -> None:
        payload, _, flags, address = bench.send(Probe(1, 0, 1))
        local = struct.pack("=IBBBBII", errno.EMSGSIZE, 1, 0, 0, 0, 1400, 0)
        bench.kernel.errors.append((payload, [(0, 11, local)], flags, address))
        payload, _, flags, address = bench.send(Probe(1, 0, 2))
        bench.kernel.errors.append((payload, [(0, 11, IPV4_EXPIRED[:16])], flags, address))
        bench.wake_up()
        assert [probe.ttl for probe, _ in bench.recorder.failures] == [1, 2]
        assert bench.recorder.failures[0][1].reason is ErrorReason.SEND
        assert bench.recorder.responses == []

    scripted(test)


def test_errors_about_other_destinations_are_strangers() -> None:
    """The packet went elsewhere and the quote is too short to be proved ours; or nobody knows

    where it went.
    """

    def test(bench: Bench) -> None:
        payload, messages, flags, (_, port) = bench.send(Probe(1, 0, 1))
        bench.kernel.errors.append((payload[:9], messages, flags, ("192.0.2.2", port)))
        bench.kernel.errors.append((payload, messages, flags, None))
        bench.kernel.answers.append((payload, [], 0, ("192.0.2.2", port)))
        bench.wake_up()
        assert bench.recorder.strangers == 3
        assert bench.recorder.responses == []

    scripted(test)


@pytest.mark.parametrize(
    ("host", "shift", "translated"),
    [("192.0.2.2", 0, True), (DESTINATION, 1, True), ("", 0, False)],
)
def test_quote_of_a_rewritten_destination_counts_and_is_told(
    host: str, shift: int, translated: bool
) -> None:
    """Address or port differ from what was sent, but the cookie proves that it was our probe."""

    def test(bench: Bench) -> None:
        payload, messages, flags, (_, port) = bench.send(Probe(1, 0, 1))
        address = (host or DESTINATION, port + shift)
        bench.kernel.errors.append((payload, messages, flags, address))
        bench.wake_up()
        (response,) = bench.recorder.responses
        assert response.translated is translated
        assert (response.address, response.reached) == ("198.51.100.1", False)
        assert bench.recorder.strangers == 0

    scripted(test)


def test_queued_refusal_of_an_earlier_send_concerns_no_other_probe() -> None:
    """This host's EMSGSIZE quotes nothing: the probe on its way to the same port is not dropped."""

    def test(bench: Bench) -> None:
        payload, messages, flags, address = bench.send(Probe(1, 0, 1))
        local = struct.pack("=IBBBBII", errno.EMSGSIZE, 1, 0, 0, 0, 1400, 0)
        bench.kernel.errors.append((b"", [(0, 11, local)], 0, address))
        bench.kernel.errors.append((payload, messages, flags, address))
        bench.wake_up()
        assert (bench.recorder.failures, bench.recorder.strangers) == ([], 0)
        assert len(bench.recorder.responses) == 1

    scripted(test)


def test_send_stamps_alone_are_nobodys_answer() -> None:
    """With a stamp, without one, and for a send that never was."""

    def test(bench: Bench) -> None:
        item = bench.send(Probe(1, 0, 1))
        for messages in ([(0, 11, SEND_STAMP), (1, 37, STAMP)], [(0, 11, SEND_STAMP)]):
            bench.kernel.errors.append((b"", messages, 0, None))
        bench.kernel.errors.append(item)
        bench.wake_up()
        assert (len(bench.recorder.responses), bench.recorder.strangers) == (1, 0)

    scripted(test)


def test_error_of_a_read_is_passed_over() -> None:
    """The pending error comes out of the read: the answers behind it are read all the same."""

    def test(bench: Bench) -> None:
        item = bench.send(Probe(1, 0, 1))
        bench.kernel.errors.extend([OSError(errno.EHOSTUNREACH, "pending"), item])
        bench.kernel.answers.append(OSError(errno.ECONNREFUSED, "pending"))
        bench.wake_up()
        assert len(bench.recorder.responses) == 1

    scripted(test)


def test_flood_is_taken_in_portions() -> None:
    """A thousand items in one wake-up would keep all other targets waiting."""

    def test(bench: Bench) -> None:
        stranger: Item = (b"", [], 0, ("192.0.2.2", 1))
        bench.kernel.answers.extend([stranger] * 1000)
        steps = []
        while bench.kernel.answers:
            left = len(bench.kernel.answers)
            bench.wake_up()
            steps.append(left - len(bench.kernel.answers))
        assert max(steps) <= 256
        assert bench.recorder.strangers == 1000
        bench.kernel.errors.extend([stranger] * 200)
        bench.kernel.answers.extend([stranger] * 200)
        bench.wake_up()
        assert len(bench.kernel.errors) + len(bench.kernel.answers) >= 400 - 256

    scripted(test)


def test_listener_may_close_the_socket_while_it_is_drained() -> None:
    """The trace ends on an answer, the target is gone: nothing is read or told afterwards."""

    def test(bench: Bench) -> None:
        items = [bench.send(Probe(1, 0, ttl)) for ttl in (1, 2, 3)]
        bench.kernel.errors.extend(items)
        bench.kernel.answers.extend(items)
        bench.then = bench.engine.close
        bench.wake_up()
        assert len(bench.recorder.responses) == 1

    scripted(test)


_LEVELS = st.sampled_from([0, 1, 41])
_NUMBERS = st.sampled_from([2, 11, 25, 37, 52])
_BYTES = st.binary(max_size=60) | st.sampled_from([IPV4_EXPIRED, IPV6_EXPIRED, SEND_STAMP, STAMP])
_ADDRESSES = st.none() | st.tuples(
    st.sampled_from([DESTINATION, "192.0.2.2", "fe80::1%lab0"]), st.integers(0, 65535)
)
_ITEMS = st.tuples(
    st.binary(max_size=80),
    st.lists(st.tuples(_LEVELS, _NUMBERS, _BYTES), max_size=3),
    st.just(0),
    _ADDRESSES,
)


@settings(max_examples=100, deadline=None)
@given(st.lists(_ITEMS, max_size=5), st.lists(_ITEMS, max_size=2))
def test_nothing_that_arrives_raises(errors: list[Item], answers: list[Item]) -> None:
    """Arbitrary payloads, control messages and addresses: at most one word about each item, and

    no probe is answered twice.
    """

    def test(bench: Bench) -> None:
        for ttl in range(1, 6):
            bench.send(Probe(1, 0, ttl))
        bench.kernel.errors.extend(errors)
        bench.kernel.answers.extend(answers)
        bench.wake_up()
        heard = bench.recorder
        told = [response.probe for response in heard.responses]
        told += [probe for probe, _ in heard.failures]
        assert len(told) + heard.strangers <= len(errors) + len(answers)
        assert len(set(told)) == len(told)

    scripted(test)
