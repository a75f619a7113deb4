"""The engine of ICMP backends whose answers, errors too, come whole on the ordinary queue.

A response is tied to its probe by the echo id, which is the socket's own, the sequence number,
which every quote and every reply holds, and the cookie where the quote is long enough. Nothing in
a flow varies: addresses, id, checksum. What differs between platforms stands in `Quirks`.
"""

from __future__ import annotations

import asyncio
import errno
import secrets
import socket
import struct
import time
from functools import partial

from exporter.errors import MalformedPacket, ProbeError
from exporter.model import ExtensionObject, Family, Kind, Probe, Protocol, Response
from exporter.sockets.base import Listener, SocketRequest
from exporter.sockets.echo_ids import EchoIds
from exporter.sockets.echo_request import Ipv4Header, identified
from exporter.sockets.icmp import NUMBERS, code_of, kind_of, mtu_of, reaches
from exporter.sockets.icmp_quirks import Control, Quirks, TtlBy, parse_control
from exporter.sockets.icmp_socket import open_icmp
from exporter.sockets.ip_packet import EchoReply, QuotedEcho, read_packet
from exporter.sockets.linux_queue import refusing_mtu, take_stamps
from exporter.sockets.linux_socket import count_sends_anew
from exporter.sockets.local_errors import is_own_address, no_neighbour, send_error
from exporter.sockets.pending import Pending, Sent
from exporter.sockets.roundtrip import round_trip
from exporter.sockets.wire import COOKIE_BYTES, EchoWire

_DATA_BYTES = 2048
_LONGEST_HEADERS = 128
_CONTROL_BYTES = 512
_ITEMS_PER_WAKE_UP = 256
_INT = struct.Struct("@i")
_Message = tuple[int, int, bytes]
ECHO_IDS = EchoIds()
"""Those of this process."""


class WholePacketSocket:
    """A `ProbeSocket` over an unconnected, non-blocking ICMP socket. Opening raises `OSError`."""

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
        self._data_bytes = max(_DATA_BYTES, (request.packet_size or 0) + _LONGEST_HEADERS)
        self._host = request.destination.partition("%")[0]
        self._destination = _packed(request.family, self._host)
        self._header = _header(quirks, request, self._destination)
        self._ttl = 0
        self._loop = asyncio.get_running_loop()
        self._identifier = _take_id(request)
        try:
            self._socket = open_icmp(kind, quirks, request, self._identifier)
        except BaseException:
            ECHO_IDS.release(request.family, self._identifier)
            raise
        self._loop.add_reader(self._socket.fileno(), self._readable)

    def send(self, probe: Probe) -> None:
        """See `ProbeSocket`. Nothing waits between setting the TTL and sending."""
        request = self._request
        sequence = self._pending.next_sequence(probe)
        packet, _ = self._wire.encode(sequence, probe.ttl, probe.size)
        packet = identified(request.family, packet, self._identifier)
        if self._header is not None:
            packet = self._header.packet(probe.ttl, packet)
        self._data_bytes = max(self._data_bytes, len(packet) + _LONGEST_HEADERS)
        control = self._set_ttl(probe.ttl)
        sent = Sent(probe, 0, time.time_ns(), time.monotonic_ns())
        try:
            self._transmit(packet, control)
        except OSError as error:
            raise self._failure(error, packet, control) from error
        self._pending.add(sequence, sent)

    def _transmit(self, packet: bytes, control: list[_Message]) -> None:
        self._socket.sendmsg([packet], control, 0, (self._request.destination, 0))

    def _failure(self, error: OSError, packet: bytes, control: list[_Message]) -> ProbeError:
        """What a failed send means; on Linux it may have used up the number of a send stamp."""
        mtu = None
        if self._quirks.error_queue:
            if error.errno == errno.EMSGSIZE:
                again = partial(self._transmit, packet, control)
                mtu = refusing_mtu(self._socket, self._request.family, self._pending, again)
            self._pending.forget_stamps()
            count_sends_anew(self._socket)
        return send_error(error, self._request.destination, mtu)

    def close(self) -> None:
        """See `ProbeSocket`."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
            ECHO_IDS.release(self._request.family, self._identifier)

    def _set_ttl(self, ttl: int) -> list[_Message]:
        """What goes along with the send; where that cannot hold the TTL, the socket has it then."""
        quirks = self._quirks
        control: list[_Message] = []
        if quirks.ttl_by is TtlBy.MESSAGE:
            control.append((quirks.level, quirks.ttl, _INT.pack(ttl)))
        elif quirks.ttl_by is TtlBy.OPTION and ttl != self._ttl:
            self._socket.setsockopt(quirks.level, quirks.ttl, ttl)
            self._ttl = ttl
        if quirks.whole_message is not None and self._request.dont_fragment:
            control.append((quirks.level, quirks.whole_message, _INT.pack(1)))
        return control

    def _readable(self) -> None:
        """Drain the queues, bounded so that a flood cannot starve the other targets."""
        if self._quirks.error_queue:
            take_stamps(self._socket, self._pending)
        budget = _ITEMS_PER_WAKE_UP
        while budget and self._socket.fileno() >= 0:
            budget -= 1
            try:
                data, messages, _, address = self._socket.recvmsg(self._data_bytes, _CONTROL_BYTES)
            except BlockingIOError:
                break
            except OSError:
                continue
            self._received(data, parse_control(self._quirks, messages), address[0])

    def _received(self, data: bytes, control: Control, address: str) -> None:
        """An ICMP packet of any program of this host; those that are not ours are nothing to us."""
        try:
            found, ttl = read_packet(self._quirks, self._request.family, data)
        except MalformedPacket:
            self._listener.unmatched()
            return
        if found is None or found.identifier != self._identifier:
            return
        if ttl is not None:
            control = control._replace(ttl=ttl)
        address = address.partition("%")[0]
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
            self._respond(sent, address, Kind.ECHO_REPLY, control)

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
            kind = kind_of(self._request.family, error.icmp_type)
            self._respond(sent, offender, kind, control, error)

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
        kind: Kind,
        control: Control,
        error: QuotedEcho | None = None,
    ) -> None:
        now, family = time.time_ns(), self._request.family
        code = mtu = None
        translated = False
        extensions: tuple[ExtensionObject, ...] = ()
        if error is not None:
            code = code_of(family, error.icmp_type, error.code)
            mtu = mtu_of(family, error.icmp_type, error.code, error.mtu)
            extensions = error.extensions
            translated = error.destination != self._destination
        self._listener.responded(
            Response(
                sent.probe,
                address,
                kind,
                round_trip(sent, control.stamp, now, time.monotonic_ns()),
                (control.stamp or now) / 1e9,
                code,
                control.ttl,
                extensions,
                address == self._host and reaches(family, kind, code),
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
