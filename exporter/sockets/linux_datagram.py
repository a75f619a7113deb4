"""The engine of Linux datagram backends: one socket, its error queue, its time stamps.

Answers arrive in two queues: ICMP errors, with the send stamps, in the error queue (`IP_RECVERR`),
and what the destination sent in the ordinary one. Both wake the event loop once for each batch.
How a probe is encoded, and which probe an answer belongs to, is the `Wire`'s business.
"""

from __future__ import annotations

import asyncio
import errno
import select
import socket
import struct
import time
from dataclasses import dataclass
from functools import cache

from exporter.model import Family, Probe, Protocol
from exporter.sockets.base import Listener, SocketRequest
from exporter.sockets.errqueue import (
    OPTIONS,
    Ancillary,
    Origin,
    QueuedError,
    parse_ancillary,
    send_stamp,
)
from exporter.sockets.icmp import NUMBERS
from exporter.sockets.linux_answer import (
    destination_response,
    error_response,
    local_failure,
    same_host,
)
from exporter.sockets.linux_socket import count_sends_anew, is_still_here
from exporter.sockets.local_errors import BLOCKED, no_neighbour, send_error
from exporter.sockets.pending import Pending, Sent
from exporter.sockets.readiness import ERROR, unwatch, watch
from exporter.sockets.wire import Wire

_DATA_BYTES = 2048
_CONTROL_BYTES = 512
_ITEMS_PER_WAKE_UP = 256
_SEND_TRIES = 1000
_TRIES_UNLESS_ANSWERS_POUR_IN = 4


@dataclass(frozen=True, slots=True)
class Flavour:
    """What tells one datagram backend from another."""

    backend: str
    protocol: Protocol
    quote_header_bytes: int


@cache
def _ttl_messages(family: Family) -> tuple[list[tuple[int, int, bytes]], ...]:
    """The control messages of a probe by its TTL, one byte."""
    options = OPTIONS[family]
    return tuple([(options.level, options.ttl, struct.pack("@i", ttl))] for ttl in range(256))


