"""Loss as the daemon tells it, held against the loss that the simulator plays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.daemon import Scrape, running
from tests.lab.lab import Lab
from tests.lab.world import Addresses, Node, RateLimit, Target, World
from tests.losing import interval
from tests.soak.world import Subject

FORWARD = 0.1
WINDOW = 60
"""The latest so many probes of each hop make the ratios."""
_PATH = ("home", "shy", "leaky", "core", "slow", "edge")
_LEAKY_TTL = 3
_LIMITED = {"shy", "slow"}


@dataclass(slots=True)
class Tally:
    """How many ratios were looked at, and which were outside of their 99 % interval."""

    looked_at: int = 0
    outside: Counter[str] = field(default_factory=Counter)

    def take(self, name: str, ratio: float, sent: int, truth: float) -> None:
        """Look at one ratio of `sent` probes."""
        least, most = interval(sent, truth)
        self.looked_at += 1
        if not least - 1e-9 <= ratio <= most + 1e-9:
            self.outside[f"{name}: {ratio:.3f} of {sent}, true {truth:.3f}"] += 1


def lossy_world(found: list[Subject]) -> World:
    """What passes the third router is lost by a tenth; the second and the fifth limit answers."""
    hops = {
        name: Node(
            name,
            Addresses(f"203.0.113.{number + 1}"),
            delay=0.0005,
            jitter=0.001,
            forward_loss=FORWARD if name == "leaky" else 0.0,
            rate_limit=RateLimit(1.0, 1.0) if name in _LIMITED else None,
        )
        for number, name in enumerate(_PATH)
    }
    targets = {each.name: Target(Node(each.name, Addresses(each.address)), _PATH) for each in found}
    return World(seed=3, hops=hops, targets=targets)


def told_loss(lab: Lab, found: list[Subject], interval_seconds: float = 1.5) -> Tally:
    """Run until every window is full, and look at every hop of every target."""
    lines = "".join(
        f"  - {{name: {each.name}, host: {each.address}, protocol: {each.protocol}}}\n"
        for each in found
    )
    config = (
        "enrichment: {rdns: false, asn: {source: none}}\n"
        f"defaults: {{interval: {interval_seconds}s, timeout: 400ms, probes: 3}}\n"
        f"targets:\n{lines}"
    )
    with running(lab, config) as daemon:
        names = [each.name for each in found]
        scrape = daemon.until_traced(22, *names, seconds=120)
        daemon.stop()
    tally = Tally()
    for name in names:
        _look_at(tally, scrape, name)
    return tally


def _look_at(tally: Tally, scrape: Scrape, name: str) -> None:
    for ttl, ratio in _by_hop(scrape, "ftr_hop_forward_loss_ratio", name):
        truth = 0.0 if ttl <= _LEAKY_TTL else FORWARD
        tally.take(f"{name} forward loss at {ttl}", ratio, WINDOW, truth)
    sent = dict(_by_hop(scrape, "ftr_hop_probes_sent_total", name))
    for ttl, lost in _by_hop(scrape, "ftr_hop_probes_lost_total", name):
        if ttl <= len(_PATH) and _PATH[ttl - 1] in _LIMITED:
            continue
        truth = 0.0 if ttl <= _LEAKY_TTL else FORWARD
        tally.take(f"{name} loss at {ttl}", lost / sent[ttl], int(sent[ttl]), truth)


def _by_hop(scrape: Scrape, metric: str, target: str) -> Iterator[tuple[int, float]]:
    for labels, value in scrape.all(metric, target=target).items():
        yield int(dict(labels)["hop"]), value
