"""Plays the imaginary internet on the far end of a veth pair; one process, one thread.

    python -m tests.lab.simulator --world FILE --truth FILE --control PATH [--ready FD]

Packets are read with the kernel's receive stamp from a packet(7) socket on `lab1`, so what is
due is due from the moment the probe arrived, not from the moment this process woke up. Answers
leave on the same link. `control.py` documents the commands, `truth.py` the log.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import heapq
import itertools
import os
import pickle
import select
import signal
import socket
import struct
import time
from pathlib import Path
from typing import NamedTuple, TextIO

from tests.lab import control, link, packets
from tests.lab.network import Network, Outcome
from tests.lab.world import World
from tests.lab.world_file import load_world

SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23
ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 3, 0x0800, 0x86DD
PR_SET_TIMERSLACK = 29
RECEIVE_BUFFER = 64 << 20
BATCH = 32
#: Even where packets never end, commands are looked for so often.
PATIENCE = 64
#: An answer due so soon (ns) is waited for in a loop, for a sleep ends some tens of µs late.
SPIN = 80_000


class Due(NamedTuple):
    """An answer that waits for its time (monotonic ns); `number` keeps the order of equals."""

    at: int
    number: int
    packet: bytes
    copies: int
    line: str


def read_world(path: str) -> World:
    """Read a world from YAML, or as `Lab` hands it over (`.pickle`)."""
    if path.endswith(".pickle"):
        world = pickle.loads(Path(path).read_bytes())
        assert isinstance(world, World)
        return world
    return load_world(path)


class Simulator:
    """Reads probes, keeps answers until they are due, writes the truth."""

    def __init__(self, world: World, truth: TextIO, listener: socket.socket) -> None:
        self.network = Network(world)
        self.probes = 0
        self.running = True
        self._truth = truth
        self._due: list[Due] = []
        self._number = 0
        self._socket = _open_packet_socket()
        self._control = control.Server(listener, self)
        self._offset = 0

    def run(self) -> None:
        """Play until told to stop."""
        for turn in itertools.count():
            if not self.running:
                break
            # In this order what passes between the two readings makes answers late, never early.
            self._offset = -time.time_ns() + time.monotonic_ns()
            self._send_due()
            received = self._receive()
            if not received and not self._due:
                self._control.settled()
            if not received or turn % PATIENCE == 0:
                self._wait(idle=not received)
        self.flush()
        for due in sorted(self._due):
            self._truth.write(f'{due.line},"fate":"unsent"}}\n')
        self._truth.flush()

    def load(self, path: str) -> World:
        """Read a world from a file."""
        return read_world(path)

    @property
    def pending(self) -> int:
        """Answers not sent yet."""
        return len(self._due)

    def flush(self) -> None:
        """Take in every probe that has arrived and write the log out."""
        while self._receive():
            pass
        self._truth.flush()

    def inject(self, packet: bytes) -> None:
        """Put a packet on the link to the host as it is. Raises `OSError`."""
        protocol = ETH_P_IPV6 if packet[0] >> 4 == 6 else ETH_P_IP
        self._socket.sendto(packet, (link.FAR, protocol, 0, 0, link.NEAR_MAC))

    def _receive(self) -> bool:
        """Read up to a batch of packets; whether there was any."""
        for count in range(BATCH):
            try:
                data, ancillary, _, _ = self._socket.recvmsg(65535, 64)
            except BlockingIOError:
                return count > 0
            now = time.time_ns()
            if ancillary:
                seconds, nanoseconds = struct.unpack("@ll", ancillary[0][2][:16])
                now = seconds * 1_000_000_000 + nanoseconds
            self._handle(data, now)
        return True

    def _handle(self, data: bytes, now: int) -> None:
        packet = packets.parse(data)
        if packet is None:
            return
        outcome = self.network.handle(packet, now)
        if outcome is None:
            closing = self.network.tcp_closing(packet)
            if closing is not None:
                self.inject(closing)
            return
        self.probes += 1
        line = _line(outcome, packet.version, now)
        if outcome.answer is None or outcome.node is None:
            self._truth.write(f'{line},"fate":"{outcome.fate}"}}\n')
            return
        self._number += 1
        at = now + self._offset + outcome.delay
        copies = outcome.node.node.duplicate
        heapq.heappush(self._due, Due(at, self._number, outcome.answer, copies, line))

    def _send_due(self) -> None:
        heap = self._due
        while heap and heap[0].at - time.monotonic_ns() <= 0:
            due = heapq.heappop(heap)
            fate = "answered"
            before = time.time_ns()
            try:
                self.inject(due.packet)
            except OSError as error:
                fate = f"error {error.errno}"
            after = time.time_ns()
            for _ in range(due.copies):
                self.inject(due.packet)
            self._truth.write(
                f'{due.line},"fate":"{fate}","sent_ns":{before},"sent_after_ns":{after}}}\n'
            )

    def _wait(self, *, idle: bool) -> None:
        """Sleep until a packet, a command or shortly before the next answer is due."""
        timeout = None if idle else 0.0
        if self._due and idle:
            left = self._due[0].at - time.monotonic_ns() - SPIN
            if left <= 0:
                return
            timeout = left / 1e9
        ready, _, _ = select.select([self._socket, *self._control.sockets], [], [], timeout)
        self._control.handle([each for each in ready if each is not self._socket])


def _line(outcome: Outcome, version: int, received: int) -> str:
    line = f'{{"received_ns":{received},{outcome.record},"position":{outcome.position}'
    if outcome.node is not None:
        line += f",{outcome.node.record(version)}"
    if outcome.kind:
        line += f',"kind":"{outcome.kind}"'
    return line


def _open_packet_socket() -> socket.socket:
    """A packet socket that sees what arrives on the far link, and not what it sends itself."""
    packet_socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    packet_socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    packet_socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    try:
        packet_socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
    except PermissionError:
        packet_socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    packet_socket.setblocking(False)
    packet_socket.bind((link.FAR, ETH_P_ALL))
    return packet_socket


def main() -> None:
    """Run one simulator in the namespace of this process."""
    parser = argparse.ArgumentParser(description="Play an imaginary internet on lab1.")
    parser.add_argument("--world", required=True)
    parser.add_argument("--truth", required=True)
    parser.add_argument("--control", required=True)
    parser.add_argument("--ready", type=int, help="file descriptor told when all is set up")
    arguments = parser.parse_args()
    # Ctrl-C is for the one who started the lab, who then ends this process in good order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(arguments.control)
    listener.listen()
    with open(arguments.truth, "w", buffering=1 << 16) as truth:
        simulator = Simulator(read_world(arguments.world), truth, listener)
        if arguments.ready is not None:
            os.write(arguments.ready, b"1")
            os.close(arguments.ready)
        gc.freeze()
        gc.disable()
        simulator.run()


if __name__ == "__main__":
    main()
