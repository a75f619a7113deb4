"""One HTTP connection: aiohttp's, but calm about strangers and with our headers on errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_request import BaseRequest

from exporter.process.collector import COLLECTOR
from exporter.server.crowd import Crowd
from exporter.server.secure import secure

_READER = "_read_ready_cb"


class Connection(web.RequestHandler):
    """A request that is no HTTP is the client's fault: 400, and a line at debug level at most.

    aiohttp logs each with a traceback, which lets anyone fill a log, and names its version.
    `when_lost` is called when the client has gone away; `crowd` is all that there are.
    """

    when_lost: Callable[[], None] | None = None

    def __init__(self, manager: web.Server, crowd: Crowd, **options: Any) -> None:
        super().__init__(manager, **options)
        self._crowd = crowd

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """One more; there may be one too many."""
        super().connection_made(transport)
        self._crowd.enter(self)

    def asked(self) -> None:
        """A whole request has come."""
        self._crowd.asked(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell a handler that would else wait for something to send."""
        transport = self.transport
        self._crowd.leave(self)
        super().connection_lost(exc)
        COLLECTOR.rings += not _untied(transport)
        if self.when_lost is not None:
            self.when_lost()

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what no handler could. Raises `ConnectionError` where an answer has begun."""
        COLLECTOR.rings += 1
        if isinstance(exc, ConnectionError):
            raise exc
        if isinstance(exc, HttpProcessingError):
            self.logger.debug("malformed request from %s: %s", request.remote, exc)
            text = "400: malformed request\n"
        else:
            self.log_exception("error on %s %s", request.method, request.path, exc_info=exc)
            text = f"{status}: internal error\n"
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has already begun")
        response = web.Response(status=status, text=text)
        response.force_close()
        secure(response)
        return response


def _untied(transport: asyncio.BaseTransport | None) -> bool:
    """Whether what asyncio leaves of a connection is free now, and needs no collector.

    A plain transport refers to itself by the method that it calls when there is something to read.
    """
    if getattr(transport, _READER, None) is None:
        return False
    setattr(transport, _READER, None)
    return True
