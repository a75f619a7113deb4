"""Pure: whether the path MTU is another one, which two measurements have to agree on."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.trace.mtu import PathMtu


@dataclass(frozen=True, slots=True)
class MtuChange:
    """A confirmed change of the path MTU: the one `before` it, and the one from now on."""

    before: PathMtu
    now: PathMtu


class MtuWatch:
    """Follows the path MTU to one address.

    The first size is taken as it is. Another one is a change once the next measurement finds it
    too; sizes that alternate make none.
    """

    __slots__ = ("_known", "_suspected")

    def __init__(self) -> None:
        self._known: PathMtu | None = None
        self._suspected: int | None = None

    def take(self, mtu: PathMtu) -> MtuChange | None:
        """What a measurement that came to its end has found; gives the change it confirmed."""
        known, suspected = self._known, self._suspected
        confirms = known is None or mtu.size in (known.size, suspected)
        self._suspected = None if confirms else mtu.size
        if not confirms:
            return None
        self._known = mtu
        return None if known is None or known.size == mtu.size else MtuChange(known, mtu)
