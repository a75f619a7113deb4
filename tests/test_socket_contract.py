"""What every backend must do, on real packets in the lab, whatever its protocol and family."""

from __future__ import annotations

import struct

from exporter.model import Family, Kind, MplsEntry, Probe, Protocol
from exporter.sockets.extensions import mpls_stack
from tests.conftest import LabFactory
from tests.probing import DARK, MAIL, ROUTERS, WEB, Backend, Recorder, each_backend, run


@each_backend
def test_each_ttl_is_answered_by_its_hop(lab_factory: LabFactory, backend: Backend) -> None:
    """Four probes, three routers, the destination: addresses, kinds, TTLs, RTTs and MPLS labels."""
    lab = lab_factory("small")
    backend.quoted_enough(lab)

    async def test() -> None:
        recorder = Recorder()
        socket = backend.open(backend.request(WEB[backend.family]), recorder)
        for ttl in range(1, 5):
            socket.send(Probe(1, 0, ttl))
        responses = await recorder.until_responses(4)
        socket.close()
        assert socket.protocol is backend.protocol
        assert [r.address for r in responses] == [*ROUTERS[backend.family], WEB[backend.family]]
        assert [r.kind for r in responses[:3]] == [Kind.TIME_EXCEEDED] * 3
        assert [r.reached for r in responses] == [False, False, False, True]
        # Linux keeps the TTL of a SYN-ACK with IPv6 alone.
        kept = backend.protocol is not Protocol.TCP or backend.family is Family.IPV6
        assert [r.reply_ttl for r in responses] == [64, 254, 62, 61 if kept else None]
        assert mpls_stack(responses[1].extensions) == (MplsEntry(24017, 0, True, 1),)
        truth = lab.truth()
        for response in responses:
            record = truth.only(ttl=response.probe.ttl).records[0]
            assert record.rtt - 1e-6 <= response.rtt <= record.rtt_bound + 0.002

    run(test())


@each_backend
def test_many_probes_in_flight_are_all_answered(lab_factory: LabFactory, backend: Backend) -> None:
    """256 probes leave before one answer is looked at: queued errors eat no send, no answer is
    lost to the buffer, and each finds its own probe, though jitter shuffles them."""
    lab = lab_factory("small")
    lab.set_hop("gw", jitter="5ms")
    lab.set_hop("edge", quote="full")

    async def test() -> None:
        recorder = Recorder()
        socket = backend.open(backend.request(MAIL[backend.family]), recorder)
        probes = [Probe(1, number, ttl) for number in range(64) for ttl in range(1, 5)]
        for probe in probes:
            socket.send(probe)
        responses = await recorder.until_responses(len(probes))
        socket.close()
        assert [r.probe for r in responses] == sorted(probes)
        assert {r.address for r in responses if r.probe.ttl == 1} == {ROUTERS[backend.family][0]}
        assert recorder.strangers == 0

    run(test())


@each_backend
def test_sends_while_answers_pour_in(lab_factory: LabFactory, backend: Backend) -> None:
    """A thousand probes in bursts: every burst meets the pending errors of the one before."""
    lab = lab_factory("small")
    lab.set_hop("gw", delay="0ms")
    lab.set_hop("edge", quote="full")

    async def test() -> None:
        recorder = Recorder()
        socket = backend.open(backend.request(WEB[backend.family]), recorder)
        for number in range(250):
            for ttl in range(1, 5):
                socket.send(Probe(1, number, ttl))
            await recorder.until_responses(4 * number)
        await recorder.until_responses(1000)
        socket.close()

    run(test())
    assert lab.truth().sent == 1000


@each_backend
def test_answer_of_an_earlier_trace_is_known_as_such(
    lab_factory: LabFactory, backend: Backend
) -> None:
    """A slow answer arrives during the next trace: it names its own trace, not the new one's."""
    lab = lab_factory("small")
    lab.set_hop("edge", slow="200ms")
    backend.quoted_enough(lab)

    async def test() -> None:
        recorder = Recorder()
        socket = backend.open(backend.request(WEB[backend.family]), recorder)
        socket.send(Probe(1, 0, 3))
        socket.send(Probe(2, 0, 1))
        responses = await recorder.until_responses(2)
        socket.close()
        assert [r.probe for r in responses] == [Probe(1, 0, 3), Probe(2, 0, 1)]
        assert responses[0].rtt > 0.2

    run(test())


@each_backend
def test_duplicates_are_strangers(lab_factory: LabFactory, backend: Backend) -> None:
    """Every answer of a hop comes three times: one counts, two are told as unmatched.

    With TCP the first one ends the attempt to connect: the kernel keeps the others to itself.
    """
    strangers = 0 if backend.protocol is Protocol.TCP else 20
    lab = lab_factory("small")
    lab.set_hop("core1", duplicate=2)

    async def test() -> None:
        recorder = Recorder()
        socket = backend.open(backend.request(WEB[backend.family]), recorder)
        for number in range(10):
            socket.send(Probe(1, number, 2))
            await recorder.until_responses(number + 1)
        lab.settle()
        await recorder.until(lambda: recorder.strangers == strangers)
        socket.close()
        assert (len(recorder.responses), recorder.strangers) == (10, strangers)

    run(test())


@each_backend
def test_forged_errors_do_not_count(lab_factory: LabFactory, backend: Backend) -> None:
    """Errors that quote a packet which we never sent, or one to somebody else, change nothing."""
    lab = lab_factory("small")

    async def test() -> None:
        recorder = Recorder()
        socket = backend.open(backend.request(DARK[backend.family]), recorder)
        socket.send(Probe(1, 0, 7))
        lab.ping()
        quote = _quote_with_other_payload(lab.truth().records[-1].size, backend.family)
        expired = 11 if backend.family is Family.IPV4 else 3
        lab.forge(ROUTERS[backend.family][0], expired, 0, quote=quote)
        socket.send(Probe(1, 1, 1))
        await recorder.until_responses(1)
        socket.close()
        assert [r.probe for r in recorder.responses] == [Probe(1, 1, 1)]

    run(test())


def _quote_with_other_payload(size: int, family: Family) -> str:
    """A packet to somebody else, with nothing of ours in it."""
    if family is Family.IPV4:
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, size, 1, 0, 1, 17, 0, b"\1" * 4, b"\2" * 4)
    else:
        header = struct.pack("!IHBB16s16s", 6 << 28, size, 17, 1, b"\1" * 16, b"\2" * 16)
    return (header + bytes(64)).hex()


@each_backend
def test_two_sockets_to_one_destination_keep_apart(
    lab_factory: LabFactory, backend: Backend
) -> None:
    """Each gets the answers to its own probes, with the same numbers and at the same time."""
    backend.quoted_enough(lab_factory("small"))

    async def test() -> None:
        recorders = [Recorder(), Recorder()]
        request = backend.request(WEB[backend.family])
        sockets = [backend.open(request, recorder) for recorder in recorders]
        for ttl in range(1, 5):
            for socket in sockets:
                socket.send(Probe(1, 0, ttl))
        for recorder, socket in zip(recorders, sockets, strict=True):
            responses = await recorder.until_responses(4)
            assert [r.probe.ttl for r in responses] == [1, 2, 3, 4]
            assert recorder.strangers == 0
            socket.close()

    run(test())
