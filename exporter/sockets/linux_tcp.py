"""Linux TCP: a probe is a SYN with a small TTL, sent by connect(2); it works for every user.

A response is tied to its probe by the socket: the kernel hands it an ICMP error only if that quotes
the addresses, both ports, and the SYN's own sequence number, 32 bits that nobody can guess
(tcp_v4_err, tcp_v6_err). Each TTL has a source port, the same from cycle to cycle, so that each hop
is stable, though neighbouring hops may belong to different branches.

What the kernel's own TCP does, as measured with Linux 6.18, decides the rest:

- The first ICMP error ends the connection attempt. A second one finds no socket: a duplicate is
  never seen. Nor is an error whose quote a translator changed.
- An unanswered SYN is sent again after a second (RFC 6298 section 2.1), and no option forbids that
  to a user: `TCP_SYNCNT` and `TCP_USER_TIMEOUT` begin to count with the second one. So a probe is
  given up before, after 0.9 s, whatever the timeout of the trace: slower answers are lost. It is
  given up earlier where the next trace asks the same TTL, for that needs its port.
- An open port's SYN-ACK is not acknowledged but reset, before the service learns of it.
- A SYN gets no send stamp. The RTT of a router's answer runs from a clock reading before connect(2)
  to the kernel's receive stamp; that of an open port is the kernel's own; that of a refused one is
  read from the clock when this process hears of it.
"""

from __future__ import annotations

import errno
import os
import random
import socket
import struct
import time
from pathlib import Path

from exporter.errors import ErrorReason, SendBlocked, SocketUnavailable
from exporter.model import Kind, Probe, Protocol, Response
from exporter.sockets.base import Listener, ProbeSocket, SocketRequest
from exporter.sockets.errqueue import Ancillary, QueuedError, parse_ancillary
from exporter.sockets.icmp import NUMBERS
from exporter.sockets.linux_answer import error_response, local_failure, same_host
from exporter.sockets.linux_connect import (
    DEFAULT_PORT,
    Connector,
    Flight,
    hop_limit_of_answer,
    tcp_info,
)
from exporter.sockets.linux_flights import Flights
from exporter.sockets.linux_socket import is_still_here
from exporter.sockets.local_errors import no_neighbour, send_error
from exporter.sockets.roundtrip import times
from exporter.sockets.source_ports import SourcePorts
from exporter.sockets.tcpinfo import TcpInfo

_REPEATED_AFTER_NS = 1_000_000_000
_CLOCK_ERROR_SECONDS = 0.001
_DATA_BYTES, _CONTROL_BYTES = 2048, 512
_OUT_OF_DESCRIPTORS = {errno.EMFILE, errno.ENFILE}
_PORTS = struct.Struct("!HH")
_PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL_PORT_RANGE = range(32768, 61000)


def open_linux_tcp(request: SocketRequest, listener: Listener) -> ProbeSocket:
    """Open for one destination. Raises `SocketUnavailable`."""
    try:
        return LinuxTcpSocket(request, listener)
    except OSError as error:
        message = f"cannot open a TCP socket: {error.strerror}"
        raise SocketUnavailable(ErrorReason.SOCKET, message) from error


