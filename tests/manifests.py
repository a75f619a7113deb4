"""The manifests in `kubernetes/`: as files, and as `kubectl kustomize` renders them."""

from __future__ import annotations

import functools
import shutil
import subprocess

import pytest
import yaml

from tests.boards import ROOT, Json

DIRECTORY = ROOT / "kubernetes"
WORKLOADS = {"deployment": "Deployment", "per-node": "DaemonSet", "host-network": "DaemonSet"}
needs_kubectl = pytest.mark.skipif(
    shutil.which("kubectl") is None,
    reason="no kubectl on this machine; install it (1.21 or newer, it renders without a cluster)",
)


def read(name: str) -> Json:
    """One manifest, by its path in `kubernetes/`."""
    manifest: Json = yaml.safe_load((DIRECTORY / name).read_text("utf-8"))
    return manifest


@functools.cache
def _rendered(name: str) -> str:
    done = subprocess.run(
        ["kubectl", "kustomize", str(DIRECTORY / name)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def rendered(name: str) -> list[Json]:
    """All that `kubectl apply -k` would send; no cluster is asked."""
    return list(yaml.safe_load_all(_rendered(name)))


def only(manifests: list[Json], kind: str) -> Json:
    """The one manifest of a kind."""
    (found,) = [each for each in manifests if each["kind"] == kind]
    return found


def pod_of(workload: Json) -> Json:
    """The specification of a workload's pods."""
    spec: Json = workload["spec"]["template"]["spec"]
    return spec
