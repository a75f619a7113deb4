"""What the sources of targets list, and how they become one list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from exporter.config.targetlist import Listed, read_targets
from exporter.errors import ConfigError, Fault
from exporter.settings import Config, Target

Signature = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A file or URL. `targets` are those of the latest reading without a fault.

    `faults` are those of the latest attempt, `failures` counts attempts that had any. `signature`
    tells whether a file is another, `text` is what a URL gave.
    """

    name: str
    targets: tuple[Listed, ...] = ()
    faults: tuple[Fault, ...] = ()
    failures: int = 0
    signature: Signature | None = None
    text: str | None = None

    def failed(self, faults: tuple[Fault, ...]) -> Source:
        """It could not be read: what it listed before stays."""
        return replace(self, faults=faults, failures=self.failures + 1)

    def read(self, text: str, config: Config, *, json: bool) -> Source:
        """It says this now; where that has a fault, what it listed before stays."""
        try:
            targets = read_targets(text, self.name, config, json=json)
        except ConfigError as error:
            return self.failed(error.faults)
        return replace(self, targets=targets, faults=())


@dataclass(frozen=True, slots=True)
class Merged:
    """All targets, each name once, and in words those whose name was taken."""

    targets: tuple[Target, ...]
    collisions: tuple[str, ...] = ()


def merge(targets: Iterable[Target], sources: Iterable[Source]) -> Merged:
    """The configuration's own targets and those of its sources; the first of a name wins."""
    chosen: dict[str, tuple[Target, str]] = {
        target.name: (target, "the configuration file") for target in targets
    }
    collisions = []
    for source in sources:
        for listed in source.targets:
            name = listed.target.name
            taken = chosen.setdefault(name, (listed.target, listed.place))
            if taken[0] is not listed.target:
                collisions.append(
                    f"{listed.place}: the name {name!r} is taken by a target in {taken[1]}; "
                    "give one of them its own `__name`"
                )
    return Merged(tuple(target for target, _ in chosen.values()), tuple(collisions))
