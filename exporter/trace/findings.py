"""Pure: what a trace has found so far, and what can be concluded from it."""

from __future__ import annotations

from collections.abc import Mapping

from exporter.model import Hop, Kind, Response


class Findings:
    """Probes sent and responses by TTL; where the path ends, and who says so.

    `end` is the TTL at which the path ends, None while nothing says so: the nearest at which the
    destination answered (then `reached`), else the nearest at which a router called it
    unreachable. `loop` is the TTL by which a routing loop is certain.
    """

    def __init__(self) -> None:
        self.sent: dict[int, int] = {}
        self.responses: dict[int, list[Response]] = {}
        self.end: int | None = None
        self.reached = False
        self.loop: int | None = None

    def count(self, ttl: int, probes: int) -> None:
        """So many probes more (or fewer) have left this host."""
        self.sent[ttl] = self.sent.get(ttl, 0) + probes

    def add(self, response: Response) -> None:
        """Take in one more response."""
        ttl = response.probe.ttl
        self.responses.setdefault(ttl, []).append(response)
        if ends_path(response) and (
            self.end is None or (response.reached, -ttl) > (self.reached, -self.end)
        ):
            self.end, self.reached = ttl, response.reached

    def look_for_loop(self, ttl: int) -> bool:
        """Whether the path up to this TTL runs in a circle."""
        addresses = {ttl: found[-1].address for ttl, found in self.responses.items()}
        if has_loop(addresses, ttl):
            self.loop = min(each for each in addresses if has_loop(addresses, each))
        return self.loop is not None

    @property
    def rtts(self) -> dict[int, float]:
        """The latest RTT of each TTL, in seconds."""
        return {ttl: found[-1].rtt for ttl, found in self.responses.items()}

    @property
    def code(self) -> int | None:
        """The ICMP code of the unreachable at the end of the path."""
        found = self.responses.get(self.end or 0, ())
        return next((r.code for r in found if r.kind is Kind.UNREACHABLE), None)

    def farthest(self, horizon: int) -> int:
        """The highest TTL up to a horizon that answered; 0 if none did."""
        return max((ttl for ttl in self.responses if ttl <= horizon), default=0)

    def hops(self, last: int) -> tuple[Hop, ...]:
        """The hops up to a TTL."""
        return tuple(
            Hop(ttl, sent, tuple(self.responses.get(ttl, ())))
            for ttl, sent in sorted(self.sent.items())
            if sent and ttl <= last
        )

    def destination(self, last: int) -> tuple[int, tuple[float, ...]]:
        """Probes that should have reached the destination, and the RTTs of those it answered.

        `last` is the TTL from which on probes are expected to reach it. One probe a round counts:
        that with the TTL at which the path ends, or the next one where a router answered that,
        since the path was a longer one in that round.
        """
        if self.end is not None:
            found = map(self._at_destination, self.responses[self.end])
            return self.sent[self.end], tuple(each.rtt for each in found if each is not None)
        return max((sent for ttl, sent in self.sent.items() if ttl >= last), default=0), ()

    def _at_destination(self, response: Response | None) -> Response | None:
        """This response, or the one behind it in its round that came from the destination."""
        while response is not None and not ends_path(response):
            number, ttl = response.probe.round, response.probe.ttl
            behind = self.responses.get(ttl + 1, ())
            response = next((each for each in behind if each.probe.round == number), None)
        return response if response is not None and response.reached else None


def ends_path(response: Response) -> bool:
    """Whether no probe gets further than to whoever sent this."""
    return response.reached or response.kind is Kind.UNREACHABLE


def has_loop(addresses: Mapping[int, str], ttl: int) -> bool:
    """Whether the path that ends at `ttl` has gone through the same routers three times.

    Twice is not enough: parallel branches of different length show a router at two TTLs.
    """
    for period in range(2, (ttl - 1) // 2 + 1):
        cycle = [addresses.get(ttl - step) for step in range(2 * period + 1)]
        if None not in cycle and cycle[:period] == cycle[period : 2 * period]:
            return len(set(cycle)) > 1 and cycle[0] == cycle[2 * period]
    return False
