"""Who may ask, and how often: what stands between the server and the web configuration."""

from __future__ import annotations

import ipaddress
import logging
import math
import ssl
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import hdrs, web

from exporter.config.web import WebConfig
from exporter.server.bucket import Bucket
from exporter.server.passwords import Passwords, TooManyLogins
from exporter.server.webfile import WebFile

_CHALLENGE = 'Basic realm="ftr-exporter", charset="UTF-8"'
_SAN_KINDS = frozenset(("DNS", "email", "IP Address", "URI"))
_logger = logging.getLogger("exporter.server")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Guard:
    """Applies the web configuration to an application. `tls` is for its listening sockets."""

    def __init__(self, file: WebFile) -> None:
        self._file = file
        self._passwords = Passwords()
        self._bucket: Bucket | None = None
        if file.current().http2_asked:
            _logger.warning("web configuration: http2 is not supported; HTTP/1.1 is spoken")

    @property
    def tls(self) -> ssl.SSLContext | None:
        """The TLS context, None for plain HTTP."""
        return self._file.tls

    def is_good(self) -> bool:
        """Whether the newest web configuration is in use."""
        return self._file.is_good()

    def protect(self, app: web.Application) -> None:
        """Stand before every handler of `app`, which must not have been started yet."""
        app.middlewares.insert(0, self._middleware)
        app.on_response_prepare.append(self._add_headers)
        app.on_cleanup.append(self._close)

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        config = self._file.current()
        wait = self._wait(config)
        if wait:
            return _refused(429, "too many requests", {hdrs.RETRY_AFTER: str(math.ceil(wait))})
        if config.allowed_sans and not config.allowed_sans & _sans(request):
            return _refused(403, "the client certificate has none of the allowed names", {})
        if config.users:
            try:
                header = request.headers.get(hdrs.AUTHORIZATION, "")
                if not await self._passwords.admit(config.users, header):
                    return _refused(401, "unauthorized", {hdrs.WWW_AUTHENTICATE: _CHALLENGE})
            except TooManyLogins:
                return _refused(503, "too many logins at once", {hdrs.RETRY_AFTER: "1"})
        return await handler(request)

    def _wait(self, config: WebConfig) -> float:
        """Seconds until the rate limit lets a request through, 0 for now."""
        if config.rate is None:
            return 0.0
        if self._bucket is None or self._bucket.limit != config.rate:
            self._bucket = Bucket(config.rate)
        return self._bucket.take()

    async def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        for name, value in self._file.current().headers:
            if value:
                response.headers[name] = value
            else:
                response.headers.popall(name, None)

    async def _close(self, app: web.Application) -> None:
        self._passwords.close()


def _sans(request: web.Request) -> frozenset[str]:
    """The alternative names of the client's certificate, which TLS has verified."""
    certificate = request.get_extra_info("peercert") or {}
    names = certificate.get("subjectAltName", ())
    return frozenset(_written(kind, name) for kind, name in names if kind in _SAN_KINDS)


def _written(kind: str, name: str) -> str:
    """A name as the configuration has it; OpenSSL writes IPv6 out in full."""
    return str(ipaddress.ip_address(name.strip())) if kind == "IP Address" else name


def _refused(status: int, message: str, headers: Mapping[str, str]) -> web.Response:
    return web.Response(status=status, text=f"{status}: {message}\n", headers=headers)
