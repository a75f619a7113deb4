"""Pure: addresses that come and go, until it is clear that they are parallel branches."""

from __future__ import annotations

from exporter.watch.saved import items, text, whole

_COMERS = 32
"""How many addresses are under observation at one TTL at most."""
_CYCLES = 50
"""An address that was not seen for so many cycles came for another reason."""
_STRONG_RETURNS, _RETURNS = 2, 3


class Comer:
    """An address under observation. `out`: seen since a known one was; `returns`: how often not.

    `own`: the followed flow showed it. `strong`: it shared a cycle with known ones. `seen` is the
    latest cycle.
    """

    __slots__ = ("out", "own", "returns", "seen", "strong")

    def __init__(self, seen: int, *, own: bool) -> None:
        self.seen = seen
        self.own = own
        self.strong = not own
        self.returns = 0
        self.out = True


class Comers(dict[str, Comer]):
    """The addresses under observation at one TTL."""

    __slots__ = ()

    def notice(self, address: str, cycle: int, *, own: bool) -> None:
        """It was seen: by the followed flow (`own`), or by another one beside it."""
        comer = self.get(address)
        if comer is not None:
            comer.seen, comer.out = cycle, True
            comer.own, comer.strong = comer.own or own, comer.strong or not own
        elif len(self) < _COMERS:
            self[address] = Comer(cycle, own=own)

    def welcome(self, cycle: int) -> tuple[bool, dict[str, int]]:
        """A known address is back: those seen meanwhile did not replace it.

        Gives whether the followed flow showed such, and which are branches, with their latest
        cycle: after two returns where they shared a cycle with known ones, else after three.
        """
        meanwhile = [(address, each) for address, each in self.items() if each.out]
        branches = {}
        for address, comer in meanwhile:
            comer.out = False
            comer.returns += 1
            comer.strong = comer.strong or comer.seen == cycle
            if comer.returns >= (_STRONG_RETURNS if comer.strong else _RETURNS):
                branches[address] = comer.seen
                del self[address]
        return any(each.own for _, each in meanwhile), branches

    def own(self) -> int:
        """How many the followed flow showed."""
        return sum(each.own for each in self.values())

    def is_one_out(self, cycle: int) -> bool:
        """Whether this cycle showed one, and no known address after it."""
        return any(each.out and each.seen == cycle for each in self.values())

    def forget(self, address: str) -> None:
        """It is known now."""
        self.pop(address, None)

    def forget_old(self, cycle: int) -> None:
        """Forget those not seen for long."""
        for address, comer in list(self.items()):
            if cycle - comer.seen > _CYCLES:
                del self[address]

    def state(self) -> list[object]:
        """All that is remembered, fit for JSON."""
        return [
            [address, each.seen, each.returns, each.out, each.own, each.strong]
            for address, each in self.items()
        ]

    @classmethod
    def restored(cls, state: object) -> Comers:
        """What `state` gave; raises `TypeError` or `ValueError` where it is not."""
        comers = cls()
        for address, seen, returns, out, own, strong in items(state)[:_COMERS]:
            comer = comers[text(address)] = Comer(whole(seen), own=bool(own))
            comer.returns, comer.out, comer.strong = whole(returns), bool(out), bool(strong)
        return comers


NO_COMERS = Comers()
"""Where nothing is under observation; the same for all TTLs, so never to be changed."""