class LinuxDatagramSocket:
    """A `ProbeSocket` over an unconnected, non-blocking datagram socket."""

    def __init__(
        self,
        flavour: Flavour,
        sock: socket.socket,
        wire: Wire,
        request: SocketRequest,
        listener: Listener,
    ) -> None:
        self.backend = flavour.backend
        self.protocol = flavour.protocol
        self._quote_header_bytes = flavour.quote_header_bytes
        self._errors = NUMBERS[request.family].errors
        self._socket = sock
        self._wire = wire
        self._request = request
        self._destination = request.destination
        self._ttl_messages = _ttl_messages(request.family)
        self._listener = listener
        self._pending = Pending()
        self._data_bytes = max(_DATA_BYTES, request.packet_size or 0)
        self._link_mtu = 0
        self._closed = False
        self._loop = asyncio.get_running_loop()
        watch(sock.fileno(), self._ready)

    def send(self, probe: Probe) -> None:
        """See `ProbeSocket`.

        A queued ICMP error is also the socket's pending error and makes the next send fail, though
        nothing is wrong with that probe. Failing consumes it, hence the retries.
        """
        sequence = self._pending.next_sequence(probe)
        payload, port = self._wire.encode(sequence, probe.ttl, probe.size)
        self._data_bytes = max(self._data_bytes, len(payload))
        address = (self._destination, port)
        control = self._ttl_messages[probe.ttl]
        for number in range(_SEND_TRIES):
            sent = Sent(probe, port, time.time_ns(), time.monotonic_ns())
            try:
                self._socket.sendmsg([payload], control, 0, address)
            except OSError as error:
                self._pending.count_anew()
                count_sends_anew(self._socket)
                if error.errno in BLOCKED or not self._may_be_pending(error, number):
                    raise send_error(error, self._destination, self._link_mtu or None) from error
            else:
                self._pending.add(sequence, sent)
                return

    def _may_be_pending(self, error: OSError, number: int) -> bool:
        """Whether failure `number` in a row may stem from answers and not from the probe itself."""
        if error.errno == errno.EMSGSIZE and self._request.dont_fragment and self._refused_here():
            return False
        if number < _TRIES_UNLESS_ANSWERS_POUR_IN:
            return True
        poll = select.poll()
        poll.register(self._socket.fileno(), 0)
        return bool(poll.poll(0)) and number + 1 < _SEND_TRIES

    def _refused_here(self) -> bool:
        """Whether EMSGSIZE is this host's own word: then the first link's MTU is queued by now."""
        self._link_mtu = 0
        self._read(socket.MSG_ERRQUEUE, _ITEMS_PER_WAKE_UP, to_the_end=True)
        return self._link_mtu > 0

    def give_up(self, trace: int) -> None:
        """See `ProbeSocket`: the kernel seeks the next hop for longer than a trace may take."""
        if not self._closed and is_still_here(self._socket):
            for probe in self._pending.take_unstamped(trace):
                self._listener.failed(probe, no_neighbour(self._destination))

    def close(self) -> None:
        """See `ProbeSocket`."""
        if not self._closed:
            self._closed = True
            unwatch(self._loop, self._socket.fileno())
            self._socket.close()

    def _ready(self, events: int) -> None:
        """Read the queues that have something, bounded so that a flood starves no other target.

        A pending error without a queued one is read off the ordinary queue.
        """
        left = _ITEMS_PER_WAKE_UP
        if events & ERROR:
            left = self._read(socket.MSG_ERRQUEUE, left)
        if events != ERROR or left == _ITEMS_PER_WAKE_UP:
            self._read(0, left)

    def _read(self, flags: int, budget: int, *, to_the_end: bool = False) -> int:
        """Read a queue; gives what is left of the budget.

        To ask a queue that is empty costs half as much as an answer, and answers come one by one:
        unless told to read `to_the_end`, this stops at one where no send stamp is due. The loop
        calls again if there is more.
        """
        receive = self._socket.recvmsg
        while budget and not self._closed:
            try:
                data, messages, _, address = receive(self._data_bytes, _CONTROL_BYTES, flags)
            except BlockingIOError:
                break
            except OSError:
                # The pending error of a queued ICMP error: reading it is consuming it.
                budget -= 1
                continue
            budget -= 1
            if not data and (stamp := send_stamp(messages)):
                self._pending.stamped(*stamp)
                continue
            ancillary = parse_ancillary(messages)
            if ancillary.error is None:
                told = self._answer(data, ancillary, address)
            else:
                told = self._queued(data, ancillary, ancillary.error, address)
            if told and not to_the_end and not self._pending.unstamped:
                break
        return budget

    def _queued(
        self, quote: bytes, ancillary: Ancillary, error: QueuedError, address: tuple[str, int]
    ) -> bool:
        """Tell what an ICMP error, or this host, says of a probe; False where it is of none."""
        if not quote and error.origin == Origin.TIMESTAMP:
            return False
        if not quote and error.origin == Origin.LOCAL and error.errno == errno.EMSGSIZE:
            # Not about a probe on its way: the send that it belongs to has failed already.
            self._link_mtu = error.info
            return False
        if error.origin == Origin.ICMP and error.icmp_type not in self._errors:
            # A ping socket is told of redirects too (ping_err); the probe goes on its way.
            return False
        sent = None
        translated = not (address and same_host(address[0], self._destination))
        if address and (not translated or len(quote) >= self._wire.proof_bytes):
            sent = self._pending.take(self._wire.quoted(quote, address[1]), address[1])
        if sent is None:
            self._listener.unmatched()
            return False
        failure = local_failure(error, self._request)
        if failure is not None:
            self._listener.failed(sent.probe, failure)
            return True
        self._listener.responded(
            error_response(
                self._request,
                sent,
                error,
                ancillary,
                quote,
                quote_header_bytes=self._quote_header_bytes,
                translated=translated or address[1] != sent.port,
            )
        )
        return True

    def _answer(self, data: bytes, ancillary: Ancillary, address: tuple[str, int]) -> bool:
        """Tell what the destination sent; False where it answers no probe."""
        sent = None
        if address and same_host(address[0], self._destination):
            sent = self._pending.take(self._wire.answered(data, address[1]), address[1])
        if sent is None:
            self._listener.unmatched()
            return False
        kind = self._wire.answer_kind
        self._listener.responded(destination_response(self._request, sent, kind, ancillary))
        return True
