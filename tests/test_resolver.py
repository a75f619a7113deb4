"""Names become addresses, by the file, by rule, or by a real server on loopback."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from exporter.errors import ResolveError
from exporter.model import Family
from exporter.names.lookup import Answer
from exporter.names.resolver import Resolver
from exporter.settings import ResolverSettings
from tests.lab.dns import DnsServer
from tests.lab.dns_faults import Fault, Mode

V4, V6 = Family.IPV4, Family.IPV6
ZONE = {
    "ttl": 120,
    "hosts": {
        "www.example.net": ["192.0.2.20", "192.0.2.3", "2001:db8::1"],
        "only4.example.net": ["192.0.2.4"],
        "gw.lan.example": ["192.0.2.5"],
        "svc.ns.cluster.example": ["192.0.2.6"],
        "xn--bcher-kva.example": ["192.0.2.7"],
    },
    "aliases": {"a.example.net": "b.example.net", "b.example.net": "www.example.net"}
    | {"loop.example.net": "loop.example.net"},
    "ptr": {"192.0.2.1": ["z.example.net", "gw.example.net"], "2001:db8::1": "gw6.example.net"},
    "as_names": {"64500": {"name": 'QUOTED "NAME"', "country": "DE"}},
}
Scene = Callable[[DnsServer, Resolver], Awaitable[None]]


def play(scene: Scene, tmp_path: Path, hosts: str = "", timeout: float = 0.3) -> None:
    """Run a scene with a server and a resolver that knows it and no file of this machine."""
    path = tmp_path / "hosts"
    path.write_text(hosts)

    async def run() -> None:
        async with DnsServer(ZONE) as server:
            settings = ResolverSettings(("127.0.0.1",), server.port, timeout)
            conf = tmp_path / "resolv.conf"
            await scene(server, Resolver(settings, hosts_path=path, resolv_conf=conf))

    asyncio.run(run())


def test_a_name_has_its_addresses_in_a_stable_order(tmp_path: Path) -> None:
    """A server rotated its records: we named the same address first every time."""

    async def scene(server: DnsServer, resolver: Resolver) -> None:
        for host in ("www.example.net", "WWW.example.net.", "a.example.net"):
            assert await resolver.addresses(host, V4) == ("192.0.2.3", "192.0.2.20")
            assert await resolver.addresses(host, V6) == ("2001:db8::1",)
        assert await resolver.addresses("bücher.example", V4) == ("192.0.2.7",)

    play(scene, tmp_path)


def test_an_address_is_its_own_answer(tmp_path: Path) -> None:
    """An address was the target: it came back as the kernel writes it, and nobody was asked."""

    async def scene(server: DnsServer, resolver: Resolver) -> None:
        assert await resolver.addresses("192.0.2.1", V4) == ("192.0.2.1",)
        assert await resolver.addresses("2001:DB8:0::1", V6) == ("2001:db8::1",)
        with pytest.raises(ResolveError, match="2001:db8::1 is not an IPv4 address"):
            await resolver.addresses("2001:db8::1", V4)
        with pytest.raises(ResolveError, match=r"192\.0\.2\.1 is not an IPv6 address"):
            await resolver.addresses("192.0.2.1", V6)
        with pytest.raises(ResolveError, match=r"give the zone as the setting interface \(eth0\)"):
            await resolver.addresses("fe80::1%eth0", V6)
        assert not server.log

    play(scene, tmp_path)


@pytest.mark.parametrize(
    "host",
    [
        "1.2.3",
        "192.0.2.256",
        "0x7f.1",
        "192.0.2.1.",
        "7",
        "a b",
        "",
        "[::1]",
        "a\nb",
        "e\u202evil",
        "http://x/",
        "*.example.net",
        "1:2:3",
    ],
)
def test_what_cannot_be_a_host_is_not_asked_for(tmp_path: Path, host: str) -> None:
    """The target was neither an address nor a name: we said so without a question to the DNS."""

    async def scene(server: DnsServer, resolver: Resolver) -> None:
        with pytest.raises(ResolveError, match="is neither an address nor a host name") as caught:
            await resolver.addresses(host, V4)
        assert str(caught.value).isprintable()
        assert not server.log

    play(scene, tmp_path)


@pytest.mark.parametrize(
    ("host", "family", "message"),
    [
        ("nobody.example.net", V4, r"nobody\.example\.net does not exist \(NXDOMAIN\)"),
        ("only4.example.net", V6, r"only4\.example\.net has no AAAA record"),
        ("x" * 64 + ".example", V4, "cannot be asked for: A DNS label is > 63 octets long"),
        ("a..b.example", V4, "cannot be asked for: A DNS label is empty"),
        (".".join(["x" * 60] * 5), V4, "cannot be asked for: A DNS name is > 255 octets long"),
        ("loop.example.net", V4, "sent an answer that cannot be understood"),
    ],
)
def test_why_a_name_has_no_address(tmp_path: Path, host: str, family: Family, message: str) -> None:
    """A name had no address, and the operator reads why."""

    async def scene(server: DnsServer, resolver: Resolver) -> None:
        with pytest.raises(ResolveError, match=message):
            await resolver.addresses(host, family)

    play(scene, tmp_path)


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        (Mode.DROP, "did not answer within 0.3 s"),
        (Mode.SERVFAIL, "answered SERVFAIL"),
        (Mode.REFUSED, "answered REFUSED"),
        (Mode.HUGE, "sent an answer that cannot be understood"),
    ],
)
def test_why_a_server_was_of_no_use(tmp_path: Path, mode: Mode, message: str) -> None:
    """The server failed in its way, and the operator reads which server and how."""

    async def scene(server: DnsServer, resolver: Resolver) -> None:
        server.fault = Fault(mode)
        expected = f"www.example.net: name server 127.0.0.1 port {server.port} {message}"
        with pytest.raises(ResolveError, match=re.escape(expected)):
            await resolver.addresses("www.example.net", V4)

    play(scene, tmp_path)


def test_the_hosts_file_comes_first(tmp_path: Path) -> None:
    """The file named a host, and its addresses came in its order without a question."""

    async def scene(server: DnsServer, resolver: Resolver) -> None:
        assert await resolver.addresses("www.example.net", V4) == ("192.0.2.99", "192.0.2.1")
        assert await resolver.addresses("db.localhost", V6) == ("::1",)
        assert await resolver.ptr("192.0.2.1") == Answer(("www.example.net",))
        assert not server.log
        assert await resolver.addresses("www.example.net", V6) == ("2001:db8::1",)

    play(scene, tmp_path, hosts="192.0.2.99 www.example.net\n192.0.2.1 www.example.net\n")


def test_an_address_has_its_names(tmp_path: Path) -> None:
    """Two names, none, and no such record: each is an answer with its lifetime."""

    async def scene(server: DnsServer, resolver: Resolver) -> None:
        names = ("gw.example.net.", "z.example.net.")
        assert await resolver.ptr("192.0.2.1") == Answer(names, 120.0)
        assert await resolver.ptr("2001:db8::1") == Answer(("gw6.example.net.",), 120.0)
        assert await resolver.ptr("192.0.2.77") == Answer((), 120.0, exists=False)
        server.fault = Fault(Mode.EMPTY)
        assert (await resolver.ptr("192.0.2.1")).values == ()
        assert (await resolver.ptr("192.0.2.1")).exists
        with pytest.raises(ResolveError, match="gw is not an address"):
            await resolver.ptr("gw")

    play(scene, tmp_path)


def test_text_records_are_text(tmp_path: Path) -> None:
    """A TXT record with quotes came as it is, and an unknown AS is an absence."""

    async def scene(server: DnsServer, resolver: Resolver) -> None:
        answer = await resolver.txt("AS64500.asn.cymru.com.")
        assert answer.values == ('64500 | DE | lab | 2001-01-01 | QUOTED "NAME", DE',)
        assert await resolver.txt("AS1.asn.cymru.com.") == Answer((), 120.0, exists=False)

    play(scene, tmp_path)


def test_many_names_at_once_use_few_sockets(tmp_path: Path) -> None:
    """Two hundred targets wanted an address at once, ten could ask, and all got theirs."""

    async def scene(server: DnsServer, resolver: Resolver) -> None:
        settings = ResolverSettings(("127.0.0.1",), server.port, 2.0)
        few = Resolver(settings, hosts_path=tmp_path / "no", concurrency=10)
        server.fault = Fault(delay=0.005)
        before = len(os.listdir("/proc/self/fd"))
        asked = [asyncio.ensure_future(few.addresses("www.example.net", V4)) for _ in range(200)]
        most = 0
        while not all(task.done() for task in asked):
            most = max(most, len(os.listdir("/proc/self/fd")) - before)
            await asyncio.sleep(0.001)
        assert {task.result() for task in asked} == {("192.0.2.3", "192.0.2.20")}
        assert 0 < most <= 30

    play(scene, tmp_path)


def test_an_address_needs_no_dns_library() -> None:
    """A trace to an address started in a fresh process, and dnspython was never loaded."""
    program = (
        "import asyncio, sys; from exporter.enrichment.enricher import Enricher;"
        "from exporter.names.resolver import Resolver; from exporter.model import Family;"
        "from exporter.settings import ResolverSettings; r = Resolver(ResolverSettings());"
        "print(asyncio.run(r.addresses('192.0.2.1', Family.IPV4)));"
        "print([each for each in ('dns', 'maxminddb') if each in sys.modules])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert shown.stdout == "('192.0.2.1',)\n[]\n"


def test_the_dns_library_is_loaded_at_the_first_question(tmp_path: Path) -> None:
    """A fresh process asked for a name: the loop went on while dnspython was loaded."""
    program = f"""
import asyncio, sys
from pathlib import Path
from exporter.errors import ResolveError
from exporter.model import Family
from exporter.names.resolver import Resolver
from exporter.settings import ResolverSettings

async def main():
    resolver = Resolver(ResolverSettings(), resolv_conf=Path({str(tmp_path / "none")!r}))
    asked = [asyncio.ensure_future(resolver.addresses("x.example", Family.IPV4)) for _ in "123"]
    turns = 0
    while not asked[0].done():
        turns += 1
        await asyncio.sleep(0)
    await asyncio.wait(asked)
    print(turns > 2, {{type(task.exception()).__name__ for task in asked}}, "dns" in sys.modules)

asyncio.run(main())
"""
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert shown.stdout == "True {'LookupFailed'} True\n"
