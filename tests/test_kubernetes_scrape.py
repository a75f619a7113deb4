"""The ServiceMonitors in `kubernetes/`: their keys, and what Prometheus makes of their rules."""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.boards import ROOT, Json
from tests.manifests import read

NAMES = ("deployment", "per-node")
TEXT = {"type": "string"}


def mapping(required: tuple[str, ...], **properties: Json) -> Json:
    """The schema of a mapping that has no other keys than these."""
    return {
        "type": "object",
        "required": list(required),
        "properties": properties,
        "additionalProperties": False,
    }


# What we use of the operator's own definition, of version 0.93.
RULE = mapping(
    (),
    sourceLabels={"type": "array", "items": TEXT},
    targetLabel=TEXT,
    replacement=TEXT,
    regex=TEXT,
    action={"enum": ["replace", "keep", "drop", "labeldrop", "labelkeep", "labelmap", "hashmod"]},
    modulus={"type": "integer"},
)
ENDPOINT = mapping(
    ("port",),
    port=TEXT,
    path=TEXT,
    interval={"type": "string", "pattern": r"^\d+(ms|s|m)$"},
    relabelings={"type": "array", "items": RULE},
)
MATCHING = {"type": "object", "additionalProperties": TEXT}
SCHEMA = mapping(
    ("apiVersion", "kind", "metadata", "spec"),
    apiVersion={"const": "monitoring.coreos.com/v1"},
    kind={"const": "ServiceMonitor"},
    metadata=mapping(("name",), name=TEXT, labels=MATCHING),
    spec=mapping(
        ("selector", "endpoints"),
        selector=mapping(("matchLabels",), matchLabels=MATCHING),
        endpoints={"type": "array", "items": ENDPOINT, "minItems": 1},
    ),
)
OPERATOR = {"job": "ftr-exporter", "namespace": "ftr-exporter", "service": "ftr-exporter"}
META = {
    "__meta_kubernetes_pod_node_name": "worker-1",
    "__meta_kubernetes_pod_label_app_kubernetes_io_name": "ftr-exporter",
}
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="no promtool on this machine; install it (Debian: apt install prometheus)",
)


def monitor(name: str) -> Json:
    """A ServiceMonitor."""
    return read(f"{name}/servicemonitor.yaml")


def endpoint(name: str) -> Json:
    """The one endpoint of a ServiceMonitor."""
    (found,) = monitor(name)["spec"]["endpoints"]
    result: Json = found
    return result


@pytest.mark.parametrize("name", NAMES)
def test_service_monitors_are_valid(name: str) -> None:
    """Every key that they use is one of the operator's."""
    jsonschema.Draft202012Validator(SCHEMA).validate(monitor(name))


def test_what_is_misspelt_is_found() -> None:
    """The check above is worth something: a planted typo is an error."""
    wrong = copy.deepcopy(monitor("per-node"))
    wrong["spec"]["endpoints"][0]["relabelings"][0]["targetlabel"] = "job"
    with pytest.raises(jsonschema.ValidationError, match="targetlabel"):
        jsonschema.Draft202012Validator(SCHEMA).validate(wrong)


@pytest.mark.parametrize("name", NAMES)
def test_they_choose_the_service(name: str) -> None:
    """By its labels, the name of its port, and the path that the daemon serves by default."""
    service = read("base/service.yaml")
    assert monitor(name)["spec"]["selector"]["matchLabels"] == service["metadata"]["labels"]
    assert endpoint(name)["port"] == service["spec"]["ports"][0]["name"]
    assert endpoint(name)["path"] == "/metrics"


def relabelled(rules: list[Json], labels: dict[str, str], tmp_path: Path) -> list[dict[str, str]]:
    """What Prometheus makes of the labels of a pod and of its successor on node `worker-1`."""
    pods = [
        {
            "targets": [f"10.0.0.{number}:10334"],
            "labels": {**labels, **({"pod": f"ftr-exporter-{number}"} if labels else {}), **META},
        }
        for number in (1, 2)
    ]
    job = {"job_name": "ftr", "static_configs": pods, "relabel_configs": rules}
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump({"scrape_configs": [job]}))
    command = ["promtool", "check", "service-discovery", "--timeout=5s", str(file), "ftr"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    found = [each["labels"] for each in json.loads(done.stdout)]
    return [{k: v for k, v in labels.items() if not k.startswith("__")} for labels in found]


@needs_promtool
@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("deployment", {"instance": "ftr-exporter.ftr-exporter.svc:10334"}),
        ("per-node", {"instance": "worker-1:10334", "node": "worker-1"}),
    ],
)
def test_series_outlive_their_pod(name: str, own: dict[str, str], tmp_path: Path) -> None:
    """A pod was replaced: the labels stay, under the job that the alerts look for."""
    spelt = {"sourceLabels": "source_labels", "targetLabel": "target_label"}
    rules = [
        {spelt.get(key, key): value for key, value in rule.items()}
        for rule in endpoint(name)["relabelings"]
    ]
    given = {**OPERATOR, "container": "ftr-exporter", "endpoint": "http"}
    wanted = {**OPERATOR, "job": "ftr", **own}
    assert relabelled(rules, given, tmp_path) == [wanted, wanted]
    assert 'up{job="ftr"}' in (ROOT / "prometheus" / "alerts.yml").read_text("utf-8")


@needs_promtool
def test_without_the_operator_labels_are_the_same(tmp_path: Path) -> None:
    """The rules in the documentation, which Prometheus follows by itself."""
    page = (ROOT / "docs" / "kubernetes.md").read_text("utf-8")
    (text,) = re.findall(r"```yaml\n(scrape_configs:\n.*?)```", page, re.DOTALL)
    (job,) = yaml.safe_load(text)["scrape_configs"]
    wanted = {"job": job["job_name"], "instance": "worker-1:10334", "node": "worker-1"}
    assert relabelled(job["relabel_configs"], {}, tmp_path) == [wanted, wanted]
