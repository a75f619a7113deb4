"""The Helm chart in `kubernetes/chart`: it renders what kustomize renders. No cluster is asked."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from exporter import __version__
from tests.boards import ROOT, Json
from tests.manifests import DIRECTORY, needs_kubectl, only, pod_of, read, rendered

BUILT = ROOT / ".venv" / "helm" / "helm"
HELM = str(BUILT) if BUILT.exists() else shutil.which("helm")
CHART = DIRECTORY / "chart"
MODES = {
    "deployment": (),
    "per-node": ("kind=daemonset",),
    "host-network": ("kind=daemonset", "hostNetwork=true"),
}
needs_helm = pytest.mark.skipif(
    HELM is None, reason="no helm on this machine; run: make .venv/.helm (needs Go 1.24 or newer)"
)


def helm(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run helm, which keeps what it writes in `home` and knows no cluster."""
    assert HELM is not None
    places = ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "HOME")
    environment = {**os.environ, **dict.fromkeys(places, str(home)), "KUBECONFIG": os.devnull}
    command = [HELM, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=environment, check=False
    )


def templated(home: Path, *values: str, release: str = "ftr-exporter") -> list[Json]:
    """What `helm install` would send of the chart, with some values of our own."""
    arguments = ["template", release, str(CHART), "--namespace", "ftr-exporter"]
    arguments += ["--kube-version", "1.37.0", *(f"--set={value}" for value in values)]
    done = helm(*arguments, home=home)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def plain(manifests: list[Json]) -> dict[str, Json]:
    """By kind, without what differs by design: the namespace, ConfigMaps' names, their checksum."""
    found: dict[str, Json] = {}
    for each in manifests:
        each["metadata"].pop("namespace", None)
        kind = each["kind"]
        if kind == "ConfigMap":
            (file,) = each["data"]
            found[file] = yaml.safe_load(each["data"][file])
        elif kind != "Namespace":
            found[kind] = each
    for kind in ("Deployment", "DaemonSet"):
        if kind in found:
            found[kind]["spec"]["template"]["metadata"].pop("annotations", None)
            (volume,) = pod_of(found[kind])["volumes"]
            volume["projected"]["sources"] = len(volume["projected"]["sources"])
    return found


@needs_helm
def test_helm_finds_no_fault(tmp_path: Path) -> None:
    """`helm lint` in its strict way; and the chart has the version of the daemon."""
    done = helm("lint", "--strict", str(CHART), home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert read("chart/Chart.yaml")["appVersion"] == __version__


@needs_helm
@needs_kubectl
@pytest.mark.parametrize("mode", MODES)
def test_the_chart_and_kustomize_agree(mode: str, tmp_path: Path) -> None:
    """With the values as they are: the same workload, Service, policy, monitor, configuration."""
    assert plain(templated(tmp_path, *MODES[mode])) == plain(rendered(mode))


@needs_helm
@pytest.mark.parametrize("mode", MODES)
def test_the_chart_is_valid(mode: str, tmp_path: Path) -> None:
    """Every key is known to Kubernetes, under another name and with all values set."""
    set_ = ("tolerations[0].operator=Exists", "nodeSelector.zone=a", "serviceMonitor.labels.a=b")
    manifests = templated(tmp_path, *MODES[mode], *set_, release="paths")
    for each in manifests:
        assert each["metadata"]["name"].startswith("paths")
        if each["kind"] != "ServiceMonitor":
            kubernetes_validate.validate(each, "1.37", strict=True)
    workload = only(manifests, "Deployment" if mode == "deployment" else "DaemonSet")
    assert pod_of(workload)["tolerations"] == [{"operator": "Exists"}]
    assert pod_of(workload)["nodeSelector"] == {"zone": "a"}
    mounted = {
        each["configMap"]["name"] for each in pod_of(workload)["volumes"][0]["projected"]["sources"]
    }
    assert mounted == {
        each["metadata"]["name"] for each in manifests if each["kind"] == "ConfigMap"
    }
    assert only(manifests, "ServiceMonitor")["metadata"]["labels"]["a"] == "b"


@needs_helm
def test_a_changed_configuration_replaces_the_pods(tmp_path: Path) -> None:
    """The pods' checksum follows the configuration; a changed list of targets leaves it alone."""

    def checksum(*values: str) -> str:
        template = only(templated(tmp_path, *values), "Deployment")["spec"]["template"]
        return str(template["metadata"]["annotations"]["checksum/config"])

    assert checksum("config.defaults.interval=30s") != checksum()
    assert checksum("targets[0].targets[0]=192.0.2.1") == checksum()


@needs_helm
@pytest.mark.parametrize(
    ("value", "named"),
    [("knid=x", "knid"), ("kind=pod", "kind"), ("hostNetwork=true", "daemonset")],
)
def test_a_wrong_value_is_refused(value: str, named: str, tmp_path: Path) -> None:
    """A typo, an unknown kind, and the node's network for a Deployment: the message names it."""
    done = helm("template", "x", str(CHART), f"--set={value}", home=tmp_path)
    assert done.returncode != 0
    assert named in done.stderr


@needs_helm
def test_parts_may_be_left_out(tmp_path: Path) -> None:
    """Without the operator there is no ServiceMonitor, and the policy is a choice."""
    left_out = ("serviceMonitor.enabled=false", "networkPolicy.enabled=false")
    kinds = [each["kind"] for each in templated(tmp_path, *left_out)]
    assert sorted(kinds) == ["ConfigMap", "ConfigMap", "Deployment", "Service"]
