"""A real datagram socket whose sends and queues are scripted, under the engine of the backends."""

from __future__ import annotations

import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Any

from exporter.errors import ProbeError
from exporter.model import Family, Probe, Protocol, Response
from exporter.sockets.base import SocketRequest
from exporter.sockets.linux_datagram import Flavour, LinuxDatagramSocket
from exporter.sockets.readiness import DATA, ERROR
from exporter.sockets.wire_udp import UdpWire
from tests.probing import Recorder, run
from tests.test_errqueue import IPV4_EXPIRED

DESTINATION = "192.0.2.1"
Item = tuple[bytes, list[tuple[int, int, bytes]], int, Any]


class ScriptedSocket(socket.socket):
    """A socket whose sends go nowhere and whose queues hold what the test put in."""

    def __init__(self) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_DGRAM)
        self.sent: list[tuple[bytes, tuple[str, int]]] = []
        self.send_errors: deque[int] = deque()
        self.errors: deque[Item | OSError] = deque()
        self.answers: deque[Item | OSError] = deque()

    def sendmsg(self, buffers: Any, control: Any = (), flags: int = 0, address: Any = None) -> int:
        """Note the datagram, or fail as told."""
        if self.send_errors:
            number = self.send_errors.popleft()
            raise OSError(number, "scripted")
        self.sent.append((bytes(buffers[0]), address))
        return len(buffers[0])

    def recvmsg(self, size: int, control: int = 0, flags: int = 0) -> Item:
        """The next item of the queue asked for."""
        queue = self.errors if flags else self.answers
        if not queue:
            raise BlockingIOError
        item = queue.popleft()
        if isinstance(item, OSError):
            raise item
        return item


class Bench:
    """An engine on a scripted socket; `wake_up` is what the event loop would do."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.then: Callable[[], None] = lambda: None
        self.kernel = ScriptedSocket()
        self.engine = LinuxDatagramSocket(
            Flavour("scripted", Protocol.UDP, 28),
            self.kernel,
            UdpWire(Family.IPV4, None, bytes(range(8)), None),
            SocketRequest(DESTINATION, Family.IPV4),
            self,
        )
        self.wake_up: Callable[[], None] = lambda: self.engine._ready(DATA | ERROR)

    def responded(self, response: Response) -> None:
        """See `Listener`; then does what the test wants."""
        self.recorder.responded(response)
        self.then()

    def failed(self, probe: Probe, error: ProbeError) -> None:
        """See `Listener`."""
        self.recorder.failed(probe, error)

    def unmatched(self) -> None:
        """See `Listener`."""
        self.recorder.unmatched()

    def send(self, probe: Probe) -> Item:
        """Send a probe; gives the queued error that a router's answer would be."""
        self.engine.send(probe)
        payload, address = self.kernel.sent[-1]
        return payload, [(0, 11, IPV4_EXPIRED), (0, 2, struct.pack("@i", 60))], 0, address


def scripted(test: Callable[[Bench], None]) -> None:
    """Run a test of the engine."""

    async def play() -> None:
        bench = Bench()
        try:
            test(bench)
        finally:
            bench.engine.close()

    run(play())
