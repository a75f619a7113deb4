"""The lab's DNS server, asked by plain sockets and by hand."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.message
import dns.rcode
import pytest

from tests.clock import until
from tests.lab.dns import DnsServer, obey
from tests.lab.dns_faults import Fault, Mode
from tests.lab.dns_zone import Zone

ZONE: dict[str, Any] = {
    "ttl": 77,
    "ptr": {"198.51.100.1": "gw.example.net", "2001:db8::1": ["a.example.net", "b.example.net"]},
    "origins": [
        {"prefix": "198.51.100.0/24", "asn": [64500, 64501], "country": "DE"},
        {"prefix": "198.51.0.0/16", "asn": 64502, "country": "US"},
        {"prefix": "2001:db8::/32", "asn": 64503},
    ],
    "as_names": {"64500": {"name": "EXAMPLE-ACCESS", "country": "DE"}, "64501": {"name": "BARE"}},
    "hosts": {"www.example.net": ["192.0.2.1", "2001:db8::1"]},
    "aliases": {"ftp.example.net": "www.example.net"},
}
REVERSE6 = "1." + "0." * 23 + "8.b.d.0.1.0.0.2"


@pytest.mark.parametrize(
    ("name", "record", "texts"),
    [
        ("1.100.51.198.in-addr.arpa", "PTR", ["gw.example.net."]),
        (f"{REVERSE6}.ip6.arpa", "PTR", ["a.example.net.", "b.example.net."]),
        ("WWW.example.net", "A", ["192.0.2.1"]),
        ("www.example.net", "AAAA", ["2001:db8::1"]),
        ("ftp.example.net", "A", ["www.example.net.", "192.0.2.1"]),
        ("ftp.example.net", "CNAME", ["www.example.net."]),
        (
            "9.100.51.198.origin.asn.cymru.com",
            "TXT",
            [
                '"64500 64501 | 198.51.100.0/24 | DE | lab | 2001-01-01"',
                '"64502 | 198.51.0.0/16 | US | lab | 2001-01-01"',
            ],
        ),
        (
            f"{REVERSE6}.origin6.asn.cymru.com",
            "TXT",
            ['"64503 | 2001:db8::/32 |  | lab | 2001-01-01"'],
        ),
        ("AS64500.asn.cymru.com", "TXT", ['"64500 | DE | lab | 2001-01-01 | EXAMPLE-ACCESS, DE"']),
        ("AS64501.asn.cymru.com", "TXT", ['"64501 |  | lab | 2001-01-01 | BARE"']),
    ],
)
def test_the_zone_has_its_records(name: str, record: str, texts: list[str]) -> None:
    """A question was asked, and the zone had these records for it."""
    answer = Zone(ZONE).answer(dns.message.make_query(name, record))
    assert [item.to_text() for rrset in answer.answer for item in rrset] == texts
    assert {rrset.ttl for rrset in answer.answer} == {77}


@pytest.mark.parametrize(
    ("name", "record", "code"),
    [
        ("nobody.example.net", "A", dns.rcode.NXDOMAIN),
        ("www.example.net", "MX", dns.rcode.NOERROR),
        ("9.113.0.203.origin.asn.cymru.com", "TXT", dns.rcode.NXDOMAIN),
        ("x.origin.asn.cymru.com", "TXT", dns.rcode.NXDOMAIN),
        ("1.2.origin6.asn.cymru.com", "TXT", dns.rcode.NXDOMAIN),
    ],
)
def test_an_absence_says_how_long_it_holds(name: str, record: str, code: dns.rcode.Rcode) -> None:
    """There was no such record: the right code, and an SOA record with the lifetime."""
    answer = Zone(ZONE).answer(dns.message.make_query(name, record))
    assert (answer.rcode(), answer.answer) == (code, [])
    (soa,) = answer.authority
    assert soa.to_text() == ". 77 IN SOA ns.lab. admin.lab. 1 3600 600 86400 77"


def test_the_server_starts_stops_and_counts() -> None:
    """A server was started twice on one port: the second was refused, and the log is right."""

    async def scene() -> None:
        async with DnsServer(ZONE) as server:
            with pytest.raises(OSError, match="in use"):
                await DnsServer(ZONE, port=server.port).start()
            loop = asyncio.get_running_loop()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                sock.connect((server.address, server.port))
                await loop.sock_sendall(sock, b"junk")
                await loop.sock_sendall(
                    sock, dns.message.make_query("WWW.example.net", "A").to_wire()
                )
                answer = dns.message.from_wire(await loop.sock_recv(sock, 512))
            assert answer.rcode() == dns.rcode.NOERROR
            assert server.log == [("www.example.net", "A", "udp")]
            assert server.queries == {"www.example.net": 1}

    asyncio.run(scene())


def test_a_server_that_breaks_says_so() -> None:
    """The lab itself was at fault while it answered: the test that used it is told."""

    async def scene() -> None:
        server = DnsServer(ZONE)
        await server.start()
        server.fault = Fault("no such mode")  # type: ignore[arg-type]
        server.zone = None  # type: ignore[assignment]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((server.address, server.port))
            sock.send(dns.message.make_query("www.example.net", "A").to_wire())
        await until(lambda: server.log)
        await asyncio.sleep(0)
        with pytest.raises(AttributeError):
            await server.stop()

    asyncio.run(scene())


def test_the_control_socket_obeys() -> None:
    """Commands came: good ones were carried out, bad ones were refused with the reason."""
    server = DnsServer(ZONE)
    assert obey(server, b'{"fault": {"mode": "drop", "delay": 0.5, "suffix": "arpa"}}') == {
        "ok": True
    }
    assert server.fault == Fault(Mode.DROP, 0.5, "arpa")
    assert obey(server, b'{"fault": {}}') == {"ok": True}
    assert server.fault == Fault()
    assert obey(server, b'{"zone": {"hosts": {"new": ["192.0.2.9"]}}}') == {"ok": True}
    assert server.zone.records == {"new": {"A": ["192.0.2.9"]}}
    assert obey(server, b'{"queries": true}') == {"queries": {}}
    for line in (b"{", b'{"fault": {"mode": "x"}}', b'{"zone": {"origins": [{}]}}', b"[]", b"7"):
        assert obey(server, line)["ok"] is (line == b"[]")


@pytest.fixture
def process(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str, int, Path]]:
    """The server as a process of its own, with a control socket."""
    zone = tmp_path / "zone.json"
    zone.write_text(json.dumps(ZONE))
    control = tmp_path / "control"
    command = [
        sys.executable,
        "-m",
        "tests.lab.dns",
        "--zone",
        str(zone),
        "--control",
        str(control),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            word, address, port = child.stdout.readline().split()
            assert word == "ready"
            yield child, address, int(port), control
        finally:
            child.kill()


def test_the_server_by_hand(process: tuple[subprocess.Popen[str], str, int, Path]) -> None:
    """The server was started by hand, asked over UDP and TCP, controlled and ended."""
    child, address, port, control = process
    query = dns.message.make_query("www.example.net", "AAAA").to_wire()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(20)
        udp.connect((address, port))
        udp.send(query)
        answer = dns.message.from_wire(udp.recv(512))
    assert answer.answer[0][0].to_text() == "2001:db8::1"
    with socket.create_connection((address, port), timeout=20) as tcp, tcp.makefile("rwb") as both:
        both.write(len(query).to_bytes(2) + query)
        both.flush()
        size = int.from_bytes(both.read(2))
        assert dns.message.from_wire(both.read(size)).answer == answer.answer
    with socket.socket(socket.AF_UNIX) as unix, unix.makefile("rwb") as lines:
        unix.settimeout(20)
        unix.connect(os.fspath(control))
        lines.write(b'{"queries": true}\n')
        lines.flush()
        assert json.loads(lines.readline()) == {"queries": {"www.example.net": 2}}
    child.send_signal(signal.SIGTERM)
    assert child.wait(20) == 0
    assert not control.exists()
