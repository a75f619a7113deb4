"""The real server behind a web configuration, and clients that come to it."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import bcrypt

from exporter.server import make_app, start_server
from exporter.server.guard import Guard
from exporter.server.webfile import WebFile
from tests.certificates import Pair
from tests.serving import World


@dataclass
class Site:
    """A running server; `port` is its own on 127.0.0.1."""

    port: int
    file: Path
    world: World

    async def get(
        self,
        path: str = "/-/healthy",
        *,
        tls: ssl.SSLContext | None = None,
        authorization: str | None = None,
    ) -> tuple[int, Mapping[str, str], str]:
        """Ask once over a connection of its own: status, headers, text."""
        scheme = "http" if tls is None else "https"
        headers = {} if authorization is None else {"Authorization": authorization}
        connector = aiohttp.TCPConnector(ssl=True if tls is None else tls, force_close=True)
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get(f"{scheme}://127.0.0.1:{self.port}{path}", headers=headers) as answer,
        ):
            return answer.status, answer.headers, await answer.text()

    async def status(self, *, tls: ssl.SSLContext | None = None, login: str | None = None) -> int:
        """The status of one request, with `user:password` where `login` says so."""
        authorization = None if login is None else basic(login)
        return (await self.get(tls=tls, authorization=authorization))[0]


@asynccontextmanager
async def guarded(file: Path, text: str) -> AsyncIterator[Site]:
    """Serve a small world as the web configuration `text`, written into `file`, says."""
    await asyncio.to_thread(file.write_text, text)
    world = World()
    server = await start_server(make_app(world), ["127.0.0.1:0"], guard=Guard(WebFile(str(file))))
    try:
        yield Site(int(server.addresses[0].rpartition(":")[2]), file, world)
    finally:
        await server.stop(1.0)


def basic(login: str) -> str:
    """The header for `user:password`."""
    return "Basic " + base64.b64encode(login.encode()).decode()


def hashed(password: str, cost: int = 4) -> str:
    """A bcrypt hash as htpasswd makes it; quick to check unless `cost` is high."""
    made = bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()
    return made.replace("$2b$", "$2y$", 1)


def client(trusted: Pair, own: Pair | None = None) -> ssl.SSLContext:
    """TLS as a client speaks it that trusts one authority, and shows its own certificate."""
    context = ssl.create_default_context(cafile=str(trusted.certificate))
    if own is not None:
        context.load_cert_chain(own.certificate, own.key)
    return context


async def peer_certificate(port: int, context: ssl.SSLContext) -> bytes:
    """The certificate that the server shows."""
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    certificate: bytes = writer.get_extra_info("ssl_object").getpeercert(True)
    writer.close()
    return certificate