class LinuxTcpSocket:
    """A `ProbeSocket` with a TCP socket for each probe in flight."""

    backend = "linux-tcp"
    protocol = Protocol.TCP

    def __init__(self, request: SocketRequest, listener: Listener) -> None:
        self._request = request
        self._listener = listener
        self._port = request.port or DEFAULT_PORT
        self._header_bytes = NUMBERS[request.family].ip_header_bytes
        ephemeral = _ephemeral_ports()
        base = request.local_port or random.choice(ephemeral)
        self._ports = SourcePorts(base, self._port, ephemeral)
        self._flights = Flights(self._look, self._give_up)
        try:
            self._connector = Connector(request)
        except BaseException:
            self._flights.close()
            raise

    def send(self, probe: Probe) -> None:
        """See `ProbeSocket`."""
        destination = self._request.destination
        if self._ports.is_away(probe.ttl):
            # A trace that follows at once must see the same flow, or it would confirm another's.
            for former in self._flights.earlier(probe):
                self._give_up(former)
        for port in self._ports.offer(probe.ttl):
            try:
                self._add(self._connector.connect(probe, port))
            except OSError as error:
                if error.errno in _OUT_OF_DESCRIPTORS:
                    raise SendBlocked(f"cannot send to {destination}: {error.strerror}") from error
                if error.errno != errno.EADDRINUSE:
                    raise send_error(error, destination) from error
                self._ports.refuse(probe.ttl, port)
            else:
                return
        raise SendBlocked(f"cannot send to {destination}: every source port is in use")

    def give_up(self, trace: int) -> None:
        """See `ProbeSocket`."""
        for flight in self._flights.of(trace):
            self._give_up(flight)

    def close(self) -> None:
        """See `ProbeSocket`."""
        self._flights.close()
        self._connector.close()

    def _add(self, flight: Flight) -> None:
        self._flights.add(flight)
        self._ports.take(flight.sent.port)

    def _finish(self, flight: Flight) -> Probe:
        self._flights.finish(flight)
        self._ports.give_back(flight.sent.port)
        return flight.sent.probe

    def _give_up(self, flight: Flight) -> None:
        """The kernel would soon repeat the SYN."""
        # A busy process may not have seen yet that it was answered.
        self._look(flight)
        if flight.socket.fileno() < 0:
            return
        never_left = is_still_here(flight.socket)
        probe = self._finish(flight)
        if never_left:
            self._listener.failed(probe, no_neighbour(self._request.destination))

    # -- what the kernel says -----------------------------------------------------------------

    def _look(self, flight: Flight) -> None:
        while flight.socket.fileno() >= 0:
            try:
                quote, messages, _, address = flight.socket.recvmsg(
                    _DATA_BYTES, _CONTROL_BYTES, socket.MSG_ERRQUEUE
                )
            except BlockingIOError:
                self._look_at_state(flight)
                return
            ancillary = parse_ancillary(messages)
            if ancillary.error is not None and self._is_plausible(flight, quote, address):
                self._queued(flight, quote, ancillary, ancillary.error)
                return
            self._listener.unmatched()

    def _is_plausible(self, flight: Flight, quote: bytes, address: tuple[str, int] | None) -> bool:
        """Whether the quoted packet was this SYN; the kernel has looked at more than that."""
        return (
            address is not None
            and same_host(address[0], self._request.destination)
            and quote[: _PORTS.size] == _PORTS.pack(flight.sent.port, self._port)
        )

    def _queued(
        self, flight: Flight, quote: bytes, ancillary: Ancillary, error: QueuedError
    ) -> None:
        age_ns = time.monotonic_ns() - flight.sent.monotonic_ns
        repeated = age_ns >= _REPEATED_AFTER_NS and tcp_info(flight.socket).retransmissions > 0
        probe = self._finish(flight)
        failure = local_failure(error, self._request)
        if failure is not None:
            self._listener.failed(probe, failure)
        elif repeated:
            self._listener.unmatched()
        else:
            self._listener.responded(
                error_response(
                    self._request,
                    flight.sent,
                    error,
                    ancillary,
                    quote,
                    quote_header_bytes=self._header_bytes,
                )
            )

    def _look_at_state(self, flight: Flight) -> None:
        """No ICMP error: the destination itself answered, or this host failed, or nothing yet."""
        number = flight.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        info = tcp_info(flight.socket)
        reply_ttl = hop_limit_of_answer(flight.socket) if info.established else None
        if not number and not info.established:
            return
        probe = self._finish(flight)
        if info.established or number == errno.ECONNREFUSED:
            if info.retransmissions:
                # Nobody knows which of the two SYNs this answers (Karn's rule, RFC 6298 section 3).
                self._listener.unmatched()
            else:
                self._listener.responded(self._reached(flight, info, reply_ttl))
        elif number != errno.ETIMEDOUT:
            error = OSError(number, os.strerror(number))
            self._listener.failed(probe, send_error(error, self._request.destination))

    def _reached(self, flight: Flight, info: TcpInfo, reply_ttl: int | None) -> Response:
        """The kernel's own RTT, unless the clock contradicts it."""
        monotonic, sent = time.monotonic_ns(), flight.sent
        rtt, received_at = times(sent, None, time.time_ns(), monotonic)
        if 0 < info.rtt <= rtt + _CLOCK_ERROR_SECONDS:
            received_at -= rtt - info.rtt
            rtt = info.rtt
        return Response(
            sent.probe,
            self._request.destination,
            Kind.CONNECTED if info.established else Kind.REFUSED,
            rtt,
            received_at,
            reply_ttl=reply_ttl,
            reached=True,
        )


def _ephemeral_ports() -> range:
    """The ports that the kernel gives to connections which ask for none."""
    try:
        least, most = (int(number) for number in _PORT_RANGE.read_text().split())
    except (OSError, ValueError):
        return _USUAL_PORT_RANGE
    return range(least, most + 1)
