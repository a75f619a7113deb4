"""Windows ICMP echo: works for every user, through the system's own functions for it.

Windows builds the packet, matches the answer and tells its status; it hands over no quoted packet,
so there are no MPLS labels, and it numbers the requests itself, so the ICMP checksum is another
one for each probe. A request cannot be called back: what is in flight when the socket closes stays
in memory until Windows is done with it, within a minute.
"""

from __future__ import annotations

import asyncio
import ctypes
import secrets
import socket
import time
from functools import partial

from exporter.errors import ErrorReason, SocketUnavailable
from exporter.model import Family, Kind, Probe, Protocol, Response
from exporter.sockets.base import Listener, ProbeSocket, SocketRequest
from exporter.sockets.icmp import ECHO_HEADER_BYTES, NUMBERS
from exporter.sockets.windows_api import Api, Echo, Watch
from exporter.sockets.windows_library import windows_api
from exporter.sockets.windows_reply import (
    MEANINGS,
    NO_ANSWER,
    Reply,
    failure,
    parse_reply,
    round_trip,
)
from exporter.sockets.wire import COOKIE_BYTES, EchoWire

TIMEOUT_MS = 60_000
"""The longest `timeout` that a configuration may ask for: nothing that still counts is lost."""

_ANY = {Family.IPV4: "0.0.0.0", Family.IPV6: "::"}
_ANY_PORT = 9
_SEQUENCES = 1 << 16


def open_windows_icmp(
    request: SocketRequest, listener: Listener, api: Api | None = None
) -> ProbeSocket:
    """Open for one destination. Raises `SocketUnavailable`."""
    if request.source and not _is_own(request.family, request.source):
        message = f"this host does not have the address {request.source}"
        raise SocketUnavailable(ErrorReason.SOCKET, message)
    try:
        api = api or windows_api()
        handle = api.open(request.family)
    except OSError as error:
        message = f"Windows gives no handle for ICMP over {request.family}: {error}"
        raise SocketUnavailable(ErrorReason.SOCKET, message) from error
    return WindowsIcmpSocket(api, handle, request, listener)


def _is_own(family: Family, address: str) -> bool:
    """Whether this host has the address: to itself it speaks from the address spoken to.

    Nothing is sent. Binding would not tell: Wine, unlike Windows, binds to any address.
    """
    inet = socket.AF_INET if family is Family.IPV4 else socket.AF_INET6
    try:
        with socket.socket(inet, socket.SOCK_DGRAM) as probe:
            probe.connect((address, _ANY_PORT))
            return bool(probe.getsockname()[0] == address)
    except OSError:
        return False


class _Flight:
    """A probe that Windows is busy with. The clocks are read beside the calls."""

    __slots__ = ("echo", "probe", "received_at", "received_ns", "sent_ns", "watch")

    def __init__(self, probe: Probe, echo: Echo) -> None:
        self.probe = probe
        self.echo = echo
        self.sent_ns = self.received_ns = 0
        self.received_at = 0.0
        self.watch: Watch | None = None


class WindowsIcmpSocket:
    """A `ProbeSocket` over one handle, with an event for each probe."""

    backend = "windows-icmp"
    protocol = Protocol.ICMP

    def __init__(self, api: Api, handle: int, request: SocketRequest, listener: Listener) -> None:
        self._api = api
        self._handle = handle
        self._request = request
        self._listener = listener
        cookie = secrets.token_bytes(COOKIE_BYTES)
        self._wire = EchoWire(request.family, request.packet_size, cookie)
        self._ends = (request.source or _ANY[request.family], request.destination)
        self._sequence = secrets.randbelow(_SEQUENCES)
        self.in_flight = 0
        """Requests that Windows has not given back yet."""
        self._closed = False
        self._loop = asyncio.get_running_loop()

    def send(self, probe: Probe) -> None:
        """See `ProbeSocket`."""
        self._sequence = (self._sequence + 1) % _SEQUENCES
        packet, _ = self._wire.encode(self._sequence, probe.ttl, probe.size)
        data = packet[ECHO_HEADER_BYTES:]
        flight = _Flight(probe, Echo(self._request.family, self._ends, data, probe.ttl, TIMEOUT_MS))
        try:
            watch = flight.watch = self._api.watch(partial(self._signalled, flight))
        except OSError as error:
            raise failure(getattr(error, "winerror", 0), self._request.destination) from error
        flight.sent_ns = time.perf_counter_ns()
        error_number = self._api.send(self._handle, flight.echo, watch)
        if error_number:
            self._api.unwatch(watch, running=True)
            raise failure(error_number, self._request.destination)
        self.in_flight += 1

    def give_up(self, trace: int) -> None:
        """See `ProbeSocket`; Windows does not tell."""

    def close(self) -> None:
        """See `ProbeSocket`. The handle goes with the last request that uses it."""
        if not self._closed:
            self._closed = True
            self._close_if_idle()

    def _close_if_idle(self) -> None:
        if self._closed and not self.in_flight:
            self._api.close(self._handle)

    def _signalled(self, flight: _Flight) -> None:
        """In a thread of the system: read the clocks, and tell the event loop."""
        flight.received_ns = time.perf_counter_ns()
        flight.received_at = time.monotonic()
        try:
            self._loop.call_soon_threadsafe(self._landed, flight)
        except RuntimeError:
            # The loop has ended before its sockets' requests: nobody wants to know any more.
            return

    def _landed(self, flight: _Flight) -> None:
        try:
            if not self._closed:
                self._tell(flight)
        finally:
            assert flight.watch is not None
            self._api.unwatch(flight.watch)
            self.in_flight -= 1
            self._close_if_idle()

    def _tell(self, flight: _Flight) -> None:
        status = self._api.parse(flight.echo)
        reply = self._reply(flight) if status == 0 else None
        if reply is not None:
            status = reply.status
        if status in NO_ANSWER:
            return
        kind, code = MEANINGS[self._request.family].get(status, (None, None))
        if reply is None or kind is None or self._is_local(reply, kind):
            self._listener.failed(flight.probe, failure(status, self._request.destination))
        elif kind is Kind.ECHO_REPLY and not self._is_ours(reply, flight):
            self._listener.unmatched()
        else:
            self._respond(flight, reply, kind, code)

    def _reply(self, flight: _Flight) -> Reply:
        buffer = flight.echo.reply
        return parse_reply(
            self._request.family, buffer.raw, ctypes.addressof(buffer), len(flight.echo.data)
        )

    def _is_local(self, reply: Reply, kind: Kind) -> bool:
        """Whether this host itself says unreachable: nobody answers on the link, for instance."""
        return (
            kind is Kind.UNREACHABLE
            and reply.address != self._request.destination
            and _is_own(self._request.family, reply.address)
        )

    def _is_ours(self, reply: Reply, flight: _Flight) -> bool:
        """Whether the destination returned all that was sent to it, sequence and cookie first."""
        return reply.address == self._request.destination and reply.data == flight.echo.data

    def _respond(self, flight: _Flight, reply: Reply, kind: Kind, code: int | None) -> None:
        reached = reply.address == self._request.destination and (
            kind is Kind.ECHO_REPLY or code == NUMBERS[self._request.family].port_unreachable
        )
        rtt = round_trip(flight.received_ns - flight.sent_ns, reply.rtt_ms)
        self._listener.responded(
            Response(
                flight.probe,
                reply.address,
                kind,
                rtt,
                flight.received_at,
                code,
                reply.ttl,
                reached=reached,
            )
        )
