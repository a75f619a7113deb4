"""Answers of any size, sent so that the event loop never waits long for one of them."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Iterable, Iterator, Mapping

from aiohttp import hdrs, web

from exporter.server.compression import compressed, compressor
from exporter.server.negotiate import accepts_gzip

SLICE = 256 * 1024
"""Bytes that are joined, compressed inline or written in one go: below 2 ms of work each."""

_LONG = 0.002
"""Seconds of making pieces after which it is the event loop's turn again."""

WRITE_TIMEOUT = 30.0
"""Seconds that a client has to take one slice."""

# struct linger, on for 0 seconds; its fields are ints, shorts with the sockets of Windows.
_RESET = struct.pack("hh" if hasattr(socket, "SO_EXCLUSIVEADDRUSE") else "ii", 1, 0)


def slices(pieces: Iterable[bytes], most: int) -> Iterator[list[memoryview | bytes]]:
    """Group pieces into lists of about `most` bytes, cutting those that are larger.

    A group is smaller where making its pieces took long, be they empty.
    """
    group: list[memoryview | bytes] = []
    size, begun = 0, time.perf_counter()
    for piece in pieces:
        parts = [piece] if len(piece) <= most else _cut(piece, most)
        for part in parts:
            group.append(part)
            size += len(part)
            if size >= most or (group and time.perf_counter() - begun > _LONG):
                yield group
                group, size, begun = [], 0, time.perf_counter()
    if group:
        yield group


async def send(
    request: web.Request,
    pieces: Iterable[bytes],
    content_type: str,
    headers: Mapping[str, str] | None = None,
) -> web.StreamResponse:
    """Answer 200 with the joined pieces, gzipped where the client takes it.

    A small body goes out whole with its length. A large one is streamed slice by slice, giving way
    to the event loop between them. Pieces may be made by asking for them.
    """
    gzip = accepts_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, ""))
    all_headers = {
        **(headers or {}),
        hdrs.CONTENT_TYPE: content_type,
        hdrs.VARY: "Accept, Accept-Encoding",
    }
    if gzip:
        all_headers[hdrs.CONTENT_ENCODING] = "gzip"
    groups = slices(pieces, SLICE)
    first = next(groups, [])
    second = next(groups, None)
    if second is None:
        body = b"".join(first)
        return web.Response(body=compressed(body) if gzip else body, headers=all_headers)
    response = web.StreamResponse(headers=all_headers)
    await response.prepare(request)
    if request.method != hdrs.METH_HEAD:
        await _stream(request, response, _chain(first, second, groups), gzip)
    return response


async def _stream(
    request: web.Request,
    response: web.StreamResponse,
    groups: Iterator[list[memoryview | bytes]],
    gzip: bool,
) -> None:
    stream = compressor() if gzip else None
    try:
        for group in groups:
            data = b"".join(group)
            if stream is not None:
                data = stream.compress(data)
            await asyncio.sleep(0)
            if data:
                async with asyncio.timeout(WRITE_TIMEOUT):
                    await response.write(data)
        if stream is not None:
            await response.write(stream.flush())
    except TimeoutError:
        hang_up(request)
        raise ConnectionResetError("the client took no data in time") from None


def hang_up(request: web.Request) -> None:
    """Reset the connection: what this process and the kernel still buffer for it is thrown away."""
    transport = request.transport
    if transport is not None:
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()


def _chain(
    first: list[memoryview | bytes],
    second: list[memoryview | bytes],
    rest: Iterator[list[memoryview | bytes]],
) -> Iterator[list[memoryview | bytes]]:
    yield first
    yield second
    yield from rest


def _cut(piece: bytes, most: int) -> Iterator[memoryview]:
    view = memoryview(piece)
    return (view[start : start + most] for start in range(0, len(view), most))
