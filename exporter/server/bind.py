"""Sockets that listen: addresses are bound all of them or none, and leave no file behind."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import stat
from collections.abc import Sequence

from exporter.server.address import (
    ListenError,
    TcpAddress,
    UnixAddress,
    explain,
    parse_address,
)

BACKLOG = 128

_REUSE_SHARES_PORTS = hasattr(socket, "SO_EXCLUSIVEADDRUSE")
"""With the sockets of Windows SO_REUSEADDR lets two programs listen on one port."""
_ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class Bound:
    """A listening socket, and the file that it has if it is a unix socket."""

    def __init__(self, sock: socket.socket, path: str | None = None) -> None:
        self.sock = sock
        self._path = path
        self._identity = None if path is None else _identity(path)

    @property
    def address(self) -> str:
        """Where it really listens, in the form of a listen address."""
        if self._path is not None:
            return f"unix:{self._path}"
        name = self.sock.getsockname()
        if not isinstance(name, tuple):
            return f"unix:{os.fsdecode(name)}"
        host, port = name[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def close(self) -> None:
        """Stop listening; the socket file goes, unless another has taken its place."""
        self.sock.close()
        if self._path is not None and _identity(self._path) == self._identity:
            with contextlib.suppress(OSError):
                os.unlink(self._path)


async def bind_all(addresses: Sequence[str]) -> list[Bound]:
    """Listen on every address. Raises `ListenError`, and then on none."""
    parsed = [parse_address(text) for text in addresses]
    bound: list[Bound] = []
    try:
        for address in parsed:
            if isinstance(address, UnixAddress):
                bound.append(_bind_unix(address))
            elif address.host:
                bound += await _bind_host(address)
            else:
                bound.append(_bind_everywhere(address))
    except BaseException:
        for each in bound:
            each.close()
        raise
    return bound


def _bind_everywhere(address: TcpAddress) -> Bound:
    dual = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual else socket.AF_INET
    try:
        return Bound(
            socket.create_server(
                ("", address.port), family=family, backlog=BACKLOG, dualstack_ipv6=dual
            )
        )
    except OSError as error:
        raise ListenError(address.text, explain(error, port=address.port)) from error


async def _bind_host(address: TcpAddress) -> list[Bound]:
    """Bind what the host resolves to; of several addresses, some may be absent on this host."""
    bound: list[Bound] = []
    absent: OSError | None = None
    try:
        for family, sockaddr in await _resolve(address):
            try:
                bound.append(Bound(_bind_tcp(family, sockaddr)))
            except OSError as error:
                if error.errno not in _ABSENT:
                    raise
                absent = error
        if absent is not None and not bound:
            raise absent
    except OSError as error:
        for each in bound:
            each.close()
        raise ListenError(address.text, explain(error, port=address.port)) from error
    return bound


async def _resolve(
    address: TcpAddress,
) -> list[tuple[socket.AddressFamily, tuple[object, ...]]]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (socket.gaierror, UnicodeError) as error:
        raise ListenError(address.text, f"the host {address.host!r} is unknown") from error
    return list(dict.fromkeys((family, sockaddr) for family, _, _, _, sockaddr in found))


def _bind_tcp(family: socket.AddressFamily, sockaddr: tuple[object, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if not _REUSE_SHARES_PORTS:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(sockaddr)
        # Two sockets may bind one port with SO_REUSEADDR; only listen() then fails.
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def _bind_unix(address: UnixAddress) -> Bound:
    if not hasattr(socket, "AF_UNIX"):
        raise ListenError(address.text, "this system has no unix sockets")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _clear_stale(address)
        sock.bind(address.path)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise ListenError(address.text, explain(error)) from error
    except ListenError:
        sock.close()
        raise
    return Bound(sock, address.path)


def _clear_stale(address: UnixAddress) -> None:
    """Remove the socket file of a process that is gone; any other file is left alone."""
    try:
        mode = os.stat(address.path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ListenError(address.text, "a file that is no socket is in the way")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(address.path)
        except ConnectionRefusedError:
            os.unlink(address.path)
            return
        except BlockingIOError:
            pass
    raise ListenError(address.text, explain(OSError(errno.EADDRINUSE, "")))


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
