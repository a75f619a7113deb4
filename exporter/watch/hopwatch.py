"""Pure: what one TTL of a path is known to show, and when something else has taken its place.

An address that was never shown at a TTL is either a parallel branch or a new route. A branch
coexists: known addresses return after it was seen. A new route replaces: for `confirm` cycles in
which the TTL answers, nothing known returns, and that is too unlikely for chance; see `rivals`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from exporter.watch.comers import NO_COMERS, Comers
from exporter.watch.hopmemory import ADDRESSES, HopMemory
from exporter.watch.rivals import NO_RIVALS, Rivals, Spread, is_excluded, is_mixture
from exporter.watch.verdict import Balancing

FORGET_CYCLES = 1440
"""A branch that was not seen for so many cycles is no longer known."""
_RESTLESS_CYCLES = 100
_LIKELY_SHOWN = 1e-6


class HopWatch(HopMemory):
    """Watches one TTL, or any other thing that a path shows one or several of."""

    __slots__ = ()

    def balancing(self, cycle: int) -> Balancing:
        """How traffic is spread here, as of this cycle."""
        if _is_recent(self._mixed_at, cycle):
            return Balancing.PER_PACKET
        return Balancing.PER_FLOW if len(self._known) > 1 else Balancing.NONE

    def see(
        self, answers: Sequence[str], cycle: int, now: float, elsewhere: Collection[str] = ()
    ) -> bool:
        """Take in the answers of one cycle, in the order of their rounds; whether that was news.

        `elsewhere` are addresses that other flows of the same cycle showed. No answer is no news.
        """
        if not elsewhere and self.recognise(answers, cycle):
            return False
        if not self.known or (answers and self.tentative and self.known.keys().isdisjoint(answers)):
            self._begin(answers, elsewhere, cycle)
            return bool(self._known)
        before = self._outline(cycle)
        hits = self._walk(answers, cycle)
        is_back = bool(hits) or self.primary in elsewhere
        if not hits and is_back:
            self._welcome(cycle)
        for address in elsewhere:
            if address in self.known:
                self.known[address] = cycle
            else:
                self._notice(address, cycle, own=False)
        if is_back:
            self.rivals = NO_RIVALS
            self._count_steady(hits)
        elif answers:
            if self.rivals is NO_RIVALS:
                self.rivals = Rivals()
            self.rivals.see(answers, cycle, now)
        self._tidy(cycle)
        return before != self._outline(cycle)

    def recognise(self, answers: Sequence[str], cycle: int) -> bool:
        """Take in answers of the one known address, while nothing else is under observation.

        That is nearly always. Where there is more to it, nothing is taken in: `see` has to.
        """
        known, number = self._known, len(answers)
        if len(known) > 1 or self.rivals.streak or self._comers:
            return False
        if answers:
            if answers[0] not in known or answers.count(answers[0]) < number:
                return False
            self._known = known = known if isinstance(known, tuple) else tuple(known)
            self._latest, self.hit, self.tentative = known[0], cycle, False
            self._count_steady(number)
        return True

    def spread(self, cycle: int) -> Spread:
        """In what way addresses came and went here of late."""
        if _is_recent(self._mixed_at, cycle):
            return Spread.WITHIN_CYCLES
        is_restless = _is_recent(self._restless_at, cycle) or len(self.rivals.answers) > 1
        return Spread.OVER_CYCLES if is_restless else Spread.NONE

    def is_replaced(self, confirm: int, spread: Spread) -> bool:
        """Whether what was known is gone, confirmed by so many cycles and unlikely by chance.

        `spread` is the strongest of the path. Where addresses change from cycle to cycle, but not
        within one, the answers of a cycle are one observation.
        """
        if self.rivals.streak < confirm:
            return False
        known, new = len(self.known), max(len(self.rivals.answers), self._comers.own())
        before, since = self._answers, self.rivals.number
        if spread is Spread.OVER_CYCLES:
            before, since = self._cycles, self.rivals.streak
        return is_excluded(known, new, before, since, spread)

    def is_calm(self) -> bool:
        """Whether nothing but known addresses is under observation."""
        return not self.rivals.streak and not self._comers

    def is_doubtful(self, confirm: int, cycle: int) -> bool:
        """Whether this cycle showed what a few more would settle: a change, or nothing."""
        if _is_recent(self._mixed_at, cycle):
            return False
        streak = self.rivals.streak
        return streak < 2 * confirm if streak else self._comers.is_one_out(cycle)

    def turn(self, cycle: int, *, sure: bool) -> None:
        """Know the rivals instead; where it is not `sure` that the rest is gone, beside it."""
        rest = {} if sure or not _is_recent(self._restless_at, cycle) else self.known
        answers = self.rivals.answers
        rivals = sorted(answers, key=answers.__getitem__, reverse=True)
        self._known = {**dict.fromkeys(rivals, cycle), **rest}
        self._answers = self.rivals.number - len(rivals)
        self._cycles = self.rivals.streak - 1
        for address in rivals:
            self._comers.forget(address)
        self._stray, self._latest, self.hit, self.tentative = 0, "", cycle, False
        self.rivals = NO_RIVALS

    def join(self, answers: Collection[str], cycle: int) -> None:
        """Know these too: another flow's way through the same balancer."""
        for address in answers:
            self._learn(address, cycle)
        self.hit = cycle
        self.rivals = NO_RIVALS

    # -- one cycle ----------------------------------------------------------------------------

    def _outline(self, cycle: int) -> tuple[object, ...]:
        streak = self.rivals.streak
        return len(self.known), self.primary, len(self._comers), streak, self.balancing(cycle)

    def _begin(self, answers: Sequence[str], elsewhere: Collection[str], cycle: int) -> None:
        """What is seen at first is known at once."""
        shown = dict.fromkeys((*answers, *sorted(elsewhere)))
        self._note_mixture(answers, cycle)
        self._known = tuple(shown)[:ADDRESSES]
        self._comers = NO_COMERS
        self.rivals = NO_RIVALS
        self._answers, self._cycles = len(answers) - len(set(answers)), 0
        self._stray, self._latest, self.hit, self.tentative = 0, "", cycle, False

    def _walk(self, answers: Sequence[str], cycle: int) -> int:
        """Go through the answers in order; how many were by known addresses."""
        self._note_mixture(answers, cycle)
        hits = 0
        for address in answers:
            if address not in self.known:
                self._notice(address, cycle, own=True)
                continue
            hits += 1
            self.known[address] = self.hit = cycle
            self._stray = 0 if address == self.primary else self._stray + 1
            if address != self._latest and self._latest:
                self._restless_at = cycle
            self._latest = address
            self.tentative = False
            self._welcome(cycle)
        return hits

    def _notice(self, address: str, cycle: int, *, own: bool) -> None:
        self._comers = Comers() if self._comers is NO_COMERS else self._comers
        self._comers.notice(address, cycle, own=own)

    def _note_mixture(self, answers: Sequence[str], cycle: int) -> None:
        if is_mixture(answers, self.known):
            self._mixed_at = self._restless_at = cycle

    def _welcome(self, cycle: int) -> None:
        """A known address is back."""
        if not self._comers:
            return
        was_away, branches = self._comers.welcome(cycle)
        if was_away:
            self._restless_at = cycle
            self._answers = self._cycles = 0
        for address, seen in branches.items():
            self._learn(address, seen)

    def _tidy(self, cycle: int) -> None:
        """Forget what was not seen for long; show what is seen, where the shown one never is."""
        self._comers.forget_old(cycle)
        if not self._comers:
            self._comers = NO_COMERS
        many = len(self.known)
        if many > 1 and (1 - 1 / many) ** self._stray < _LIKELY_SHOWN:
            shown = self._latest if self._latest in self.known else next(reversed(self.known))
            self._known = {shown: self.known.pop(shown), **self.known}
            self._stray = 0
        if many > 1 and cycle % 16 == 0:
            branches = list(self.known.items())[1:]
            for address, seen in branches:
                if cycle - seen > FORGET_CYCLES:
                    del self.known[address]


def _is_recent(stamp: int, cycle: int) -> bool:
    return stamp > 0 and cycle - stamp < _RESTLESS_CYCLES
