"""Pure: finds the largest packet that reaches a destination whole, and follows it as it changes.

Routers that say what fits are believed (RFC 1191, RFC 8201), within bounds; where large packets
vanish without a word, sizes are tried out (RFC 4821, RFC 8899). Sizes are bytes of a whole packet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from exporter.model import Family

LARGEST = 9216
"""No larger packet is tried: the MTU of jumbo frames."""
# RFC 1191 section 7, with the MTUs of today's tunnels: PPPoE, GRE, IPsec, WireGuard and others.
_PLATEAUS = (
    *(LARGEST, 9000, 8166, 4352, 2002, 1500, 1492, 1480, 1472, 1460, 1450, 1436, 1420, 1400),
    *(1380, 1280, 1006, 576, 508, 296, 68),
)
_FLOOR = {Family.IPV4: 68, Family.IPV6: 1280}
_LEAST_BELIEVED = {Family.IPV4: 576, Family.IPV6: 1280}
_CONTROL = {Family.IPV4: 68, Family.IPV6: 104}
_SILENCES = 2
_SILENCES_OF_A_KNOWN_SIZE = 3
_SILENCES_FOR_PROOF = 6
_STALLS = 3
MOST_PROBES = 60
"""No cycle asks for more; a search that needs them goes on in the next one."""


@dataclass(frozen=True, slots=True)
class PathMtu:
    """The largest packet that passes, in bytes, and what stops larger ones.

    That is the router `limited_by`, this host's own link (`local`), or something that drops them
    without a word (`black_hole`); none of these where the largest size ever tried passes.
    """

    size: int
    limited_by: str | None = None
    black_hole: bool = False
    local: bool = False


class _Limit(NamedTuple):
    """Why a size does not pass. `silences` counts how often it vanished, 0 if somebody said so."""

    address: str | None = None
    local: bool = False
    silences: int = 0


class MtuSearch:
    """The search for one path, cycle after cycle.

    Call `begin`, then try each size that is `wanted` and tell what came of it by `passed`,
    `too_big`, `refused` or `silent`, until none is. A known size costs one probe a cycle; every
    `grow_every` cycles one or two more look whether larger ones pass by now. `result` stays as it
    was while a search goes on; None if nothing has been found yet. `settled` says that the latest
    cycle has found it, or has found that it still holds.

    A size counts as vanishing only if small packets are answered meanwhile, again and again: the
    first byte that does not pass, six times. So loss lowers nothing.
    """

    def __init__(self, family: Family, grow_every: int = 10) -> None:
        self._floor = _FLOOR[family]
        self._least_believed = _LEAST_BELIEVED[family]
        self._control = _CONTROL[family]
        self._grow_every = grow_every
        self._low = self._floor - 1
        self._limits: dict[int, _Limit] = {}
        self._before_growth: dict[int, _Limit] | None = None
        self._hint = 0
        self._size = 0
        self._controlling = False
        self._silences = self._stalls = self._asked = self._cycles = 0
        self._searching = True
        self.wanted: int | None = None
        self.result: PathMtu | None = None
        self.settled = False

    def begin(self) -> None:
        """A new cycle: check the known size, or go on with a search that did not end."""
        self.settled = False
        self._stalls = self._asked = 0
        if self._controlling:
            # Nobody waited for the small packet, so the silence before it proves nothing.
            self._controlling = False
            self._silences -= 1
        if self._searching:
            self._next()
        else:
            self._cycles += 1
            self._ask(max(self._low, self._floor))

    def look_up(self) -> None:
        """Let the next cycle look for growth: the path may be another one now."""
        self._cycles = self._grow_every

    # -- what came of a probe -----------------------------------------------------------------

    def passed(self, size: int) -> None:
        """It reached the destination; that may also be told late, of a size given up before."""
        if size >= self._floor:
            self._low = max(self._low, size)
        self._limits = {each: limit for each, limit in self._limits.items() if each > self._low}
        about_size = self._controlling and size == self._control and self._size > size
        if about_size:
            self._controlling = False
            self._controlled()
        elif size == self._size:
            self._controlling = False
            self._answered()

    def too_big(self, size: int, mtu: int | None, address: str) -> None:
        """A router said so. `mtu` is what it said fits: believed if it may be true."""
        believed = mtu is not None and self._least_believed <= mtu < size
        self._told(size, mtu if believed else None, _Limit(address))

    def refused(self, size: int, mtu: int | None = None) -> None:
        """This host did not send it, since its own link takes no more than `mtu`."""
        believed = mtu is not None and self._floor <= mtu < size
        self._told(size, mtu if believed else None, _Limit(local=True))

    def silent(self, size: int) -> None:
        """Nothing came back in time."""
        if self._controlling and size == self._control:
            self._controlling = False
            self._silences -= 1
            self._stalls += 1
            self._ask(self._size if self._stalls < _STALLS else None)
        elif size == self._size:
            self._silences += 1
            if self._before_growth is None:
                self._controlling = True
                self._ask(self._control)
            else:
                self._fails(size, _Limit(silences=1))

    # -- what that means ----------------------------------------------------------------------

    def _answered(self) -> None:
        self._silences = self._stalls = 0
        if not self._searching and self._cycles >= self._grow_every:
            self._cycles = 0
            self._before_growth, self._limits = self._limits, {}
            self._searching = True
        else:
            self._before_growth = None
        self._next()

    def _controlled(self) -> None:
        """A small packet was answered: the silence before was about the size."""
        self._stalls = 0
        known = self._limits.get(self._size)
        if known is not None:
            self._fails(self._size, _Limit(silences=known.silences + 1))
            return
        enough = _SILENCES_OF_A_KNOWN_SIZE if self._size <= self._low else _SILENCES
        if self._silences < enough:
            self._ask(self._size)
        else:
            self._fails(self._size, _Limit(silences=self._silences))

    def _told(self, size: int, mtu: int | None, limit: _Limit) -> None:
        self._hint = mtu or 0
        self._controlling = False
        self._fails(size if mtu is None else mtu + 1, limit)

    def _fails(self, size: int, limit: _Limit) -> None:
        self._searching = True
        if size <= self._low:
            self._low = self._floor - 1
            self._before_growth = None
        self._limits[max(size, self._floor)] = limit
        self._next()

    # -- what to try next ---------------------------------------------------------------------

    def _ask(self, size: int | None) -> None:
        self._asked += 1
        if size is not None and not self._controlling and size != self._size:
            self._size, self._silences = size, 0
        self.wanted = size if self._asked <= MOST_PROBES else None

    def _next(self) -> None:
        low, high = self._low, min(self._limits, default=LARGEST + 1)
        hint, self._hint = self._hint, 0
        if low < hint < high:
            self._ask(hint)
        elif high - low > 1:
            self._ask(low + 1 if self._looks_one_further(low) else self._guess(low, high))
        elif self._limits and 0 < self._limits[high].silences < self._proof(high):
            self._size, self._silences = high, 0
            self._ask(high)
        else:
            self._settle(high)

    def _looks_one_further(self, low: int) -> bool:
        """Whether growth can be told by one byte: the largest size did not pass."""
        return self._before_growth is not None and bool(self._limits) and low >= self._floor

    def _proof(self, high: int) -> int:
        """How many silences a limit needs. One that was proved stays so until it is passed."""
        before = (self._before_growth or {}).get(high)
        if before is not None and not before.local:
            self._limits[high] = before
            return 0
        self._before_growth = None
        return _SILENCES_FOR_PROOF

    def _guess(self, low: int, high: int) -> int:
        plateaus = [size for size in _PLATEAUS if low < size < high]
        if not plateaus:
            # The MTU is most often a plateau itself; then nothing above it passes.
            return low + 1 if low in _PLATEAUS else (low + high) // 2
        limit = self._limits.get(high)
        return plateaus[len(plateaus) // 2 if limit and limit.silences else 0]

    def _settle(self, high: int) -> None:
        limit = self._limits.get(high)
        self._limits = {} if limit is None else {high: limit}
        self._before_growth = None
        self._searching = False
        limit = limit or _Limit()
        size = max(self._low, self._floor)
        found = PathMtu(size, limit.address, limit.silences > 0, limit.local)
        if found != self.result:
            self.result, self._cycles = found, 0
        self.settled = True
        self._ask(None)
