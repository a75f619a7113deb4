"""Floods the lab's host with ICMP messages that are nearly answers to its probes.

    python -m tests.flooding RATE SECONDS

It sees every probe on the far link, as no blind forger does, and writes answers that miss by one
thing each. Prints how many messages it sent, and in how many seconds. Needs CAP_NET_RAW.
"""

from __future__ import annotations

import random
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address

from tests.lab import link, packets
from tests.lab.packets import ICMP, UDP, Packet

FORGERS = tuple(f"203.0.113.{number}" for number in range(100, 200))
"""Whom the messages seem to come from; no true router has such an address."""
ETH_P_ALL, ETH_P_IP = 3, 0x0800
BATCH = 50


def _turned(data: bytes, start: int, end: int, bits: int = 0xFF) -> bytes:
    return data[:start] + bytes(each ^ bits for each in data[start:end]) + data[end:]


def wrong_quotes(probe: Packet) -> Iterator[bytes]:
    """Quotes of this probe, each with something that no answer to it may have.

    A right cookie behind another destination or port is a translated probe, and believed.
    """
    data, start = packets.with_ttl(probe, 1), probe.header
    cookieless = _turned(data, start + 8, len(data))
    own = (start, start + 2) if probe.protocol == UDP else (start + 4, start + 6)
    number = (start + 2, start + 4) if probe.protocol == UDP else (start + 6, start + 7)
    yield cookieless
    yield _turned(cookieless, 16, 20)
    yield _turned(cookieless, *number, 0x40)
    yield _turned(data, *own)
    yield _turned(data, 9, 10)
    yield data[: start + 4]
    yield bytes([0x46]) + data[1:]
    yield random.randbytes(60)


def forged(probe: Packet) -> Iterator[bytes]:
    """Whole packets to the host: errors with wrong quotes, and replies nobody should believe."""
    host = probe.source
    for quote in wrong_quotes(probe):
        for kind, code in ((11, 0), (3, 1), (3, 3), (3, 13)):
            forger = ip_address(random.choice(FORGERS)).packed
            yield packets.icmp_packet(forger, host, 64, packets.icmp_error(4, kind, code, quote))
    if probe.protocol == ICMP:
        message, start = packets.echo_reply(probe), 8
        forger = ip_address(random.choice(FORGERS)).packed
        for reply in (
            _turned(message, start, len(message)),
            _turned(message, 6, 7, 0x80),
        ):
            yield packets.icmp_packet(probe.destination, host, 64, reply)
            yield packets.icmp_packet(forger, host, 64, reply)


class Flooder:
    """Sends what `forged` makes of the newest probe, and of an older one of each protocol."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self._socket.bind((link.FAR, ETH_P_ALL))
        self._socket.setblocking(False)
        self._messages: dict[int, list[bytes]] = {}
        self.sent = 0

    def run(self, rate: float, seconds: float) -> float:
        """Flood; gives the seconds that it took."""
        started = time.monotonic()
        while (passed := time.monotonic() - started) < seconds:
            self._look()
            if not self._messages or self.sent > rate * passed:
                time.sleep(0.0005)
                continue
            for messages in self._messages.values():
                for message in random.choices(messages, k=BATCH):
                    self._send(message)
        return passed

    def _look(self) -> None:
        newest: dict[int, Packet] = {}
        with suppress(BlockingIOError):
            while True:
                data, address = self._socket.recvfrom(2048)
                probe = packets.parse(data) if address[2] != socket.PACKET_OUTGOING else None
                if probe is not None and probe.version == 4 and probe.protocol in (ICMP, UDP):
                    newest[probe.protocol] = probe
        for protocol, probe in newest.items():
            self._messages[protocol] = list(forged(probe))

    def _send(self, message: bytes) -> None:
        with suppress(BlockingIOError, OSError):
            self._socket.sendto(message, (link.FAR, ETH_P_IP, 0, 0, link.NEAR_MAC))
            self.sent += 1


def main() -> None:
    """Flood as the arguments say."""
    flooder = Flooder()
    seconds = flooder.run(float(sys.argv[1]), float(sys.argv[2]))
    print(flooder.sent, seconds)


if __name__ == "__main__":
    main()
