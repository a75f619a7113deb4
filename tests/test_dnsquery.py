"""Which servers are asked, in which order, and what resolv.conf has to do with it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from exporter.names.lookup import LookupFailed
from exporter.names.query import DnsClient
from exporter.settings import ResolverSettings
from tests.lab.dns import DnsServer
from tests.lab.dns_faults import Fault, Mode

ZONE = {
    "hosts": {
        "gw.lan.example": ["192.0.2.5"],
        "svc.ns.cluster.example": ["192.0.2.6"],
        "www.example.net": ["192.0.2.7"],
    }
}


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """Where resolv.conf will be."""
    return tmp_path / "resolv.conf"


def configure(conf: Path, text: str) -> None:
    """Write resolv.conf and leave no doubt that it has changed."""
    before = conf.stat().st_mtime_ns if conf.exists() else 0
    conf.write_text(text)
    os.utime(conf, ns=(before + 10**9, before + 10**9))


def remove(conf: Path) -> None:
    """Take resolv.conf away."""
    conf.unlink()


def play(scene: Callable[[DnsServer], Awaitable[None]]) -> None:
    """Run a scene with a server."""

    async def run() -> None:
        async with DnsServer(ZONE) as server:
            await scene(server)

    asyncio.run(run())


def test_the_search_list_completes_short_names(conf: Path) -> None:
    """A target of one label was completed by the search list; others were asked for as given."""

    async def scene(server: DnsServer) -> None:
        configure(conf, "search corp.example lan.example\nnameserver 127.0.0.1\n")
        client = DnsClient(ResolverSettings(port=server.port, timeout=0.5), conf)
        assert (await client.ask("gw", "A", search=True)).values == ("192.0.2.5",)
        assert list(server.queries) == ["gw.corp.example", "gw.lan.example"]
        server.log.clear()
        assert not (await client.ask("gw.", "A", search=True)).exists
        assert not (await client.ask("gw", "A")).exists
        assert not (await client.ask("no.example.net", "A", search=True)).exists
        assert list(server.queries) == ["gw", "no.example.net"]

    play(scene)


def test_ndots_widens_the_search(conf: Path) -> None:
    """resolv.conf, as in a cluster, wants names with dots completed: we did."""

    async def scene(server: DnsServer) -> None:
        configure(
            conf, "search cluster.example\noptions ndots:5 rotate timeout:x\nnameserver 127.0.0.1\n"
        )
        client = DnsClient(ResolverSettings(port=server.port, timeout=0.5), conf)
        assert (await client.ask("svc.ns", "A", search=True)).values == ("192.0.2.6",)

    play(scene)


def test_own_servers_keep_the_search_list(conf: Path) -> None:
    """The configuration names its server: the system's are not asked, its search list is used."""

    async def scene(server: DnsServer) -> None:
        configure(conf, "search lan.example\nnameserver 127.0.0.99\n")
        client = DnsClient(ResolverSettings(("127.0.0.1",), server.port, 0.5), conf)
        assert (await client.ask("gw", "A", search=True)).values == ("192.0.2.5",)
        remove(conf)
        assert (await client.ask("www.example.net", "A", search=True)).values == ("192.0.2.7",)

    play(scene)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot use .*resolv.conf: cannot open"),
        (b"", "no nameservers"),
        (b"# nothing\n", "no nameservers"),
        (b"nameserver\nnameserver junk\n", "cannot use|no name server"),
        (b"\xff\xfe\x00", "cannot use"),
        (b"search a..b\nnameserver 127.0.0.1\n", "cannot use .*label is empty"),
        (b"nameserver https://dns.example/query\n", "no name server in"),
    ],
)
def test_no_usable_resolv_conf_is_a_failure_until_it_is(
    conf: Path, content: bytes | None, message: str
) -> None:
    """resolv.conf was missing or broken: each look-up failed and said why, until it was good."""
    if content is not None:
        conf.write_bytes(content)

    async def scene(server: DnsServer) -> None:
        client = DnsClient(ResolverSettings(port=server.port, timeout=0.5), conf)
        for _ in range(2):
            with pytest.raises(LookupFailed, match=message) as caught:
                await client.ask("www.example.net", "A")
            assert caught.value.result == "error"
        assert not server.log
        configure(conf, "nameserver 127.0.0.1\n")
        assert (await client.ask("www.example.net", "A")).values == ("192.0.2.7",)

    play(scene)


