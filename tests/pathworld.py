"""A world of one path in a few lines: what a cycle of three rounds sees of it.

Much as the daemon traces it: a round stops at the destination, a lossy destination may first be
heard one TTL late, and a TTL that nobody answers is silent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from exporter.model import Hop, Kind, Probe, Response, StopReason, Trace
from tests.pathcases import ROUNDS, a_trace

DESTINATION = "D"


@dataclass
class World:
    """`steps` has one list of parallel routers a TTL, the destination left out.

    `silent` routers never answer; `limited` ones answer one probe a second, which mostly is one in
    a cycle. `loss` is the share of answers lost. `per_packet` balances by packet, else by flow:
    then `flow` picks.
    """

    seed: int
    steps: list[list[str]]
    silent: set[str] = field(default_factory=set)
    limited: set[str] = field(default_factory=set)
    loss: float = 0.05
    per_packet: bool = False

    def __post_init__(self) -> None:
        self.random = Random(self.seed)

    def cycle(self, flow: int = 0) -> Trace:
        """One cycle."""
        length = len(self.steps) + 1
        hops = [self._hop(ttl, flow) for ttl in range(1, length + 1)]
        while not hops[-1].responses and len(hops) < length + 2:
            hops.append(self._hop(len(hops) + 1, flow))
        rtts = tuple(each.rtt for each in hops[-1].responses if each.reached)
        stop = StopReason.DESTINATION if rtts else StopReason.GAP
        return a_trace(tuple(hops if rtts else hops[:length]), stop, rtts)

    def _pick(self, step: Sequence[str], flow: int) -> str:
        if len(step) == 1:
            return step[0]
        if self.per_packet:
            return step[int(self.random.random() * len(step))]
        return step[hash((flow, *map(len, step))) % len(step)]

    def _hop(self, ttl: int, flow: int) -> Hop:
        answers = []
        chance = self.random.random
        at_end = ttl > len(self.steps)
        kind = Kind.ECHO_REPLY if at_end else Kind.TIME_EXCEEDED
        spent = ""
        for number in range(ROUNDS):
            name = DESTINATION if at_end else self._pick(self.steps[ttl - 1], flow)
            if name in self.silent or name == spent or chance() < self.loss:
                continue
            if name in self.limited and chance() < 0.8:
                spent = name
            probe = Probe(1, number, ttl)
            rtt = 0.001 * ttl + 0.002 * chance()
            answers.append(Response(probe, name, kind, rtt, 0.0, reached=at_end))
        if len(answers) > 1 and chance() < 0.2:
            answers.reverse()
        return Hop(ttl, ROUNDS, tuple(answers))
