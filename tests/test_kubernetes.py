"""The manifests in `kubernetes/`, as files: no cluster has seen them."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from exporter import __version__
from exporter.cli import daemon_parser, main
from exporter.config import load_config
from exporter.discovery.files import scan
from tests.asking import ask
from tests.boards import ROOT, Json
from tests.manifests import DIRECTORY, WORKLOADS, needs_kubectl, only, pod_of, read, rendered
from tests.serving import World

# The oldest version that the package knows, and the newest.
VERSIONS = ("1.25", "1.37")
PARTS = ("deployment/deployment.yaml", "per-node/daemonset.yaml")
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")


def validate(manifest: Json, version: str) -> None:
    """By the schema of a version of Kubernetes; an unknown key is an error."""
    assert kubernetes_validate.validate(manifest, version, strict=True) == version


def container_of(manifest: Json) -> Json:
    """The one container of a workload."""
    (container,) = pod_of(manifest)["containers"]
    found: Json = container
    return found


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "name", [*PARTS, "base/namespace.yaml", "base/service.yaml", "base/networkpolicy.yaml"]
)
def test_manifests_are_valid(name: str, version: str) -> None:
    """Every key is one that this version of Kubernetes knows, with a value that it takes."""
    validate(read(name), version)


@pytest.mark.parametrize(
    ("name", "path", "key"),
    [
        ("deployment/deployment.yaml", ("spec", "template", "spec"), "securitycontext"),
        ("per-node/daemonset.yaml", ("spec", "template", "spec", "containers", 0), "livenesProbe"),
        ("base/networkpolicy.yaml", ("spec", "ingress", 0), "form"),
        ("base/service.yaml", ("spec",), "selectors"),
    ],
)
def test_what_is_misspelt_is_found(name: str, path: tuple[Any, ...], key: str) -> None:
    """The check above is worth something: a planted typo is an error, however deep."""
    wrong = copy.deepcopy(read(name))
    place: Any = wrong
    for step in path:
        place = place[step]
    place[key] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match=key):
        validate(wrong, VERSIONS[-1])


@needs_kubectl
@pytest.mark.parametrize("name", WORKLOADS)
def test_what_is_applied_is_valid(name: str) -> None:
    """Rendered by kustomize: one workload, in one namespace, with the ConfigMaps that it mounts."""
    manifests = rendered(name)
    for each in manifests:
        if each["kind"] != "ServiceMonitor":
            validate(each, VERSIONS[-1])
        if each["kind"] != "Namespace":
            assert each["metadata"]["namespace"] == "ftr-exporter"
    workload = only(manifests, WORKLOADS[name])
    (volume,) = pod_of(workload)["volumes"]
    wanted = {each["configMap"]["name"] for each in volume["projected"]["sources"]}
    assert wanted == {each["metadata"]["name"] for each in manifests if each["kind"] == "ConfigMap"}
    assert container_of(workload)["image"] == f"registry.example.net/ftr-exporter:{__version__}"


@pytest.mark.parametrize("name", PARTS)
def test_pods_are_restricted(name: str) -> None:
    """All that the Pod Security Standard `restricted` asks for, which the namespace enforces."""
    pod, container = pod_of(read(name)), container_of(read(name))
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(pod)
    rights = pod["securityContext"]
    assert rights["runAsNonRoot"] is True
    assert rights["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert all("hostPort" not in port for port in container["ports"])
    assert {key for volume in pod["volumes"] for key in volume} == {"name", "projected"}
    assert pod["automountServiceAccountToken"] is False
    labels = read("base/namespace.yaml")["metadata"]["labels"]
    assert labels == {"pod-security.kubernetes.io/enforce": "restricted"}


@pytest.mark.parametrize("name", PARTS)
def test_ping_sockets_are_permitted_to_the_user_of_the_image(name: str) -> None:
    """By the one sysctl, which is in the safe set; user and group are those of the Dockerfile."""
    rights = pod_of(read(name))["securityContext"]
    assert f"USER {rights['runAsUser']}:{rights['runAsGroup']}\n" in DOCKERFILE
    (sysctl,) = rights["sysctls"]
    assert sysctl["name"] == "net.ipv4.ping_group_range"
    low, high = map(int, sysctl["value"].split())
    assert low <= rights["runAsGroup"] <= high


def test_both_ways_run_the_same_pod() -> None:
    """Deployment and DaemonSet differ in how many there are, and where."""
    deployment, daemonset = map(read, PARTS)
    assert deployment["spec"]["template"] == daemonset["spec"]["template"]
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}


def test_ports_and_labels_agree() -> None:
    """Image, pods, service and network policy mean the same port and the same pods."""
    (exposed,) = re.findall(r"^EXPOSE (\d+)$", DOCKERFILE, re.MULTILINE)
    service, policy = read("base/service.yaml")["spec"], read("base/networkpolicy.yaml")["spec"]
    for manifest in map(read, PARTS):
        (port,) = container_of(manifest)["ports"]
        assert (port["name"], port["containerPort"]) == ("http", int(exposed))
        labels = manifest["spec"]["template"]["metadata"]["labels"]
        assert manifest["spec"]["selector"]["matchLabels"] == labels == service["selector"]
        assert policy["podSelector"]["matchLabels"] == labels
    assert service["ports"] == [{"name": "http", "port": int(exposed), "targetPort": "http"}]
    assert policy["egress"] == [{}]
    assert policy["ingress"][0]["ports"] == [{"protocol": "TCP", "port": int(exposed)}]


@pytest.mark.parametrize("name", PARTS)
def test_probes_ask_what_is_served(name: str) -> None:
    """The real server answers what the kubelet asks, by the paths of the manifest."""
    container = container_of(read(name))
    for probe, path in (("livenessProbe", "/-/healthy"), ("readinessProbe", "/-/ready")):
        assert container[probe]["httpGet"] == {"path": path, "port": "http"}
        assert ask(World(), path).status == 200


@pytest.mark.parametrize("name", PARTS)
def test_flags_are_those_of_the_daemon(name: str) -> None:
    """It would start with them, and look for its configuration where the volume is mounted."""
    container = container_of(read(name))
    options = daemon_parser().parse_args(container["args"])
    (mount,) = container["volumeMounts"]
    assert options.config_file == f"{mount['mountPath']}/config.yaml"
    assert f'"--config.file={options.config_file}"' in DOCKERFILE
    assert container["image"] == "ftr-exporter"


@needs_kubectl
@pytest.mark.parametrize("name", WORKLOADS)
def test_the_configuration_is_valid_as_mounted(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ConfigMaps' files, behind links as the kubelet lays them: `check` finds no fault."""
    (tmp_path / "..1").mkdir()
    (tmp_path / "..data").symlink_to("..1")
    for each in rendered(name):
        for file, text in each["data"].items() if each["kind"] == "ConfigMap" else ():
            (tmp_path / "..1" / file).write_text(text)
            (tmp_path / file).symlink_to(f"..data/{file}")
    assert main(["check", str(tmp_path / "config.yaml")]) == 0, capsys.readouterr().err
    config = load_config(tmp_path / "config.yaml")
    (source,) = scan(config, {}, anew=True).values()
    listed = yaml.safe_load((DIRECTORY / "base" / "targets.yml").read_text("utf-8"))
    assert len(source.targets) == sum(len(group["targets"]) for group in listed) > 0


@needs_kubectl
def test_host_network_gives_up_what_cannot_be_had() -> None:
    """The sysctl is refused there, so is `restricted`, and policies do not reach it."""
    manifests = rendered("host-network")
    pod, inner = pod_of(only(manifests, "DaemonSet")), pod_of(read(PARTS[1]))
    assert pod["hostNetwork"] is True
    assert set(inner["securityContext"]) - set(pod["securityContext"]) == {"sysctls"}
    labels = only(manifests, "Namespace")["metadata"]["labels"]
    assert labels == {"pod-security.kubernetes.io/enforce": "privileged"}
    assert "NetworkPolicy" not in {each["kind"] for each in manifests}
