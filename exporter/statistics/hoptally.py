"""Pure: counts what the probes of each TTL of one path add up to, in little room.

Nearly every TTL knows one address. What is counted there are four numbers in an array; a TTL that
knows several, or that keeps histograms, has an object for each address.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence

from exporter.model import Hop, Response
from exporter.statistics.histogram import Histogram, never_back

ADDRESSES_PER_HOP = 64
"""How many responders of a hop are remembered; those of the latest cycle always are."""
_FIELDS = 4
_SENT, _LOST, _REPLIES, _SECONDS = range(_FIELDS)


class AddressTally:
    """What one address answered at one hop: how often, and the sum of its RTTs in seconds."""

    __slots__ = ("histogram", "replies", "seconds")

    def __init__(self, replies: int, seconds: float, bounds: tuple[float, ...] | None) -> None:
        self.replies = replies
        self.seconds = seconds
        self.histogram = None if bounds is None else Histogram(bounds)

    def count(self, rtt: float) -> None:
        """One more reply after so many seconds."""
        self.replies += 1
        self.seconds += never_back(rtt)
        if self.histogram is not None:
            self.histogram.observe(rtt)


class HopTallies:
    """What was sent with each TTL, what was lost, and who answered.

    `bounds` are those of the histograms, None without.
    """

    __slots__ = ("_bounds", "_counts", "_only", "_several")

    def __init__(self, bounds: tuple[float, ...] | None) -> None:
        self._bounds = bounds
        self._counts = array("d")
        self._only: list[str | None] = []
        self._several: dict[int, dict[str, AddressTally]] = {}

    def probes(self, ttls: Iterable[int]) -> tuple[Sequence[int], Sequence[int]]:
        """How many were sent with each of these TTLs, all probed before, and how many lost."""
        counts, places = self._counts, [ttl * _FIELDS for ttl in ttls]
        return (
            array("q", [int(counts[place + _SENT]) for place in places]),
            array("q", [int(counts[place + _LOST]) for place in places]),
        )

    def replies(
        self, responders: Iterable[tuple[int, str]]
    ) -> tuple[Sequence[int], Sequence[float], list[Histogram]]:
        """What those add up to who have answered, by TTL and address: replies, seconds of RTT.

        The histograms of their RTTs besides, or none at all.
        """
        replies: list[int] = []
        seconds: list[float] = []
        histograms: list[Histogram] = []
        for ttl, address in responders:
            several = self._several.get(ttl)
            if several is None:
                place = ttl * _FIELDS
                replies.append(int(self._counts[place + _REPLIES]))
                seconds.append(self._counts[place + _SECONDS])
            else:
                one = several[address]
                replies.append(one.replies)
                seconds.append(one.seconds)
                if one.histogram is not None:
                    histograms.append(one.histogram)
        return array("q", replies), array("d", seconds), histograms

    def addresses(self, ttl: int) -> Mapping[str, AddressTally]:
        """Who answered probes of a TTL, the longest unheard first."""
        several, only = self._several.get(ttl), self._only[ttl]
        if several is not None:
            return several
        if only is None:
            return {}
        (replies,), (seconds,), _ = self.replies([(ttl, only)])
        return {only: AddressTally(replies, seconds, None)}

    def add(self, hops: Sequence[Hop], *, confirming: bool = False) -> None:
        """Count what a trace showed; a `confirming` one belongs to the cycle before it."""
        only, counts = self._only, self._counts
        missing = max([hop.ttl for hop in hops], default=-1) + 1 - len(only)
        if missing > 0:
            only.extend([None] * missing)
            counts.extend([0.0] * (missing * _FIELDS))
        for hop in hops:
            ttl, responses = hop.ttl, hop.responses
            place, lost = ttl * _FIELDS, hop.sent - len(responses)
            counts[place + _SENT] += hop.sent
            if lost > 0:
                counts[place + _LOST] += lost
            for response in responses:
                if response.address == only[ttl]:
                    counts[place + _REPLIES] += 1
                    counts[place + _SECONDS] += never_back(response.rtt)
                else:
                    self._add_another(ttl, response)
            crowd = 0 if confirming or not self._several else len(self._several.get(ttl, ()))
            if crowd > ADDRESSES_PER_HOP:
                _forget_longest_unheard(self._several[ttl], len(hop.addresses))

    def use(self, bounds: tuple[float, ...] | None) -> None:
        """Keep histograms by these bounds from now on, or none; what was counted stays."""
        if bounds is not None:
            for ttl in [ttl for ttl, each in enumerate(self._only) if each is not None]:
                self._unfold(ttl)
        self._bounds = bounds
        for several in self._several.values():
            for one in several.values():
                known = one.histogram or Histogram(bounds or ())
                one.histogram = None if bounds is None else known.over(bounds)

    def _add_another(self, ttl: int, response: Response) -> None:
        """Count a reply by the first address, or by one of several, which is the latest then."""
        several = self._several.get(ttl)
        if several is None and self._only[ttl] is None and self._bounds is None:
            place = ttl * _FIELDS
            self._only[ttl] = response.address
            self._counts[place + _REPLIES] = 1.0
            self._counts[place + _SECONDS] = never_back(response.rtt)
            return
        several = self._unfold(ttl) if several is None else several
        one = several.get(response.address) or AddressTally(0, 0.0, self._bounds)
        several.pop(response.address, None)
        several[response.address] = one
        one.count(response.rtt)

    def _unfold(self, ttl: int) -> dict[str, AddressTally]:
        several = self._several[ttl] = dict(self.addresses(ttl))
        self._only[ttl] = None
        return several


def _forget_longest_unheard(addresses: dict[str, AddressTally], heard_now: int) -> None:
    """Make room, but never by an address of the latest cycle: it is exposed."""
    surplus = len(addresses) - max(ADDRESSES_PER_HOP, heard_now)
    for address in list(addresses)[:surplus]:
        del addresses[address]
