"""What an answer means that the Linux kernel hands over, whatever the kind of socket."""

from __future__ import annotations

import errno
import time

from exporter.errors import ProbeError
from exporter.model import Kind, Response
from exporter.sockets.base import SocketRequest
from exporter.sockets.errqueue import Ancillary, Origin, QueuedError, quoted_extensions
from exporter.sockets.icmp import NUMBERS, meaning_of
from exporter.sockets.linux_socket import local_error
from exporter.sockets.local_errors import is_own_address, no_neighbour
from exporter.sockets.pending import Sent
from exporter.sockets.roundtrip import times


def same_host(found: str, wanted: str) -> bool:
    """Whether the kernel's form of an address, which may name an interface, is the wanted one."""
    return found == wanted or found.partition("%")[0] == wanted


def local_failure(error: QueuedError, request: SocketRequest) -> ProbeError | None:
    """What this host itself says in the error queue; None where somebody else said it."""
    if error.origin == Origin.LOCAL or error.offender is None:
        return local_error(error, request.destination)
    if (
        # Our own kernel sent it, since nobody answers on the link for the route.
        error.icmp_type == NUMBERS[request.family].unreachable
        and error.errno == errno.EHOSTUNREACH
        and error.offender != request.destination
        and is_own_address(request.family, error.offender)
    ):
        return no_neighbour(request.destination)
    return None


def error_response(
    request: SocketRequest,
    sent: Sent,
    error: QueuedError,
    ancillary: Ancillary,
    quote: bytes,
    *,
    quote_header_bytes: int,
    translated: bool = False,
) -> Response:
    """What an ICMP error says of a probe. `quote_header_bytes` is what the kernel removed from the

    front of the quote.
    """
    now, monotonic = time.time_ns(), time.monotonic_ns()
    meaning, address = meaning_of(request.family, error.icmp_type, error.code), error.offender or ""
    return Response(
        sent.probe,
        address,
        meaning.kind,
        *times(sent, ancillary.stamp, now, monotonic),
        meaning.code,
        ancillary.ttl,
        quoted_extensions(quote, error, quote_header_bytes),
        meaning.arrived and address == request.destination,
        error.info or None if meaning.tells_mtu else None,
        translated,
    )


def destination_response(
    request: SocketRequest, sent: Sent, kind: Kind, ancillary: Ancillary
) -> Response:
    """What the destination itself says, other than by an ICMP error."""
    now, monotonic = time.time_ns(), time.monotonic_ns()
    rtt, at = times(sent, ancillary.stamp, now, monotonic)
    ttl, address = ancillary.ttl, request.destination
    return Response(sent.probe, address, kind, rtt, at, reply_ttl=ttl, reached=True)
