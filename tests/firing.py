"""What fires while a recording is replayed, by hand: which alerts, in which minutes, in what words.

    python -m tests.firing      writes what stands here into the recorded files
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.replay import Firing, Told, path_of, read, render
from tests.scenarios import SCENARIOS
from tests.stage import INSTANCE, JOB

EXPORTER = {"job": JOB, "instance": INSTANCE}


def _of(target: str, **own: str) -> dict[str, str]:
    return {**EXPORTER, "target": target, "family": "ipv4", "protocol": "icmp", **own}


WEB = _of("web", site="home")
FIRING: Mapping[str, Sequence[Firing]] = {}
TOLD: Mapping[str, Sequence[Told]] = {}


def main() -> None:
    """Write all files anew, with the series that are in them."""
    for name, scenario in SCENARIOS.items():
        if path_of(name).exists():
            path = path_of(name)
            recording = read(path, scenario)
            made = render(name, scenario, recording, FIRING.get(name, ()), TOLD.get(name, ()))
            path.write_text(made)


if __name__ == "__main__":
    main()
