"""What fires while a recording is replayed, by hand: which alerts, in which minutes, and their words.

    python -m tests.firing      writes what stands here into the recorded files
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.recording import INSTANCE, JOB
from tests.replay import Firing, Told, path_of, read, render
from tests.scenarios import SCENARIOS

EXPORTER = {"job": JOB, "instance": INSTANCE}


def _labels(target: str, **own: str) -> dict[str, str]:
    return {**EXPORTER, "target": target, "family": "ipv4", "protocol": "icmp", **own}


WEB = _labels("web", site="home")
