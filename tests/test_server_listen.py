"""Listening on real addresses, failing clearly, and leaving nothing behind."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.server import ListenError, Running, bind, listen, make_app, start_server
from exporter.server.address import TcpAddress, UnixAddress, explain, parse_address
from tests.lab.unprivileged import ROOT, CannotDrop, prefix
from tests.serving import World

Use = Callable[[Running], Awaitable[None]]

REQUEST = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"


async def healthy(address: str) -> bool:
    """Ask over the address that the server said it has."""
    kind, _, path = address.partition(":")
    unix = kind == "unix"
    connector = aiohttp.UnixConnector(path) if unix else aiohttp.TCPConnector()
    url = "http://daemon/-/healthy" if unix else f"http://{address}/-/healthy"
    session = aiohttp.ClientSession(connector=connector)
    async with session, session.get(url) as got:
        return await got.text() == "Healthy\n"


def serve(addresses: Sequence[str], use: Use) -> None:
    """Start, use, stop."""

    async def main() -> None:
        server = await start_server(make_app(World()), addresses)
        try:
            await use(server)
        finally:
            await server.stop(1.0)

    asyncio.run(main())


def refused(addresses: Sequence[str]) -> str:
    """The message with which the server refuses to start."""

    async def main() -> str:
        with pytest.raises(ListenError) as caught:
            await start_server(make_app(World()), addresses)
        return str(caught.value)

    return asyncio.run(main())


def free_port() -> int:
    """A port that nobody has now; the tests have their loopback for themselves."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        assert isinstance(port, int)
        return port


# -- addresses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        (":10334", TcpAddress(":10334", "", 10334)),
        ("127.0.0.1:0", TcpAddress("127.0.0.1:0", "127.0.0.1", 0)),
        ("[::1]:9100", TcpAddress("[::1]:9100", "::1", 9100)),
        ("[fe80::1%eth0]:9100", TcpAddress("[fe80::1%eth0]:9100", "fe80::1%eth0", 9100)),
        ("localhost:65535", TcpAddress("localhost:65535", "localhost", 65535)),
        ("unix:/run/ftr.sock", UnixAddress("unix:/run/ftr.sock", "/run/ftr.sock")),
        ("unix:a:b", UnixAddress("unix:a:b", "a:b")),
    ],
)
def test_every_documented_form_is_understood(text: str, parsed: object) -> None:
    """As the official exporters write them."""
    assert parse_address(text) == parsed


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "use :PORT"),
        ("9100", "use :PORT"),
        ("localhost", "use :PORT"),
        ("localhost:http", "use :PORT"),
        ("localhost:-1", "use :PORT"),
        ("::1:9100", "use :PORT"),
        ("[::1]", "use :PORT"),
        ("[localhost]:1", "use :PORT"),
        ("http://localhost:9100", "use :PORT"),
        ("localhost:9100/metrics", "use :PORT"),
        (" :9100", "use :PORT"),
        (":9100\n", "use :PORT"),
        (":٣٣٣", "use :PORT"),
        (":65536", "from 0 to 65535"),
        ("unix:", "a path must follow"),
        ("unix:/a\0b", "a path must follow"),
    ],
)
def test_anything_else_is_refused_with_the_forms_there_are(text: str, why: str) -> None:
    """The message names the address, so that one of several flags can be found."""
    with pytest.raises(ListenError) as caught:
        parse_address(text)
    assert why in str(caught.value)
    assert f"cannot listen on {text}:" in str(caught.value)
    assert caught.value.address == text


@given(st.text())
def test_no_text_is_too_strange(text: str) -> None:
    """It is an address or a `ListenError`, and both remember what was written."""
    try:
        remembered = parse_address(text).text
    except ListenError as error:
        remembered = error.address
    assert remembered == text


def test_reasons_are_explained() -> None:
    """What the kernel says in numbers, an operator reads in words, with the remedy."""
    assert "CAP_NET_BIND_SERVICE" in explain(OSError(errno.EACCES, "x"), port=80)
    assert explain(OSError(errno.EACCES, "x"), port=8080) == "permission denied"
    assert explain(OSError(errno.EACCES, "x")) == "permission denied"
    assert explain(OSError(errno.ENOTDIR, "Not a directory")) == "Not a directory"
    assert explain(OSError("AF_UNIX path too long")) == "AF_UNIX path too long"


# -- TCP ----------------------------------------------------------------------------------------


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


# -- socket files -------------------------------------------------------------------------------


def test_a_socket_file_is_served_and_removed(tmp_path: Path) -> None:
    """It is there while the server runs, and gone afterwards."""
    path = tmp_path / "s"

    async def use(server: Running) -> None:
        assert server.addresses == (f"unix:{path}",)
        assert path.is_socket()
        assert await healthy(server.addresses[0])

    serve([f"unix:{path}"], use)
    assert not path.exists()


