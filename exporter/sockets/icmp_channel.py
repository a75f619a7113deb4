"""One ICMP socket, its reading, and the probe sockets that share it.

Where the kernel filters by echo id each probe socket has a channel of its own. Elsewhere the kernel
gives every ICMP packet to every socket: there all probe sockets of the same options share one, so
that an answer is read once and not once for each target.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Protocol as Interface

from exporter.errors import MalformedPacket
from exporter.sockets.base import SocketRequest
from exporter.sockets.icmp_quirks import Control, Quirks, TtlBy, parse_control
from exporter.sockets.icmp_socket import open_icmp
from exporter.sockets.ip_packet import EchoReply, QuotedEcho, read_packet

_LEAST_DATA_BYTES = 2048
_LONGEST_HEADERS = 128
_CONTROL_BYTES = 512
_ITEMS_PER_WAKE_UP = 256
_INT = struct.Struct("@i")
_Key = tuple[asyncio.AbstractEventLoop, int, Quirks, SocketRequest]


class Receiver(Interface):
    """One of those who share a channel."""

    def received(self, found: EchoReply | QuotedEcho, control: Control, address: str) -> None:
        """A packet with this receiver's id has come from this address."""
        ...

    def errors_queued(self) -> None:
        """There may be something in the error queue; only where the platform has one."""
        ...


class Channel:
    """A non-blocking ICMP socket; closed when the last that shares it has left."""

    def __init__(
        self, kind: int, quirks: Quirks, request: SocketRequest, identifier: int, key: _Key | None
    ) -> None:
        self.socket = open_icmp(kind, quirks, request, identifier)
        self._quirks = quirks
        self._family = request.family
        self._key = key
        self._receivers: dict[int, Receiver] = {}
        self._data_bytes = _LEAST_DATA_BYTES
        self._ttl = 0
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self.socket.fileno(), self._readable)

    def join(self, identifier: int, receiver: Receiver) -> None:
        """Give this receiver what has this id."""
        self._receivers[identifier] = receiver

    def leave(self, identifier: int) -> None:
        """Give it nothing more."""
        self._receivers.pop(identifier, None)
        if not self._receivers and self.socket.fileno() >= 0:
            self._loop.remove_reader(self.socket.fileno())
            self.socket.close()
            if self._key is not None:
                del _SHARED[self._key]

    def send(self, packet: bytes, ttl: int, destination: str, whole: bool) -> None:
        """Send with this TTL, and undivided if `whole`. Raises `OSError` as the kernel does.

        Nothing waits between setting the TTL and sending.
        """
        quirks = self._quirks
        self._data_bytes = max(self._data_bytes, len(packet) + _LONGEST_HEADERS)
        control = []
        if quirks.ttl_by is TtlBy.MESSAGE:
            control.append((quirks.level, quirks.ttl, _INT.pack(ttl)))
        elif quirks.ttl_by is TtlBy.OPTION and ttl != self._ttl:
            self.socket.setsockopt(quirks.level, quirks.ttl, ttl)
            self._ttl = ttl
        if quirks.whole_message is not None and whole:
            control.append((quirks.level, quirks.whole_message, _INT.pack(1)))
        self.socket.sendmsg([packet], control, 0, (destination, 0))

    def _readable(self) -> None:
        """Drain the queues, bounded so that a flood cannot starve everything else."""
        if self._quirks.error_queue:
            for receiver in self._receivers.values():
                receiver.errors_queued()
        budget = _ITEMS_PER_WAKE_UP
        while budget and self.socket.fileno() >= 0:
            budget -= 1
            try:
                data, messages, _, address = self.socket.recvmsg(self._data_bytes, _CONTROL_BYTES)
            except BlockingIOError:
                break
            except OSError:
                continue
            self._received(data, parse_control(self._quirks, messages), address[0])

    def _received(self, data: bytes, control: Control, address: str) -> None:
        """An ICMP packet of any program of this host; malformed ones are nobody's."""
        try:
            found, ttl = read_packet(self._quirks, self._family, data)
        except MalformedPacket:
            return
        receiver = None if found is None else self._receivers.get(found.identifier)
        if found is not None and receiver is not None:
            if ttl is not None:
                control = control._replace(ttl=ttl)
            receiver.received(found, control, address.partition("%")[0])


_SHARED: dict[_Key, Channel] = {}
"""The channels of this process that others may join."""


def channel_for(kind: int, quirks: Quirks, request: SocketRequest, identifier: int) -> Channel:
    """A channel of the options of this request, to join. Raises `OSError` as the kernel does."""
    if not quirks.shared:
        return Channel(kind, quirks, request, identifier, None)
    options = SocketRequest(
        "",
        request.family,
        source=request.source,
        interface=request.interface,
        dscp=request.dscp,
        dont_fragment=request.dont_fragment,
    )
    key = (asyncio.get_running_loop(), kind, quirks, options)
    channel = _SHARED.get(key)
    if channel is None:
        channel = _SHARED[key] = Channel(kind, quirks, request, identifier, key)
    return channel