def test_a_change_of_resolv_conf_is_seen(conf: Path) -> None:
    """A laptop moved to another network: the next question went to the new server."""

    async def scene(server: DnsServer) -> None:
        async with DnsServer(ZONE, address="127.0.0.2", port=server.port) as other:
            configure(conf, "nameserver 127.0.0.1\n")
            client = DnsClient(ResolverSettings(port=server.port, timeout=0.5), conf)
            await client.ask("www.example.net", "A")
            configure(conf, "nameserver 127.0.0.2\n")
            await client.ask("www.example.net", "A")
            assert (len(server.log), len(other.log)) == (1, 1)

    play(scene)


def test_the_next_server_helps_and_is_remembered(conf: Path) -> None:
    """The first server was silent: the second answered, and was asked first from then on."""

    async def scene(server: DnsServer) -> None:
        async with DnsServer(ZONE, address="127.0.0.2", port=server.port) as silent:
            silent.fault = Fault(Mode.DROP)
            servers = ("127.0.0.2", "127.0.0.1")
            client = DnsClient(ResolverSettings(servers, server.port, 0.2), conf)
            for _ in range(5):
                assert (await client.ask("www.example.net", "A")).values
            assert len(silent.log) == 2
            assert len(server.log) == 5
            server.fault = Fault(Mode.SERVFAIL)
            silent.fault = Fault()
            assert (await client.ask("www.example.net", "A")).values
            assert len(server.log) == 6

    play(scene)


def test_two_dead_servers_are_both_named(conf: Path) -> None:
    """One server was silent, the other refused: the operator reads of both."""

    async def scene(server: DnsServer) -> None:
        async with DnsServer(ZONE, address="127.0.0.2", port=server.port) as silent:
            silent.fault = Fault(Mode.DROP)
            server.fault = Fault(Mode.REFUSED)
            servers = ("127.0.0.2", "127.0.0.1")
            client = DnsClient(ResolverSettings(servers, server.port, 0.2), conf)
            with pytest.raises(LookupFailed) as caught:
                await client.ask("www.example.net", "A")
        assert caught.value.result == "timeout"
        assert str(caught.value) == (
            f"www.example.net: name server 127.0.0.2 port {server.port} did not answer within"
            f" 0.2 s; name server 127.0.0.1 port {server.port} answered REFUSED"
        )

    play(scene)


def test_a_closed_port_is_known_at_once(conf: Path) -> None:
    """Nothing listens where the server should be: known by the kernel's word, not by waiting."""

    async def scene(server: DnsServer) -> None:
        await server.stop()
        client = DnsClient(ResolverSettings(("127.0.0.1",), server.port, 60.0), conf)
        with pytest.raises(LookupFailed, match=r"cannot be asked \(Connection refused\)") as caught:
            await client.ask("www.example.net", "A")
        assert caught.value.result == "unreachable"

    play(scene)


def test_a_server_over_ipv6(conf: Path) -> None:
    """The server has an IPv6 address, and answers over UDP and TCP."""

    async def scene() -> None:
        server = DnsServer(ZONE, address="::1")
        try:
            await server.start()
        except OSError as error:
            pytest.skip(f"no IPv6 on loopback ({error}); enable it to run this test")
        client = DnsClient(ResolverSettings(("::1",), server.port, 0.5), conf)
        assert (await client.ask("www.example.net", "A")).values == ("192.0.2.7",)
        server.fault = Fault(Mode.TRUNCATED)
        assert (await client.ask("www.example.net", "A")).values == ("192.0.2.7",)
        assert [question.transport for question in server.log] == ["udp", "udp", "tcp"]
        await server.stop()

    asyncio.run(scene())
