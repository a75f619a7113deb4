"""A web server that lists targets as a test wants it, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def listing(*hosts: str, **labels: str) -> bytes:
    """A list of one group."""
    return json.dumps([{"targets": list(hosts), "labels": labels}]).encode()


def answer(
    body: bytes = b"[]", *, status: int = 200, content_type: str | None = "application/json"
) -> Answer:
    """The same answer to everyone."""

    async def handler(request: web.Request) -> web.StreamResponse:
        headers = {} if content_type is None else {"Content-Type": content_type}
        return web.Response(body=body, status=status, headers=headers)

    return handler


@dataclass
class ListServer:
    """Answers by `answer`, which may be set anew at any time."""

    answer: Answer = field(default_factory=answer)
    requests: list[web.BaseRequest] = field(default_factory=list)
    connections: int = 0
    url: str = ""

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append(request)
        assert isinstance(request, web.Request | web.BaseRequest)
        return await self.answer(request)  # type: ignore[arg-type]  # a request without an app

    @asynccontextmanager
    async def serve(self, context: ssl.SSLContext | None = None) -> AsyncIterator[ListServer]:
        """Serve on a port of its own."""
        server = web.Server(self._handle, handler_cancellation=True)
        listening = await asyncio.get_running_loop().create_server(
            server, "127.0.0.1", 0, ssl=context
        )
        port = listening.sockets[0].getsockname()[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{port}/targets?x=1"
        try:
            yield self
        finally:
            self.connections = len(server.connections)
            listening.close()
            await server.shutdown(1)
