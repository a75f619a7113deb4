"""Runs the daemon in the troubled world: first nothing changes, then much does."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field

from tests.daemon import Daemon, Scrape, running
from tests.lab.lab import Lab
from tests.lab.truth import Truth
from tests.lab.world import World
from tests.soak.judge import Event, Judgement, TrueChange, events, judge, starts
from tests.soak.world import PROTOCOLS, Route, Subject, make_world, subjects

CONFIRM = 3


@dataclass(frozen=True, slots=True)
class Size:
    """How much is run: targets for each protocol, cycles of each, and changes in all."""

    protocols: tuple[str, ...] = PROTOCOLS
    targets: int = 40
    cycles: int = 250
    changes: int = 210
    interval: float = 4.0
    flows: int = 1
    warm_up: int = 25
    apart: int = 10

    @property
    def subjects(self) -> list[Subject]:
        """What the daemon traces."""
        return subjects(self.protocols, self.targets)

    @property
    def world(self) -> World:
        """Where it does so."""
        return make_world(self.subjects)


@dataclass(slots=True)
class Outcome:
    """What came of it; `reports` are changes reported while nothing changed."""

    cycles: int = 0
    skipped: int = 0
    reports: list[Event] = field(default_factory=list)
    judgement: Judgement = field(default_factory=Judgement)
    scrape: Scrape | None = None
    truth: Truth | None = None


def steady(lab: Lab, size: Size) -> Outcome:
    """Nothing changes in the lab, which plays `size.world`: every report is wrong."""
    found = size.subjects
    with running(lab, _config(found, size), _VERBOSE) as daemon:
        scrape = _until(daemon, found, size.cycles, size)
        daemon.stop()
        return Outcome(
            int(sum(scrape.all("ftr_traces_total").values())),
            int(sum(scrape.all("ftr_traces_skipped_total").values())),
            _reports(daemon),
            scrape=scrape,
            truth=lab.truth(),
        )


def changing(lab: Lab, size: Size) -> Outcome:
    """One target after the other changes, none again before `apart` cycles have passed."""
    found = size.subjects
    spares = itertools.count()
    routes = {each.name: Route(number, spares) for number, each in enumerate(found)}
    with running(lab, _config(found, size), _VERBOSE) as daemon:
        _until(daemon, found, size.warm_up, size)
        changes = []
        pause = size.apart * size.interval / len(found)
        for _, subject in zip(range(size.changes), itertools.cycle(found), strict=False):
            route = routes[subject.name]
            kind = route.change()
            lab.set_target(subject.name, path=route.steps)
            changes.append(TrueChange(time.time(), subject.name, kind))
            time.sleep(pause)
        time.sleep(size.apart * size.interval)
        scrape = daemon.scrape()
        daemon.stop()
        log = daemon.log
        judgement = judge(changes, _reports(daemon), starts(log), lab.truth(), time.time())
        cycles = int(sum(scrape.all("ftr_traces_total").values()))
        return Outcome(cycles, judgement=judgement, scrape=scrape)


_VERBOSE = "--log.level=debug"


def _reports(daemon: Daemon) -> list[Event]:
    return events(daemon.log, "path.changed")


def _config(found: list[Subject], size: Size) -> str:
    lines = [
        "enrichment: {rdns: false, asn: {source: none}}",
        f"defaults: {{interval: {size.interval}s, timeout: 500ms, probes: 3, confirm: {CONFIRM}, "
        f"flows: {size.flows}}}",
        "targets:",
    ]
    lines += [
        f"  - {{name: {each.name}, host: {each.address}, protocol: {each.protocol}}}"
        for each in found
    ]
    return "\n".join(lines) + "\n"


def _until(daemon: Daemon, found: list[Subject], cycles: int, size: Size) -> Scrape:
    """Wait until all targets together have run so many cycles each, on average."""
    wanted = cycles * len(found)
    deadline = time.monotonic() + 60 + 3 * cycles * size.interval
    while time.monotonic() < deadline:
        scrape = daemon.scrape()
        if sum(scrape.all("ftr_traces_total").values()) >= wanted:
            return scrape
        time.sleep(1.0)
    raise AssertionError(f"{wanted} cycles took too long; last log lines: {daemon.log[-3:]}")
