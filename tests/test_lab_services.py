"""Services in the lab: datagrams, QUIC and TCP as a destination answers them."""

from __future__ import annotations

import socket

import pytest

from tests.conftest import LabFactory
from tests.lab.prober import FAMILIES, Prober
from tests.lab.small import WAY, WEB, ask

both = pytest.mark.parametrize("version", [4, 6])


@both
def test_datagram_services_answer(lab_factory: LabFactory, version: int) -> None:
    """The echo port gave the payload back; the QUIC port offered its versions."""
    lab = lab_factory("small")
    with Prober(WEB[version], 7) as echo, Prober(WEB[version], 443) as quic:
        assert ask(echo, 64, b"hello").payload == b"hello"
        probe = b"\xc0\x1a\x2a\x3a\x4a\x08AAAAAAAA\x08BBBBBBBB"
        assert ask(quic, 64, probe.ljust(1200, b"\0")).payload == (
            b"\xc0\0\0\0\0\x08BBBBBBBB\x08AAAAAAAA\0\0\0\1"
        )
        quic.send(64, probe)
        lab.settle()
        assert quic.drain() == []
    kinds = [each.kind for each in lab.truth().answered]
    assert kinds == ["datagram", "version_negotiation"]


@both
def test_connections_are_accepted_refused_and_ended(lab_factory: LabFactory, version: int) -> None:
    """An open port accepted, a closed one refused, a closed connection left nothing behind."""
    lab = lab_factory("small")
    with socket.socket(FAMILIES[version], socket.SOCK_STREAM) as stream:
        stream.settimeout(2)
        stream.connect((WEB[version], 443))
        stream.shutdown(socket.SHUT_WR)
        with pytest.raises(ConnectionResetError):
            stream.recv(1)
    with socket.socket(FAMILIES[version], socket.SOCK_STREAM) as stream:
        stream.settimeout(2)
        with pytest.raises(ConnectionRefusedError):
            stream.connect((WEB[version], 80))
    assert [each.kind for each in lab.truth()] == ["connected", "refused"]


def test_a_connection_that_runs_out_of_ttl_names_the_router(lab_factory: LabFactory) -> None:
    """A SYN with TTL 2 put the core's time exceeded on the socket's error queue."""
    lab = lab_factory("small")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream:
        stream.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 2)
        stream.setsockopt(socket.IPPROTO_IP, 11, 1)
        stream.settimeout(2)
        with pytest.raises(OSError, match="No route to host"):
            stream.connect((WEB[4], 443))
        _, ancillary, _, _ = stream.recvmsg(100, 512, 0x2000)
    assert socket.inet_ntoa(ancillary[0][2][20:24]) == WAY[4][1]
    record = lab.truth().records[0]
    assert (record.protocol, record.kind, record.second) == ("tcp", "time_exceeded", 443)
