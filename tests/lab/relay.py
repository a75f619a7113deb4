"""Passes TCP connections on to a Unix socket, byte for byte: a window into a namespace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

CHUNK = 1 << 16


@asynccontextmanager
async def relay(host: str, port: int, path: Path) -> AsyncIterator[int]:
    """Listen while the context lasts; gives the port, which the kernel chooses where 0 is asked.

    A connection that the Unix socket refuses is closed. Raises `OSError` where it cannot listen.
    """
    busy: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        busy.add(task)
        # An end of the relay cancels this task, which asyncio.streams would report as an error.
        with suppress(OSError, asyncio.CancelledError):
            await _join(reader, writer, path)
        busy.discard(task)
        writer.close()

    server = await asyncio.start_server(serve, host, port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tuple(busy):
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: Path) -> None:
    far_reader, far_writer = await asyncio.open_unix_connection(path)
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(_copy(reader, far_writer))
            both.create_task(_copy(far_reader, writer))
    except* OSError:
        # Either side may hang up whenever it likes.
        pass
    finally:
        far_writer.close()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(CHUNK):
        sink.write(data)
        await sink.drain()
    if sink.can_write_eof():
        sink.write_eof()
