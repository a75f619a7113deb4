"""The floor: a loop of bare sendmsg(2) and recvmsg(2) with kernel stamps that thinks of nothing.

    python -m benchmarks.bare FLEET.json

`FLEET.json` holds `bursts` (address and number of TTLs of each target), `protocol`, `interval`,
`seconds` and `stamps`. Each target has a socket with the daemon's own options and gets its burst of
probes once in each interval, as the daemon's targets do; an interval of 0 sends without a pause,
but no more than the simulator answers. All answers and send stamps are read; with `stamps` true
their receive stamp is decoded, else they are thrown away. The first interval is not measured,
or the first seconds of a long one.

Prints JSON: `probes`, `answers`, `total` and `user` (seconds of processor time), `late`: seconds
from the kernel's receive stamp to the moment this process had the answer.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import sys
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

from exporter.model import Family
from exporter.sockets.errqueue import OPTIONS, SO_TIMESTAMPING, STAMP_WITH_ID
from exporter.sockets.wire_udp import UDP_BASE_PORT

_BODY = bytes(56)
_IN_FLIGHT = 100
_LOST_AFTER = 1.0
_WARM_UP = 10.0
_RECEIVE_BUFFER = 1 << 20
_STAMP = struct.Struct("@ll")

Note = Callable[[list[tuple[int, int, bytes]]], None]


class Target:
    """One socket, its destination, and all that it ever sends, made in advance."""

    def __init__(self, address: str, hops: int, protocol: str) -> None:
        icmp = protocol == "icmp"
        self.socket = _open(socket.IPPROTO_ICMP if icmp else socket.IPPROTO_UDP)
        self.probes = [
            (
                (struct.pack("!BBHHH", 8, 0, 0, 0, ttl) + _BODY if icmp else _BODY,),
                [(socket.IPPROTO_IP, socket.IP_TTL, struct.pack("@i", ttl))],
                (address, 0 if icmp else UDP_BASE_PORT + ttl - 1),
            )
            for ttl in range(1, hops + 1)
        ]

    def send(self) -> int:
        """Send the burst; gives its length. A queued answer makes one call fail, and only one."""
        send = self.socket.sendmsg
        for payload, control, address in self.probes:
            while True:
                try:
                    send(payload, control, 0, address)
                except BlockingIOError:
                    raise
                except OSError:
                    continue
                break
        return len(self.probes)

    def drain(self, note: Note | None) -> int:
        """Read both queues until they are empty; gives the number of answers."""
        receive, answers = self.socket.recvmsg, 0
        for flags in (socket.MSG_ERRQUEUE, 0):
            while True:
                try:
                    data, messages, _, _ = receive(2048, 512, flags)
                except BlockingIOError:
                    break
                except OSError:
                    continue
                if data:
                    answers += 1
                    if note is not None:
                        note(messages)
        return answers


def _open(protocol: int) -> socket.socket:
    """A socket that gets what the daemon's own get: errors, stamps, TTLs and a large buffer."""
    options = OPTIONS[Family.IPV4]
    found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, protocol)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    for number in (options.receive_errors, options.receive_ttl, options.receive_extensions):
        found.setsockopt(options.level, number, 1)
    found.bind(("0.0.0.0", 0))
    found.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, STAMP_WITH_ID)
    return found


class Loop:
    """Sends and receives, and counts both."""

    def __init__(self, targets: list[Target], note: Note | None) -> None:
        self._targets = targets
        self._by_number = {target.socket.fileno(): target for target in targets}
        self._note = note
        self._epoll = select.epoll()
        for number in self._by_number:
            self._epoll.register(number, select.EPOLLIN)
        self.probes = 0
        self.answers = 0

    def pace(self, interval: float, seconds: float) -> None:
        """Each target once in each interval, evenly spread."""
        begin, step = time.monotonic(), interval / len(self._targets)
        for number, target in enumerate(cycle(self._targets)):
            due = begin + number * step
            if due >= begin + seconds:
                break
            while (wait := due - time.monotonic()) > 0:
                self._receive(wait)
            self.probes += target.send()
        while (wait := begin + seconds - time.monotonic()) > 0:
            self._receive(wait)

    def flood(self, seconds: float) -> None:
        """One burst after the other, with so many probes at most unanswered."""
        end = time.monotonic() + seconds
        for target in cycle(self._targets):
            while self.probes - self.answers > _IN_FLIGHT and self._receive(_LOST_AFTER):
                pass
            if time.monotonic() >= end:
                break
            self.probes += target.send()
        while self.probes > self.answers and self._receive(_LOST_AFTER):
            pass

    def _receive(self, seconds: float) -> bool:
        ready = self._epoll.poll(seconds)
        for number, _ in ready:
            self.answers += self._by_number[number].drain(self._note)
        return bool(ready)


def measure(fleet: dict[str, Any]) -> dict[str, Any]:
    """Run one loop as described above."""
    late: list[float] = []

    def note(messages: list[tuple[int, int, bytes]]) -> None:
        now = time.time()
        for level, number, data in messages:
            if level == socket.SOL_SOCKET and number == SO_TIMESTAMPING:
                seconds, nanoseconds = _STAMP.unpack_from(data)
                late.append(now - seconds - nanoseconds / 1e9)

    interval, seconds = fleet["interval"], fleet["seconds"]
    targets = [Target(address, hops, fleet["protocol"]) for address, hops in fleet["bursts"]]
    loop = Loop(targets, note if fleet["stamps"] else None)
    if interval:
        loop.pace(interval, min(interval, _WARM_UP))
    else:
        loop.flood(min(1.0, seconds))
    late.clear()
    probes, answers = loop.probes, loop.answers
    total, user = time.process_time(), os.times().user
    if interval:
        loop.pace(interval, seconds)
    else:
        loop.flood(seconds)
    return {
        "probes": loop.probes - probes,
        "answers": loop.answers - answers,
        "total": time.process_time() - total,
        "user": os.times().user - user,
        "late": late,
    }


def main() -> None:
    """Read the description, measure, print."""
    fleet = json.loads(Path(sys.argv[1]).read_text())
    json.dump(measure(fleet), sys.stdout)


if __name__ == "__main__":
    main()
