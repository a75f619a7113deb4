"""Pure: how well a destination usually answers, and when a cycle is out of the usual."""

from __future__ import annotations

from math import comb

from exporter.model import Trace
from exporter.watch.saved import items, number, whole
from exporter.watch.verdict import Suspicion

_WEIGHT = 0.1
"""What the latest cycle counts in the usual (exponentially weighted mean)."""
_USUALLY = 0.8
"""A destination that answers in fewer cycles than this share arouses no suspicion by silence."""
_LEAST_LOSS = 0.002
_UNLIKELY = 0.01


class Reach:
    """The share of cycles in which a destination answers, and of its probes that are lost."""

    __slots__ = ("_answering", "_before", "_heard", "_loss", "_lossy", "_silent")

    def __init__(self) -> None:
        self._heard = 0
        self._answering = 1.0
        self._loss = 0.0
        self._before = 0.0
        self._silent = 0
        self._lossy = 0

    def see(self, trace: Trace, confirm: int) -> Suspicion | None:
        """Take in a cycle. Silence and loss are suspicious until `confirm` cycles agree on them."""
        if not trace.reached:
            return self._see_silence(confirm)
        self._heard, self._silent = 1, 0
        self._answering += _WEIGHT * (1.0 - self._answering)
        sent, lost = trace.destination_sent, max(0, trace.destination_lost)
        if not 0 < self._lossy < confirm:
            self._before = self._loss
        unusual = lost > 0 and _is_unlikely(sent, lost, self._before)
        self._lossy = self._lossy + 1 if unusual else 0
        if sent:
            self._loss += _WEIGHT * (lost / sent - self._loss)
        return Suspicion.LOSS if 0 < self._lossy < confirm else None

    def is_out(self, confirm: int) -> bool:
        """Whether a destination that once answered was silent for so many cycles."""
        return self._silent >= confirm

    def state(self) -> list[object]:
        """All that is remembered, fit for JSON."""
        shares = [round(each, 6) for each in (self._answering, self._loss, self._before)]
        return [self._heard, self._silent, self._lossy, *shares]

    @classmethod
    def restored(cls, state: object) -> Reach:
        """What `state` gave; raises `TypeError` or `ValueError` where it cannot have."""
        heard, silent, lossy, *shares = items(state)
        reach = cls()
        reach._heard, reach._silent, reach._lossy = whole(heard), whole(silent), whole(lossy)
        answering, loss, before = (min(1.0, number(share)) for share in shares)
        reach._answering, reach._loss, reach._before = answering, loss, before
        return reach

    def _see_silence(self, confirm: int) -> Suspicion | None:
        if not self._heard:
            return None
        usual = self._answering >= _USUALLY * (1.0 - _WEIGHT) ** self._silent
        self._silent += 1
        if self._silent <= confirm:
            self._answering -= _WEIGHT * self._answering
        return Suspicion.DESTINATION_SILENT if usual and self._silent < confirm else None


def _is_unlikely(sent: int, lost: int, usual: float) -> bool:
    """Whether so many or more losses are rare where `usual` is the loss (binomial tail)."""
    share = min(max(usual, _LEAST_LOSS), 0.999)
    fewer = range(min(lost, sent))
    tail = 1.0 - sum(comb(sent, k) * share**k * (1.0 - share) ** (sent - k) for k in fewer)
    return tail < _UNLIKELY
