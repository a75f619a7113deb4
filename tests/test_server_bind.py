"""Listening on real TCP addresses, failing clearly, all or none."""

from __future__ import annotations

import asyncio
import errno
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.server import Running
from tests.lab.unprivileged import ROOT, CannotDrop, prefix
from tests.listening import free_port, healthy, refused, serve


@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:0", "localhost:0"])
def test_the_kernel_chooses_where_the_port_is_nought(address: str) -> None:
    """The real address is told, and answers."""

    async def use(server: Running) -> None:
        for real in server.addresses:
            assert not real.endswith(":0")
            assert await healthy(real)

    serve([address], use)


def test_a_bare_port_means_both_families() -> None:
    """One socket takes IPv4 and IPv6."""

    async def use(server: Running) -> None:
        (address,) = server.addresses
        assert address.startswith("[::]:")
        port = address.rpartition(":")[2]
        assert await healthy(f"127.0.0.1:{port}")
        assert await healthy(f"[::1]:{port}")

    serve([":0"], use)


def test_a_system_without_ipv6_still_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel has no IPv6 sockets: a bare port is IPv4 alone, `localhost` what is left of it."""
    real_socket = socket.socket

    class OldSocket(real_socket):  # type: ignore[misc, valid-type] # a kernel without IPv6
        def __init__(self, family: int = -1, *arguments: int, **options: int) -> None:
            if family == socket.AF_INET6:
                raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
            super().__init__(family, *arguments, **options)

    monkeypatch.setattr(socket, "socket", OldSocket)

    async def use(server: Running) -> None:
        everywhere, local = server.addresses
        assert everywhere.startswith("0.0.0.0:")
        assert await healthy(everywhere.replace("0.0.0.0", "127.0.0.1"))
        assert await healthy(local)

    serve([":0", "localhost:0"], use)
    assert "does not support that address family" in refused(["[::1]:0"])


def test_several_addresses_are_served_at_once(tmp_path: Path) -> None:
    """IPv4, IPv6 and a socket file, in the order given."""

    async def use(server: Running) -> None:
        assert len(server.addresses) == 3
        for address in server.addresses:
            assert await healthy(address)

    serve(["127.0.0.1:0", "[::1]:0", f"unix:{tmp_path}/s"], use)


def test_an_address_in_use_is_refused_and_the_others_given_back(tmp_path: Path) -> None:
    """The third of three is taken: the message names it, and the first two are free again."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        first = f"127.0.0.1:{free_port()}"
        path = tmp_path / "s"
        message = refused([first, f"unix:{path}", address])
    assert message == f"cannot listen on {address}: another socket already listens there"
    assert not path.exists()
    serve([first], lambda server: asyncio.sleep(0))


def test_a_port_taken_on_one_interface_is_taken_for_all() -> None:
    """`:PORT` cannot be had beside 127.0.0.1:PORT."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert "another socket already listens there" in refused([f":{port}"])


def test_the_same_address_twice_is_refused() -> None:
    """It would be bound twice, and listen once."""
    address = f"127.0.0.1:{free_port()}"
    assert refused([address, address]).startswith(f"cannot listen on {address}: another socket")


def test_an_address_of_another_host_is_refused() -> None:
    """No interface here has 192.0.2.1; nothing is sent to find that out."""
    assert "no interface of this host has that address" in refused(["192.0.2.1:0"])


@pytest.mark.parametrize("host", ["a..b", "a" * 64, ".".join(["a" * 60] * 5)])
def test_an_unknown_host_is_refused(host: str) -> None:
    """These can be no names, so that no name server is asked."""
    assert f"the host '{host}' is unknown" in refused([f"{host}:0"])


def test_a_malformed_address_is_refused_before_anything_is_bound(tmp_path: Path) -> None:
    """The first address is good, but its socket file was never made."""
    assert "use :PORT" in refused([f"unix:{tmp_path}/s", "nonsense"])
    assert list(tmp_path.iterdir()) == []


def test_a_privileged_port_needs_a_privilege() -> None:
    """A user without capabilities asks for port 80 and is told which one is missing."""
    code = (
        "import asyncio\n"
        "from exporter.server import ListenError, start_server\n"
        "from aiohttp import web\n"
        "try: asyncio.run(start_server(web.Application(), ['127.0.0.1:80']))\n"
        "except ListenError as error: print(error)\n"
    )
    try:
        command = [*prefix(), sys.executable, "-c", code]
    except CannotDrop as why:
        pytest.skip(str(why))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("cannot listen on 127.0.0.1:80: ports below 1024 need")


def test_of_a_host_with_two_addresses_both_or_none_are_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name means ::1 and 127.0.0.1; the port is free on the first alone: that is not enough."""
    real = socket.getaddrinfo

    def both(host: str, port: int, *options: int) -> list[object]:
        return [*real("::1", port, *options), *real("127.0.0.1", port, *options)]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert "another socket already listens there" in refused([f"both.example:{port}"])
    with socket.create_server(("::1", port), family=socket.AF_INET6):
        pass

    async def use(server: Running) -> None:
        six, four = server.addresses
        assert six.startswith("[::1]:")
        assert four.startswith("127.0.0.1:")

    serve(["both.example:0"], use)
