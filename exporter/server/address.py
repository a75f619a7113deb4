"""Pure: listen addresses as text, taken apart and explained when they cannot be had."""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass

from exporter.errors import FtrError

_TCP = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+(?:%[^\]\s]+)?)\]|(?P<host>[^\[\]:\s/]*)):(?P<port>[0-9]{1,5})"
)
_FORMS = "use :PORT, ADDRESS:PORT, [IPV6]:PORT, HOST:PORT or unix:/PATH"


class ListenError(FtrError):
    """An address that cannot be listened on; the message names it and says why."""

    def __init__(self, address: str, why: str) -> None:
        super().__init__(f"cannot listen on {address}: {why}")
        self.address = address


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """Where to listen; an empty host means all interfaces."""

    text: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A socket in the file system."""

    text: str
    path: str


def parse_address(text: str) -> TcpAddress | UnixAddress:
    """Take a listen address apart. Raises `ListenError` where it has none of the known forms."""
    kind, _, path = text.partition(":")
    if kind == "unix":
        if not path or "\0" in path:
            raise ListenError(text, "a path must follow unix:")
        return UnixAddress(text, path)
    match = _TCP.fullmatch(text)
    if match is None:
        raise ListenError(text, _FORMS)
    port = int(match["port"])
    if port > 65535:
        raise ListenError(text, "a port is a number from 0 to 65535")
    return TcpAddress(text, match["v6"] or match["host"], port)


def explain(error: OSError, *, port: int | None = None) -> str:
    """Why binding failed, in words; `port` is None for a unix socket."""
    if error.errno in (errno.EACCES, errno.EPERM):
        if port is not None and port < 1024:
            return "ports below 1024 need the capability CAP_NET_BIND_SERVICE; choose a higher one"
        return "permission denied"
    return _REASONS.get(error.errno or 0) or error.strerror or str(error)


_REASONS = {
    errno.EADDRINUSE: "another socket already listens there",
    errno.EADDRNOTAVAIL: "no interface of this host has that address",
    errno.EAFNOSUPPORT: "this system does not support that address family",
    errno.ENOENT: "the directory does not exist",
}
