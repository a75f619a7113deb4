"""The engine of ICMP backends whose answers, errors too, come whole on the ordinary queue.

A response is tied to its probe by the echo id, which is the socket's own, the sequence number,
which every quote and every reply holds, and the cookie where the quote is long enough. Nothing in
a flow varies: addresses, id, checksum. What differs between platforms stands in `Quirks`.
"""

from __future__ import annotations

import errno
import secrets
import socket
import time
from functools import partial

from exporter.errors import ProbeError
from exporter.model import ExtensionObject, Family, Kind, Probe, Protocol, Response
from exporter.sockets.base import Listener, SocketRequest
from exporter.sockets.echo_ids import EchoIds
from exporter.sockets.echo_request import Ipv4Header, identified
from exporter.sockets.icmp import NUMBERS, Meaning, meaning_of
from exporter.sockets.icmp_channel import channel_for
from exporter.sockets.icmp_quirks import Control, Quirks, TtlBy
from exporter.sockets.ip_packet import EchoReply, QuotedEcho
from exporter.sockets.linux_queue import refusing_mtu, take_stamps
from exporter.sockets.linux_socket import count_sends_anew, is_still_here
from exporter.sockets.local_errors import is_own_address, no_neighbour, send_error
from exporter.sockets.pending import Pending, Sent
from exporter.sockets.roundtrip import times
from exporter.sockets.wire import COOKIE_BYTES, EchoWire

_ECHO_REPLY = Meaning(Kind.ECHO_REPLY, None, arrived=True, tells_mtu=False)
ECHO_IDS = EchoIds()
"""Those of this process."""


class WholePacketSocket:
    """A `ProbeSocket` and the `Receiver` of what has its echo id. Opening raises `OSError`."""

    protocol = Protocol.ICMP

    def __init__(
        self,
        backend: str,
        kind: int,
        quirks: Quirks,
        request: SocketRequest,
        listener: Listener,
    ) -> None:
        self.backend = backend
        self._quirks = quirks
        self._request = request
        self._listener = listener
        self._wire = EchoWire(
            request.family, request.packet_size, secrets.token_bytes(COOKIE_BYTES)
        )
        self._pending = Pending()
        self._host = request.destination.partition("%")[0]
        self._destination = _packed(request.family, self._host)
        self._header = _header(quirks, request, self._destination)
        self._identifier = _take_id(request)
        try:
            self._channel = channel_for(kind, quirks, request, self._identifier)
        except BaseException:
            ECHO_IDS.release(request.family, self._identifier)
            raise
        self._channel.join(self._identifier, self)
        self._open = True

    def send(self, probe: Probe) -> None:
        """See `ProbeSocket`."""
        sequence = self._pending.next_sequence(probe)
        packet, _ = self._wire.encode(sequence, probe.ttl, probe.size)
        packet = identified(self._request.family, packet, self._identifier)
        if self._header is not None:
            packet = self._header.packet(probe.ttl, packet)
        sent = Sent(probe, 0, time.time_ns(), time.monotonic_ns())
        try:
            self._transmit(packet, probe.ttl)
        except OSError as error:
            raise self._failure(error, packet, probe.ttl) from error
        self._pending.add(sequence, sent)

    def _transmit(self, packet: bytes, ttl: int) -> None:
        request = self._request
        self._channel.send(packet, ttl, request.destination, request.dont_fragment)

    def _failure(self, error: OSError, packet: bytes, ttl: int) -> ProbeError:
        """What a failed send means; on Linux it may have used up the number of a send stamp."""
        mtu = None
        if self._quirks.error_queue:
            if error.errno == errno.EMSGSIZE:
                again = partial(self._transmit, packet, ttl)
                sock = self._channel.socket
                mtu = refusing_mtu(sock, self._request.family, self._pending, again)
            self._pending.count_anew()
            count_sends_anew(self._channel.socket)
        return send_error(error, self._request.destination, mtu)

    def give_up(self, trace: int) -> None:
        """See `ProbeSocket`; only Linux tells."""
        if self._open and self._quirks.error_queue and is_still_here(self._channel.socket):
            for probe in self._pending.take_unstamped(trace):
                self._listener.failed(probe, no_neighbour(self._request.destination))

    def close(self) -> None:
        """See `ProbeSocket`."""
        if self._open:
            self._open = False
            self._channel.leave(self._identifier)
            ECHO_IDS.release(self._request.family, self._identifier)

    def errors_queued(self) -> None:
        """See `Receiver`."""
        take_stamps(self._channel.socket, self._pending)

    def received(self, found: EchoReply | QuotedEcho, control: Control, address: str) -> None:
        """See `Receiver`."""
        if isinstance(found, QuotedEcho):
            self._quoted(found, control, address)
        else:
            self._replied(found, control, address)

    def _replied(self, reply: EchoReply, control: Control, address: str) -> None:
        sent = None
        if address == self._host:
            sent = self._pending.take(self._wire.answered(reply.message, 0), 0)
        if sent is None:
            self._listener.unmatched()
        else:
            self._respond(sent, address, control)

    def _quoted(self, error: QuotedEcho, control: Control, offender: str) -> None:
        sent = None
        translated = error.destination != self._destination
        if not translated or len(error.quote) >= self._wire.proof_bytes:
            sent = self._pending.take(self._wire.quoted(error.quote, 0), 0)
        if sent is None:
            self._listener.unmatched()
        elif self._is_local_failure(error, offender):
            self._listener.failed(sent.probe, no_neighbour(self._request.destination))
        else:
            self._respond(sent, offender, control, error)

    def _is_local_failure(self, error: QuotedEcho, offender: str) -> bool:
        """Whether our own kernel sent the error, since nobody answers on the link for the route."""
        numbers = NUMBERS[self._request.family]
        return (
            offender != self._host
            and (error.icmp_type, error.code) == (numbers.unreachable, numbers.host_unreachable)
            and is_own_address(self._request.family, offender)
        )

    def _respond(
        self,
        sent: Sent,
        address: str,
        control: Control,
        error: QuotedEcho | None = None,
    ) -> None:
        now, monotonic = time.time_ns(), time.monotonic_ns()
        meaning, mtu = _ECHO_REPLY, None
        translated = False
        extensions: tuple[ExtensionObject, ...] = ()
        if error is not None:
            meaning = meaning_of(self._request.family, error.icmp_type, error.code)
            mtu = error.mtu or None if meaning.tells_mtu else None
            extensions = error.extensions
            translated = error.destination != self._destination
        self._listener.responded(
            Response(
                sent.probe,
                address,
                meaning.kind,
                *times(sent, control.stamp, now, monotonic),
                meaning.code,
                control.ttl,
                extensions,
                meaning.arrived and address == self._host,
                mtu,
                translated,
            )
        )


def _packed(family: Family, address: str) -> bytes:
    inet = socket.AF_INET if family is Family.IPV4 else socket.AF_INET6
    return socket.inet_pton(inet, address)


def _header(quirks: Quirks, request: SocketRequest, destination: bytes) -> Ipv4Header | None:
    if quirks.ttl_by is not TtlBy.HEADER:
        return None
    source = _packed(request.family, request.source or "0.0.0.0")
    return Ipv4Header(
        source, destination, request.dscp << 2, request.dont_fragment, quirks.header_order
    )


def _take_id(request: SocketRequest) -> int:
    identifier = ECHO_IDS.take(request.family, request.local_port)
    if identifier is None:
        raise OSError(errno.EADDRINUSE, "this process has a socket for each of the 65,535 echo ids")
    return identifier
