"""UDP towards one port: a single flow where that can be, a flow for each TTL where it must be.

With one destination port for all TTLs every probe is of one flow, and only what is quoted or
returned of the payload tells which one was answered. Routers that quote the UDP header alone (RFC
792 asks for no more) and services that answer with bytes of their own leave that open. Then a local
port for each TTL tells it instead: the kernel hands each answer to the socket whose port it quotes.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace

from exporter.errors import AskAgain, ErrorReason, ProbeError, SocketUnavailable
from exporter.model import Probe, Response
from exporter.sockets.base import Listener, SocketRequest
from exporter.sockets.linux_datagram import Flavour, LinuxDatagramSocket
from exporter.sockets.linux_socket import open_socket
from exporter.sockets.wire import Wire

UDP_HEADER_BYTES = 8
_LAST_PORT = 65535
Heard = Callable[[int | None], int | None]


def open_udp(
    flavour: Flavour, wire: Wire, request: SocketRequest, listener: Listener
) -> LinuxDatagramSocket:
    """One UDP socket with its engine. Raises `SocketUnavailable`."""
    try:
        sock = open_socket(request, socket.IPPROTO_UDP)
    except OSError as error:
        message = f"cannot open a UDP socket: {error.strerror}"
        raise SocketUnavailable(ErrorReason.SOCKET, message) from error
    return LinuxDatagramSocket(flavour, sock, wire, request, listener)


class PortPerTtl:
    """A `ProbeSocket` of one flow, in which TTLs that need it have a local port of their own.

    Which need it shows when something of ours arrives that nothing tells apart: every TTL that then
    waits for an answer, and every one not asked yet, gets its own port, and those that wait are
    given back to be asked again. A TTL whose answer is told apart by what it holds returns to the
    one flow. With `alike` no answer ever can be, so that every TTL has its own port from the start.

    Each such TTL costs one more descriptor until `close`. Its port is `local_port` plus the TTL,
    the same after a restart; another port is another flow, which a balancer may send another way.
    """

    def __init__(
        self,
        flavour: Flavour,
        wire: Wire,
        request: SocketRequest,
        listener: Listener,
        *,
        alike: bool = False,
    ) -> None:
        self.backend = flavour.backend
        self.protocol = flavour.protocol
        self._flavour = flavour
        self._wire = wire
        self._request = request
        self._listener = listener
        self._told_apart: set[int] = set()
        self._waiting: dict[int, Probe] = {}
        self._given_back: dict[Probe, bool] = {}
        self._told = False
        self._alike = alike
        self._closed = False
        self._own: dict[int, LinuxDatagramSocket] = {}
        self._shared = open_udp(flavour, _Overheard(wire, self._heard_in_flow), request, self)

    def send(self, probe: Probe) -> None:
        """See `ProbeSocket`; a socket that this TTL needs may be refused."""
        if self._alike and probe.ttl not in self._told_apart:
            self._socket_of(probe.ttl).send(probe)
        else:
            self._shared.send(probe)
            self._waiting[probe.ttl] = probe

    def give_up(self, trace: int) -> None:
        """See `ProbeSocket`."""
        for each in (self._shared, *self._own.values()):
            each.give_up(trace)

    def close(self) -> None:
        """See `ProbeSocket`."""
        self._closed = True
        for each in (self._shared, *self._own.values()):
            each.close()

    def _socket_of(self, ttl: int) -> LinuxDatagramSocket:
        own = self._own.get(ttl)
        if own is None:
            port = self._request.local_port
            port = port + ttl if 0 < port <= _LAST_PORT - ttl else 0
            request = replace(self._request, local_port=port)
            own = open_udp(self._flavour, _Overheard(self._wire, self._heard), request, self)
            self._own[ttl] = own
        return own

    # -- what the wires find in an answer, right before it is told of below -------------------

    def _heard(self, sequence: int | None) -> int | None:
        """An answer at a port of its own: -1 stands for the newest probe there, of the one TTL."""
        self._told = sequence != -1
        return sequence

    def _heard_in_flow(self, sequence: int | None) -> int | None:
        """An answer of the one flow; one that names no probe matches none."""
        self._told = sequence != -1
        if self._told:
            return sequence
        self._alike = True
        waiting, self._waiting = self._waiting, {}
        self._told_apart -= waiting.keys()
        for probe in waiting.values():
            if not self._closed:
                self._give_back(probe)
        return None

    def _give_back(self, probe: Probe) -> None:
        before = self._given_back
        self._given_back = {each: before[each] for each in before if each.trace >= probe.trace - 1}
        self._given_back[probe] = False
        self._listener.failed(probe, AskAgain())

    # -- what the sockets say -----------------------------------------------------------------

    def responded(self, response: Response) -> None:
        """See `Listener`. A probe that was sent twice may be answered twice; once counts."""
        probe = response.probe
        self._settled(probe)
        if self._told:
            self._told_apart.add(probe.ttl)
        if self._given_back.get(probe, False):
            self._listener.unmatched()
            return
        if probe in self._given_back:
            self._given_back[probe] = True
        self._listener.responded(response)

    def failed(self, probe: Probe, error: ProbeError) -> None:
        """See `Listener`."""
        self._settled(probe)
        self._listener.failed(probe, error)

    def unmatched(self) -> None:
        """See `Listener`."""
        if not self._closed:
            self._listener.unmatched()

    def _settled(self, probe: Probe) -> None:
        if self._waiting.get(probe.ttl) == probe:
            del self._waiting[probe.ttl]


class _Overheard:
    """A wire whose findings somebody hears, and may change."""

    def __init__(self, wire: Wire, heard: Heard) -> None:
        self._wire = wire
        self._heard = heard
        self.encode = wire.encode
        self.proof_bytes = wire.proof_bytes
        self.answer_kind = wire.answer_kind

    def quoted(self, payload: bytes, port: int) -> int | None:
        """See `Wire`."""
        return self._heard(self._wire.quoted(payload, port))

    def answered(self, payload: bytes, port: int) -> int | None:
        """See `Wire`."""
        return self._heard(self._wire.answered(payload, port))