def test_a_stale_socket_file_is_replaced(tmp_path: Path) -> None:
    """A process died and left its file: nobody listens, so it is ours."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert path.is_socket()

    async def use(server: Running) -> None:
        assert await healthy(server.addresses[0])

    serve([f"unix:{path}"], use)


@pytest.mark.parametrize("backlog", [8, 0], ids=["free", "full"])
def test_a_socket_file_in_use_is_left_alone(tmp_path: Path, backlog: int) -> None:
    """Another daemon listens there, even if it is too busy to take a connection."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as other, socket.socket(socket.AF_UNIX) as waiting:
        other.bind(str(path))
        other.listen(backlog)
        waiting.connect(str(path))
        assert "another socket already listens there" in refused([f"unix:{path}"])
        assert path.is_socket()


def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    """Somebody's file is in the way; it is not ours to delete."""
    path = tmp_path / "s"
    path.write_text("precious")
    assert "a file that is no socket is in the way" in refused([f"unix:{path}"])
    assert path.read_text() == "precious"


@pytest.mark.parametrize(
    ("name", "why"),
    [("none/s", "the directory does not exist"), ("x" * 200, "AF_UNIX path too long")],
)
def test_a_path_that_cannot_be_is_refused(tmp_path: Path, name: str, why: str) -> None:
    """With the reason."""
    assert why in refused([f"unix:{tmp_path}/{name}"])


def test_a_successors_socket_file_is_left_alone(tmp_path: Path) -> None:
    """While this server stops, another has put its own file into place: that one stays."""
    path = tmp_path / "s"

    async def use(server: Running) -> None:
        path.unlink()
        path.write_text("the successor's")

    serve([f"unix:{path}"], use)
    assert path.read_text() == "the successor's"


def test_a_socket_file_that_is_gone_already_is_no_fault(tmp_path: Path) -> None:
    """Somebody cleaned up behind our back; the server stops as usual."""
    path = tmp_path / "s"

    async def use(server: Running) -> None:
        path.unlink()

    serve([f"unix:{path}"], use)
    assert not path.exists()


def test_a_system_without_unix_sockets_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Python on Windows."""
    monkeypatch.delattr(socket, "AF_UNIX")
    with pytest.raises(ListenError, match="no unix sockets"):
        bind._bind_unix(UnixAddress("unix:/x", "/x"))


# -- stopping -----------------------------------------------------------------------------------


def test_stopping_lets_an_answer_end(tmp_path: Path) -> None:
    """A large answer is under way while the server stops: it arrives whole, then it is over."""
    chunks = [os.urandom(100_000)] * 100
    path = f"{tmp_path}/s"

    async def main() -> None:
        server = await start_server(make_app(World(chunks=chunks)), [f"unix:{path}"])
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        stopping = asyncio.create_task(server.stop(10.0))
        assert await reader.read() == b"".join(chunks)
        await stopping
        writer.close()
        with pytest.raises(FileNotFoundError):
            await asyncio.open_unix_connection(path)

    asyncio.run(main())


def test_stopping_does_not_wait_for_ever(tmp_path: Path) -> None:
    """A client leaves its answer unread: after the grace its connection is closed."""
    chunks = [os.urandom(100_000)] * 100
    path = f"{tmp_path}/s"

    async def main() -> None:
        server = await start_server(make_app(World(chunks=chunks)), [f"unix:{path}"])
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        async with asyncio.timeout(10):
            await server.stop(0.05)
        assert len(await reader.read()) < sum(map(len, chunks))
        writer.close()

    asyncio.run(main())


def test_idle_connections_end_at_once() -> None:
    """One never said anything, one waits for its next request: neither delays the stop."""

    async def main() -> None:
        server = await start_server(make_app(World()), ["127.0.0.1:0"])
        host, port = server.addresses[0].split(":")
        silent, silent_writer = await asyncio.open_connection(host, int(port))
        idle, idle_writer = await asyncio.open_connection(host, int(port))
        idle_writer.write(REQUEST)
        await idle.readuntil(b"Healthy\n")
        async with asyncio.timeout(10):
            await server.stop(60.0)
        assert await silent.read() == await idle.read() == b""
        silent_writer.close()
        idle_writer.close()

    asyncio.run(main())


@pytest.mark.parametrize("start", [b"", REQUEST[:20]], ids=["silent", "half"])
def test_a_client_that_never_asks_is_dropped(start: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """It connects and sends nothing, or half a request: its connection is not kept for ever."""
    monkeypatch.setattr(listen, "KEEPALIVE", 0.05)

    async def use(server: Running) -> None:
        host, port = server.addresses[0].split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(start)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()

    serve(["127.0.0.1:0"], use)


def test_a_broken_application_leaves_nothing_bound(tmp_path: Path) -> None:
    """Its start fails after the sockets were bound: they are closed, the socket file is gone."""
    app = make_app(World())

    async def fail(_: object) -> None:
        raise RuntimeError("no start")

    app.on_startup.append(fail)

    async def main() -> None:
        with pytest.raises(RuntimeError, match="no start"):
            await start_server(app, [f"unix:{tmp_path}/s"])

    asyncio.run(main())
    assert list(tmp_path.iterdir()) == []
