"""The probes of one socket that still wait for an answer, and the send stamps they got."""

from __future__ import annotations

import random

from exporter.model import Probe

_SEQUENCES = 1 << 16
_STAMPS = 1 << 32


class Sent:
    """One probe on its way: clock readings just before it left, and the kernel's send stamp."""

    __slots__ = ("monotonic_ns", "port", "probe", "stamp_ns", "wall_ns")

    def __init__(self, probe: Probe, port: int, wall_ns: int, monotonic_ns: int) -> None:
        self.probe = probe
        self.port = port
        self.wall_ns = wall_ns
        self.monotonic_ns = monotonic_ns
        self.stamp_ns: int | None = None


class Pending:
    """Table from sequence number to probe. An answered probe leaves it: the first answer wins.

    Probes of the trace before the running one stay, so that a late answer is known for what it is;
    older ones are dropped. The sequence starts at a random number, so that it cannot be guessed.
    """

    def __init__(self) -> None:
        self._sent: dict[int, Sent] = {}
        self._newest_on_port: dict[int, int] = {}
        self.unstamped: dict[int, list[Sent]] = {}
        """Those whose send stamp is due, by the kernel's count of sends."""
        self._sequence = random.randrange(_SEQUENCES)
        self._stamps = 0
        self._trace = 0

    def __len__(self) -> int:
        return len(self._sent)

    def next_sequence(self, probe: Probe) -> int:
        """A sequence number that no waiting probe has."""
        if probe.trace != self._trace:
            self._trace = probe.trace
            self._drop_older(probe.trace - 1)
        while True:
            self._sequence = (self._sequence + 1) % _SEQUENCES
            if self._sequence not in self._sent:
                return self._sequence

    def add(self, sequence: int, sent: Sent) -> None:
        """A probe left; the kernel's next send stamp is its own."""
        self._sent[sequence] = sent
        self._newest_on_port[sent.port] = sequence
        self.unstamped.setdefault(self._stamps, []).append(sent)
        self._stamps = (self._stamps + 1) % _STAMPS

    def stamped(self, number: int, stamp_ns: int) -> None:
        """The kernel's stamp for send `number` of the socket; impossible ones are ignored.

        Where the count began anew, it is that of the latest probe of this number sent before it.
        """
        waiting = self.unstamped.get(number, [])
        for sent in reversed(waiting):
            if stamp_ns >= sent.wall_ns:
                sent.stamp_ns = stamp_ns
                waiting.remove(sent)
                break
        if not waiting:
            self.unstamped.pop(number, None)

    def take_unstamped(self, trace: int) -> list[Probe]:
        """Remove and return the probes of a trace that have no send stamp yet."""
        unstamped = {sent.probe for waiting in self.unstamped.values() for sent in waiting}
        found = {
            sequence: sent.probe
            for sequence, sent in self._sent.items()
            if sent.probe.trace == trace and sent.probe in unstamped
        }
        for sequence in found:
            del self._sent[sequence]
        return list(found.values())

    def count_anew(self) -> None:
        """The kernel's count of sends starts again at 0; stamps may be on their way still."""
        self._stamps = 0

    def take(self, sequence: int | None, port: int) -> Sent | None:
        """Remove and return the probe that was answered; None where there is none, or no more.

        Sequence -1 says that only `port` is known: then it is the newest probe to that port.
        """
        if sequence == -1:
            sequence = self._newest_on_port.get(port)
        return None if sequence is None else self._sent.pop(sequence, None)

    def _drop_older(self, trace: int) -> None:
        self._sent = {
            sequence: sent for sequence, sent in self._sent.items() if sent.probe.trace >= trace
        }
        self.unstamped = {
            number: kept
            for number, waiting in self.unstamped.items()
            if (kept := [sent for sent in waiting if sent.probe.trace >= trace])
        }
        self._newest_on_port = {
            port: sequence
            for port, sequence in self._newest_on_port.items()
            if sequence in self._sent
        }
