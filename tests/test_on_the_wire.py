"""What leaves this host, caught on the link: the fields that a request and a flow decide."""

from __future__ import annotations

import pytest

from exporter.model import Family, Probe, Protocol
from tests.conftest import LabFactory
from tests.lab.packets import Packet
from tests.probing import DARK, Backend, Recorder, backends_that_honour, backends_where, run
from tests.test_translation import wire


def caught(backend: Backend, count: int, **options: object) -> list[Packet]:
    """So many probes of TTL 7, as they are on the link."""

    async def test() -> list[Packet]:
        request = backend.request(DARK[backend.family], **options)
        socket = backend.open(request, Recorder())
        with wire() as next_probe:
            packets = []
            for number in range(count):
                socket.send(Probe(1, number, 7))
                packets.append(next_probe())
        socket.close()
        return packets

    return run(test())


@backends_that_honour("dscp")
@pytest.mark.parametrize("dscp", [0, 46])
def test_dscp_is_in_the_header(lab_factory: LabFactory, backend: Backend, dscp: int) -> None:
    """Six bits of the traffic class (RFC 2474 section 3)."""
    lab_factory("small")
    (packet,) = caught(backend, 1, dscp=dscp)
    header = int.from_bytes(packet.data[:2], "big")
    traffic_class = header & 0xFF if backend.family is Family.IPV4 else header >> 4 & 0xFF
    assert traffic_class >> 2 == dscp


@backends_that_honour("mtu")
@pytest.mark.parametrize("whole", [False, True])
def test_fragments_are_forbidden_only_on_request(
    lab_factory: LabFactory, backend: Backend, whole: bool
) -> None:
    """The bit of IPv4; IPv6 has none, its routers never split anything."""
    lab_factory("small")
    (packet,) = caught(backend, 1, dont_fragment=whole)
    assert packet.dont_fragment is (whole or backend.family is Family.IPV6)


@backends_where(lambda backend: backend.protocol is Protocol.ICMP)
def test_flow_of_icmp_never_changes(lab_factory: LabFactory, backend: Backend) -> None:
    """Forty probes with one id, the wanted one, and one checksum: nothing that routers hash."""
    lab_factory("small")
    packets = caught(backend, 40, local_port=23456)
    assert len({packet.flow for packet in packets}) == 1
    assert packets[0].first == 23456
    assert len({packet.second for packet in packets}) == 40
    again = caught(backend, 1, local_port=23456)
    assert again[0].flow == packets[0].flow
