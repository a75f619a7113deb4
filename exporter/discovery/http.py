"""Asks a URL for its list of targets (Prometheus http_sd), within bounds of time and size."""

from __future__ import annotations

import asyncio
import base64
import re
import ssl

import aiohttp
from aiohttp import hdrs

from exporter import __version__
from exporter.config.shown import shown
from exporter.config.source import Unreadable, decode, read_file
from exporter.errors import FtrError
from exporter.settings import UrlSource

MAX_BYTES = 16 * 1024 * 1024
"""The largest answer that is taken, unpacked."""
MAX_SECONDS = 30.0
"""The longest time that an answer may take; no longer than the time between two requests."""
_JSON = re.compile(r'application/json(\s*;\s*charset="?utf-8"?)?', re.IGNORECASE)
_SECRET_BYTES = 65_536


class FetchError(FtrError):
    """A URL gave no list; says why, in one line."""


async def fetch(source: UrlSource) -> str:
    """The text of the list. Raises `FetchError`. Leaves no connection open."""
    limit = min(MAX_SECONDS, source.refresh_interval)
    try:
        async with asyncio.timeout(limit):
            context = await asyncio.to_thread(_context, source)
            headers = await asyncio.to_thread(_headers, source)
            return await _get(source.url, headers, context)
    except TimeoutError:
        raise FetchError(f"no whole answer within {limit:g} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        # aiohttp gives some of what a server says, or redirects to, as plain errors of Python.
        raise FetchError(shown(_reason(error), 300)) from error


async def _get(url: str, headers: dict[str, str], context: ssl.SSLContext | bool) -> str:
    connector = aiohttp.TCPConnector(ssl=context, force_close=True)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout()) as session,
        session.get(url, headers=headers) as answer,
    ):
        if answer.status != 200:
            raise FetchError(f"the answer has status {answer.status}; 200 is needed")
        kind = answer.headers.get(hdrs.CONTENT_TYPE, "")
        if not _JSON.fullmatch(kind.strip()):
            what = shown(kind) or "none"
            raise FetchError(f"the content type is {what}; application/json is needed")
        body = bytearray()
        async for chunk in answer.content.iter_chunked(65_536):
            body += chunk
            if len(body) > MAX_BYTES:
                raise FetchError(f"the answer is larger than {MAX_BYTES // 2**20} MiB")
    try:
        return decode(bytes(body))
    except Unreadable as error:
        raise FetchError(str(error)) from error


def _context(source: UrlSource) -> ssl.SSLContext | bool:
    """Made anew for each request, so that renewed certificates are used. Works on the disk."""
    if not source.url.lower().startswith("https:"):
        return True
    try:
        context = ssl.create_default_context(cafile=source.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise FetchError(f"ca_file {source.ca_file}: {_reason(error)}") from error
    if source.cert_file is not None:
        try:
            context.load_cert_chain(source.cert_file, source.key_file, password=_no_password)
        except (OSError, ssl.SSLError) as error:
            raise FetchError(f"cert_file {source.cert_file}: {_reason(error)}") from error
    return context


def _no_password() -> str:
    """OpenSSL would ask for one on the terminal otherwise."""
    raise FetchError("the key of the client certificate is encrypted; store it in the clear")


def _headers(source: UrlSource) -> dict[str, str]:
    """What a request says; secrets are read anew from their files."""
    headers = {
        hdrs.ACCEPT: "application/json",
        hdrs.USER_AGENT: f"ftr-exporter/{__version__}",
        "X-Prometheus-Refresh-Interval-Seconds": f"{source.refresh_interval:g}",
    }
    if source.username is not None and source.password_file is not None:
        password = _secret("password_file", source.password_file)
        pair = base64.b64encode(f"{source.username}:{password}".encode()).decode()
        headers[hdrs.AUTHORIZATION] = f"Basic {pair}"
    elif source.credentials_file is not None:
        token = _secret("credentials_file", source.credentials_file)
        headers[hdrs.AUTHORIZATION] = f"Bearer {token}"
    return headers


def _secret(key: str, file: str) -> str:
    try:
        secret = read_file(file, _SECRET_BYTES, regular=True).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise FetchError(f"{key} {file}: {_reason(error)}") from error
    if not secret.isprintable():
        raise FetchError(f"{key} {file}: it holds more than one line of text")
    return secret


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror and not isinstance(error, aiohttp.ClientError):
        return error.strerror
    return str(error) or type(error).__name__
