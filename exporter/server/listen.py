"""Serving: an application on listening sockets, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

from aiohttp import web

from exporter.server.address import ListenError
from exporter.server.bind import BACKLOG, Bound, bind_all
from exporter.server.connection import Connection
from exporter.server.crowd import Crowd, most_connections

if TYPE_CHECKING:
    from exporter.server.guard import Guard

__all__ = ["ListenError", "Running", "start_server"]

READ_BYTES = 16 * 1024
"""How much of a body, which nothing here asks for, is taken at a time. With the answer it is over:

aiohttp would read on for ten seconds, and keep megabytes of it.
"""

KEEPALIVE = 125.0
"""Seconds that a connection may stay without a whole request: longer than a scrape interval."""

HANDSHAKE = 10.0
"""Seconds that a client has for the TLS handshake."""

LATECOMERS = 0.1
"""Seconds in which the request of a client comes that had connected right before the end."""

ACCEPTS = 8
"""Connections that are taken in one turn of the loop: asyncio takes its `backlog` for that, too.

With more, a burst has taken all descriptors before those that are one too many are let go.
"""

_logger = logging.getLogger("exporter.server")


class Running:
    """A server that accepts connections. `addresses` are those really bound."""

    def __init__(
        self, runner: web.AppRunner, bound: list[Bound], servers: list[asyncio.Server]
    ) -> None:
        self.addresses = tuple(each.address for each in bound)
        self._runner = runner
        self._bound = bound
        self._servers = servers

    async def stop(self, grace: float = 3.0) -> None:
        """Accept nothing more, let answers under way end for `grace` seconds, close the rest."""
        for server in self._servers:
            server.close()
        for each in self._bound:
            each.close()
        connections = self._runner.server
        if connections is not None:
            await asyncio.sleep(min(LATECOMERS, grace))
            connections.pre_shutdown()
            await self._runner.shutdown()
            await connections.shutdown(grace)
        await self._runner.cleanup()


async def start_server(
    app: web.Application,
    addresses: Sequence[str],
    *,
    guard: Guard | None = None,
    sockets: Sequence[socket.socket] = (),
) -> Running:
    """Serve `app` on every address and on `sockets`, which listen already.

    `:PORT` means all interfaces over IPv4 and IPv6, `unix:PATH` a socket file; port 0 lets the
    kernel choose. `guard` decides on TLS and on who may ask. Raises `ListenError`, and then
    nothing stays bound.
    """
    tls = None
    if guard is not None:
        guard.protect(app)
        tls = guard.tls
    app.on_response_prepare.append(_asked)
    bound = [*map(Bound, sockets), *await bind_all(addresses)]
    runner = web.AppRunner(app, access_log=None)
    servers: list[asyncio.Server] = []
    try:
        await runner.setup()
        loop = asyncio.get_running_loop()
        manager = runner.server
        assert manager is not None
        crowd = Crowd(most_connections())

        def connection() -> Connection:
            return Connection(
                manager,
                crowd,
                loop=loop,
                keepalive_timeout=KEEPALIVE,
                lingering_time=0,
                read_bufsize=READ_BYTES,
                logger=_logger,
                access_log=None,
            )

        handshake = None if tls is None else HANDSHAKE
        for each in bound:
            if each.sock.family == getattr(socket, "AF_UNIX", None):
                serve = loop.create_unix_server(
                    connection,
                    sock=each.sock,
                    backlog=ACCEPTS,
                    ssl=tls,
                    ssl_handshake_timeout=handshake,
                )
            else:
                serve = loop.create_server(
                    connection,
                    sock=each.sock,
                    backlog=ACCEPTS,
                    ssl=tls,
                    ssl_handshake_timeout=handshake,
                )
            servers.append(await serve)
            each.sock.listen(BACKLOG)
    except BaseException:
        await Running(runner, bound, servers).stop(0)
        raise
    return Running(runner, bound, servers)


async def _asked(request: web.Request, _response: web.StreamResponse) -> None:
    if isinstance(request.protocol, Connection):
        request.protocol.asked()
