"""What an answer means that the Linux kernel hands over, whatever the kind of socket."""

from __future__ import annotations

import errno
import time

from exporter.errors import ProbeError
from exporter.model import ExtensionObject, Kind, Response
from exporter.sockets.base import SocketRequest
from exporter.sockets.errqueue import Ancillary, Origin, QueuedError, quoted_extensions
from exporter.sockets.icmp import NUMBERS, code_of, mtu_of, reaches
from exporter.sockets.linux_socket import local_error
from exporter.sockets.local_errors import is_own_address, no_neighbour
from exporter.sockets.pending import Sent
from exporter.sockets.roundtrip import received_at, round_trip


def same_host(found: str, wanted: str) -> bool:
    """Whether the kernel's form of an address, which may name an interface, is the wanted one."""
    return found == wanted or found.partition("%")[0] == wanted


def local_failure(error: QueuedError, request: SocketRequest) -> ProbeError | None:
    """What this host itself says in the error queue; None where somebody else said it."""
    if error.origin == Origin.LOCAL or error.offender is None:
        return local_error(error, request.destination)
    if _is_own_unreachable(error, request):
        return no_neighbour(request.destination)
    return None


def _is_own_unreachable(error: QueuedError, request: SocketRequest) -> bool:
    """Whether our own kernel sent the error, since nobody answers on the link for the route."""
    return (
        error.offender != request.destination
        and error.errno == errno.EHOSTUNREACH
        and error.icmp_type == NUMBERS[request.family].unreachable
        and is_own_address(request.family, error.offender or "")
    )


def response_of(
    request: SocketRequest,
    sent: Sent,
    answer: tuple[str, Kind],
    ancillary: Ancillary,
    *,
    quote: bytes = b"",
    quote_header_bytes: int = 0,
    translated: bool = False,
) -> Response:
    """The response to a probe; `answer` is who sent it, and of which kind it is.

    `quote_header_bytes` is what the kernel removed from the front of the quote.
    """
    now, monotonic, family = time.time_ns(), time.monotonic_ns(), request.family
    address, kind = answer
    code = mtu = None
    extensions: tuple[ExtensionObject, ...] = ()
    if (error := ancillary.error) is not None:
        code = code_of(family, error.icmp_type, error.code)
        mtu = mtu_of(family, error.icmp_type, error.code, error.info)
        extensions = quoted_extensions(quote, error, quote_header_bytes)
    return Response(
        sent.probe,
        address,
        kind,
        round_trip(sent, ancillary.stamp, now, monotonic),
        received_at(sent, ancillary.stamp, now, monotonic),
        code,
        ancillary.ttl,
        extensions,
        address == request.destination and reaches(family, kind, code),
        mtu,
        translated,
    )
