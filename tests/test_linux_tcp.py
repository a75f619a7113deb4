"""TCP probes in the lab: what leaves this host, what comes back, and what it is taken for."""

from __future__ import annotations

import asyncio
import time

import pytest

from exporter.model import Family, Kind, Probe
from exporter.sockets.linux_flights import PATIENCE_SECONDS
from tests.conftest import LabFactory
from tests.connecting import FAR, descriptors, each_family, opened
from tests.probing import DARK, MAIL, ROUTERS, WEB, Recorder, run
from tests.wiretap import wiretap


@each_family
def test_open_port_is_reset_before_it_sees_a_connection(
    lab_factory: LabFactory, family: Family
) -> None:
    """SYN, SYN-ACK, RST, and nothing else; the RTT is the kernel's own."""
    lab = lab_factory("small")

    async def test() -> None:
        recorder = Recorder()
        with wiretap() as tap:
            socket = opened(recorder, WEB, family)
            socket.send(Probe(1, 0, FAR))
            (response,) = await recorder.until_responses(1)
            assert [each.flags for each in tap.segments()] == ["SYN", "SYN-ACK", "RST"]
        socket.close()
        assert (response.address, response.kind) == (WEB[family], Kind.CONNECTED)
        assert (response.reached, response.code) == (True, None)
        record = lab.truth().only(ttl=FAR).records[0]
        assert record.second == 443
        assert record.rtt - 1e-6 <= response.rtt <= record.rtt_bound + 0.0005
        by_wall_clock = response.received_at + time.time() - time.monotonic()
        assert abs(by_wall_clock - record.sent_ns / 1e9) < 0.002

    run(test())


@each_family
def test_closed_port_is_reached_as_well(lab_factory: LabFactory, family: Family) -> None:
    """It answers with RST: refused, but the destination is there. Nothing is sent to it again."""
    lab = lab_factory("small")

    async def test() -> None:
        recorder = Recorder()
        with wiretap() as tap:
            socket = opened(recorder, MAIL, family, port=80)
            socket.send(Probe(1, 0, FAR))
            (response,) = await recorder.until_responses(1)
            assert tap.sent() == [("SYN", FAR)]
        socket.close()
        assert (response.address, response.kind) == (MAIL[family], Kind.REFUSED)
        assert (response.reached, response.reply_ttl) == (True, None)
        record = lab.truth().only(ttl=FAR).records[0]
        assert record.second == 80
        # No kernel stamp: as late as this process wakes up.
        assert record.rtt <= response.rtt <= record.rtt_bound + 0.2

    run(test())


@each_family
def test_unanswered_probe_is_one_packet(lab_factory: LabFactory, family: Family) -> None:
    """A filter drops what goes to the destination: no SYN is sent again, nothing stays open."""
    lab_factory("small")

    async def test() -> None:
        recorder = Recorder()
        with wiretap() as tap:
            socket = opened(recorder, DARK, family)
            before = descriptors()
            for number in range(3):
                socket.send(Probe(1, number, FAR))
                await asyncio.sleep(PATIENCE_SECONDS / 4)
            assert descriptors() == before + 3
            await asyncio.sleep(3 * PATIENCE_SECONDS)
            assert tap.sent() == [("SYN", FAR)] * 3
            assert descriptors() == before
        socket.close()
        assert (recorder.responses, recorder.failures, recorder.strangers) == ([], [], 0)

    run(test())


@each_family
@pytest.mark.parametrize(("name", "codes"), [("admin", (13, 1)), ("host", (1, 3))])
def test_unreachable_is_told_with_its_code(
    lab_factory: LabFactory, family: Family, name: str, codes: tuple[int, int]
) -> None:
    """A router on the way refuses to forward: its address and code, and not reached."""
    lab = lab_factory("small")
    lab.set_hop("core1", unreachable=name)

    async def test() -> None:
        recorder = Recorder()
        socket = opened(recorder, WEB, family)
        socket.send(Probe(1, 0, FAR))
        (response,) = await recorder.until_responses(1)
        socket.close()
        assert (response.address, response.kind) == (ROUTERS[family][1], Kind.UNREACHABLE)
        assert (response.code, response.reached) == (codes[family is Family.IPV6], False)

    run(test())


@each_family
def test_port_unreachable_of_the_destination_itself_reaches_it(
    lab_factory: LabFactory, family: Family
) -> None:
    """Its packet filter rejects with ICMP; the same from a router on the way reaches nothing."""
    lab = lab_factory("small")
    kind, code = (3, 3) if family is Family.IPV4 else (1, 4)

    async def test() -> None:
        recorder = Recorder()
        socket = opened(recorder, DARK, family)
        for number, source in enumerate((DARK[family], ROUTERS[family][1])):
            socket.send(Probe(1, number, FAR))
            lab.ping()
            lab.forge(source, kind, code, target="dark")
            await recorder.until_responses(number + 1)
        socket.close()
        assert [response.reached for response in recorder.responses] == [True, False]
        assert [response.code for response in recorder.responses] == [code, code]

    run(test())


@each_family
def test_options_show_on_the_wire(lab_factory: LabFactory, family: Family) -> None:
    """DSCP and port as asked for; no IPv6 flow label, which Linux makes up and routers hash."""
    lab_factory("small")

    async def test() -> None:
        recorder = Recorder()
        with wiretap() as tap:
            socket = opened(recorder, WEB, family, dscp=46, port=8443)
            for ttl in (1, 2, 9):
                socket.send(Probe(1, 0, ttl))
            await recorder.until_responses(3)
            segments = [each for each in tap.segments() if each.outgoing]
        socket.close()
        assert [each.packet.ttl for each in segments] == [1, 2, 9]
        assert {each.packet.second for each in segments} == {8443}
        assert {each.traffic_class for each in segments} == {46 << 2}
        if family is Family.IPV6:
            assert {each.flow_label for each in segments} == {0}

    run(test())
