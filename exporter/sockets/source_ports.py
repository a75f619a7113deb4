"""Pure: which local port probes leave from, the same from cycle to cycle and after a restart.

Routers that balance load hash the ports, so that a TTL keeps its branch as long as it keeps its
port. With TCP two probes to one destination cannot share a port while both are in flight: each TTL
has one of its own, and more for when its earlier probes still wait for an answer.
"""

from __future__ import annotations

from collections.abc import Iterator

_LEAST, _MOST = 20_000, 65_535
"""Below are ports that services like to have."""
_STRIDE = 256
_PORTS_PER_TTL = 64
_FURTHER = 7919
_OTHERS = 32


def or_another(port: int) -> Iterator[int]:
    """This port or echo id, and those to try in its place where somebody has it.

    They are the same each time: another port is another flow, which a balancer may send another
    way. The last is 0, which leaves it to the kernel.
    """
    if port:
        yield port
        for number in range(1, _OTHERS):
            yield _LEAST + (port - _LEAST + number * _FURTHER) % (_MOST + 1 - _LEAST)
    yield 0


class SourcePorts:
    """The source ports of one socket: TTL 1 has that of `base`, TTL 2 the next one, and so on.

    `ephemeral` are the ports that the kernel gives to other programs' connections. They are left
    out, if enough others remain: there a port could be somebody else's at any time, and moving to
    another one is a change of flow. So is `never`, a single port.
    """

    def __init__(self, base: int, never: int, ephemeral: range) -> None:
        below = range(_LEAST, min(ephemeral.start, _MOST + 1))
        above = range(max(ephemeral.stop, _LEAST), _MOST + 1)
        if len(below) + len(above) < _STRIDE * _PORTS_PER_TTL:
            below, above = range(_LEAST, _MOST + 1), range(0)
        self._below, self._above = below, above
        self._numbers = (len(below) + len(above)) // _STRIDE
        self._first = base - _LEAST
        self._never = never
        self._own: dict[int, int] = {}
        self._busy: set[int] = set()

    def offer(self, ttl: int) -> Iterator[int]:
        """Free ports for a probe, the TTL's own first; none where all are in flight."""
        own = self._own.get(ttl, 0)
        for number in range(own, own + _PORTS_PER_TTL):
            port = self._port(ttl, number)
            if port not in self._busy and port != self._never:
                yield port

    def is_away(self, ttl: int) -> bool:
        """Whether the TTL's own port is in use by a probe in flight."""
        return self._port(ttl, self._own.get(ttl, 0)) in self._busy

    def take(self, port: int) -> None:
        """A probe left from this port."""
        self._busy.add(port)

    def give_back(self, port: int) -> None:
        """That probe is not in flight any more."""
        self._busy.discard(port)

    def refuse(self, ttl: int, port: int) -> None:
        """Somebody else has this port. If it was the TTL's own, the next one is from now on.

        It does not return to the former one later, for that would be a second change of flow.
        """
        own = self._own.get(ttl, 0)
        if port == self._port(ttl, own):
            self._own[ttl] = (own + 1) % self._numbers

    def _port(self, ttl: int, number: int) -> int:
        """Ports of one TTL lie a stride apart, so that no two TTLs share any."""
        index = (self._first + ttl - 1 + _STRIDE * number) % (_STRIDE * self._numbers)
        below = len(self._below)
        return self._below[index] if index < below else self._above[index - below]
