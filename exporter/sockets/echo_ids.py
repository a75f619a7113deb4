"""The echo ids that sockets of this process have taken, where the kernel hands out none."""

from __future__ import annotations

import random

from exporter.model import Family
from exporter.sockets.source_ports import or_another

_IDS = 1 << 16


class EchoIds:
    """Keeps two sockets of one process from sharing an id: each would see the other's answers.

    Other programs choose theirs as they like; the cookie in each probe tells theirs from ours.
    """

    def __init__(self) -> None:
        self._taken: dict[Family, set[int]] = {family: set() for family in Family}

    def take(self, family: Family, wanted: int) -> int | None:
        """The wanted id if it is free, else another; 0 wants any. None where all are taken."""
        taken = self._taken[family]
        if len(taken) >= _IDS - 1:
            return None
        wanted = next(each for each in or_another(wanted) if each not in taken)
        while not wanted or wanted in taken:
            wanted = random.randrange(1, _IDS)
        taken.add(wanted)
        return wanted

    def release(self, family: Family, identifier: int) -> None:
        """The socket is closed."""
        self._taken[family].discard(identifier)
