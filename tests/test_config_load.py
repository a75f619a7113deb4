"""Whole configurations: what they make, and that every fault in one is told at once."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.config import load_config
from exporter.config.schema import AsnFields, LimitFields, ProbeFields, ResolverFields
from exporter.config.targetschema import ModuleFields
from exporter.model import FamilyChoice, Protocol
from exporter.settings import (
    Config,
    EnrichmentSettings,
    Limits,
    Module,
    ProbeEndpointSettings,
    ResolverSettings,
    Target,
    UrlSource,
)
from tests.config_texts import config_of, fault_of, faults_of, places

UNREADABLE = Path("/proc/sys/vm/compact_memory")  # its mode is 0200, for root too
FULL = """\
defaults: {interval: 30s, timeout: 500ms}
modules:
  web: {protocol: tcp, probes: 5}
targets:
  - host: 192.0.2.1
    name: example
    module: web
    labels: {site: home, rack: "12"}
    interval: 1m30s
    rtt_buckets: [1ms, 0.01, 1s]
  - {host: www.example.net}
target_files: ["targets.d/*.yml"]
target_urls: [{url: "https://sd.example.net/t", refresh_interval: 5m}]
resolver: {nameservers: [192.0.2.53, "2001:DB8::53"], port: 5353, timeout: 1s}
enrichment: {rdns: false, asn: {source: none}}
probe: {allow: ["192.0.2.0/24", "*.example.net"], concurrency: 3}
limits: {probes_per_second: 100, concurrent_traces: 5, series_per_target: 500}
"""


def test_a_full_configuration_is_read() -> None:
    """Every section was there; each field arrived in its runtime form."""
    base = Module(interval=30.0, timeout=0.5)
    web = Module(protocol=Protocol.TCP, port=443, interval=30.0, timeout=0.5, probes=5)
    own = Module(
        protocol=Protocol.TCP,
        port=443,
        family=FamilyChoice.IPV4,
        interval=90.0,
        timeout=0.5,
        probes=5,
        rtt_buckets=(0.001, 0.01, 1.0),
    )
    assert config_of(FULL, Path("/etc/ftr")) == Config(
        targets=(
            Target("example", "192.0.2.1", own, (("rack", "12"), ("site", "home"))),
            Target("www.example.net", "www.example.net", base),
        ),
        defaults=base,
        modules=(("default", base), ("web", web)),
        target_files=("/etc/ftr/targets.d/*.yml",),
        target_urls=(UrlSource("https://sd.example.net/t", 300.0),),
        resolver=ResolverSettings(("192.0.2.53", "2001:db8::53"), 5353, 1.0),
        enrichment=EnrichmentSettings(False, "none"),
        probe=ProbeEndpointSettings(("192.0.2.0/24", "*.example.net"), 3),
        limits=Limits(100.0, 5, 500),
    )


def test_what_is_left_out_has_the_defaults_of_the_settings() -> None:
    """The file named a host alone; all else is what `exporter.settings` says."""
    config = config_of("targets: [{host: a}]")
    expected = Config(targets=(Target("a", "a"),), modules=(("default", Module()),))
    assert config == expected


def test_models_and_settings_have_the_same_fields() -> None:
    """Somebody adds a setting; this fails until the file can set it too."""
    assert set(ModuleFields.model_fields) == {field.name for field in fields(Module)}
    assert set(ResolverFields.model_fields) == {field.name for field in fields(ResolverSettings)}
    assert set(ProbeFields.model_fields) == {field.name for field in fields(ProbeEndpointSettings)}
    assert set(LimitFields.model_fields) == {field.name for field in fields(Limits)}
    asn = {f"asn_{name}" for name in AsnFields.model_fields}
    assert asn | {"rdns"} == {field.name for field in fields(EnrichmentSettings)}


def test_sections_without_a_value_are_empty() -> None:
    """Everything below some keys was commented out; they count as empty."""
    config = config_of(
        "defaults:\nmodules:\ntargets:\ntarget_files:\ntarget_urls:\nresolver:\n"
        "enrichment:\n  asn:\nprobe:\n  allow:\nlimits:\n"
    )
    assert config == Config(modules=(("default", Module()),))
    assert config_of("targets: [{host: a, labels: }]").targets[0].labels == ()


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 0, "the file is empty"),
        ("# nothing\n", 0, "the file is empty"),
        ("\n\n~\n", 0, "the file is empty"),
        ("\n- host: a\n", 2, "found a list; allowed is a mapping"),
        ("hello\n", 1, 'found "hello"; allowed is a mapping'),
        ("{}", 1, "there is nothing to trace"),
        ("limits: {}\n", 1, "there is nothing to trace"),
        ("a: [\n", 1, "not valid YAML"),
    ],
)
def test_files_that_are_no_configuration(text: str, line: int, words: str) -> None:
    """The file was empty, or something else; one fault says so."""
    fault = faults_of(text)[0]
    assert line <= fault.line <= line + 1
    assert fault.key == ""
    assert words in fault.message


def test_an_mmdb_file_must_be_there(tmp_path: Path) -> None:
    """`mmdb` was chosen; its file is sought beside the configuration, and must be readable."""
    text = "targets: []\nenrichment:\n  asn:\n    source: mmdb\n    path: asn.mmdb\n"
    fault = fault_of(text, tmp_path)
    assert (fault.line, fault.key) == (5, "enrichment.asn.path")
    assert fault.message == f"there is no file {tmp_path / 'asn.mmdb'}"
    (tmp_path / "asn.mmdb").write_bytes(b"")
    assert config_of(text, tmp_path).enrichment == EnrichmentSettings(
        True, "mmdb", str(tmp_path / "asn.mmdb")
    )


def test_only_mmdb_has_a_path() -> None:
    """A path stood beside the source `cymru`; it would never be read, which is a fault."""
    fault = fault_of("targets: []\nenrichment: {asn: {path: a.mmdb}}\n")
    assert fault.message == "only source mmdb has a path, but source is cymru"
    wrong = fault_of("targets: []\nenrichment: {asn: cymru}\n")
    assert wrong.message == 'found "cymru"; allowed is a mapping'


@pytest.mark.skipif(not UNREADABLE.exists(), reason="this kernel has no file that root cannot read")
def test_a_database_that_this_user_may_not_read() -> None:
    """The database was there and unreadable; the fault says so."""
    fault = fault_of(f"targets: []\nenrichment: {{asn: {{source: mmdb, path: {UNREADABLE}}}}}\n")
    assert fault.message == f"this user may not read {UNREADABLE}"


@pytest.mark.parametrize(
    "loader",
    [yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)],
    ids=["pure", "fast"],
)
def test_both_loaders_tell_the_same_faults(loader: Any) -> None:
    """PyYAML was built without libyaml; faults, lines and words are the same."""
    text = "targets:\n- {host: a, port: 0}\n- host: a\n  x: !y z\n  interval: 1:30\n"
    faults = faults_of(text, loader=loader)
    assert places(faults) == [
        (2, "targets[0].port"),
        (3, "targets[1].host"),
        (4, "targets[1].x"),
        (4, "targets[1].x"),
        (5, "targets[1].interval"),
    ]


def test_ten_thousand_targets_load_quickly(tmp_path: Path) -> None:
    """A large site was configured; loading it takes less than three seconds of one core."""
    file = tmp_path / "large.yaml"
    entries = (
        f"  - host: h{n}.example.net\n    name: t{n}\n    module: web\n"
        f"    interval: {30 + n % 7}s\n"
        f"    labels: {{site: s{n % 10}, rack: r{n}}}\n"
        for n in range(10_000)
    )
    file.write_text("modules: {web: {protocol: tcp}}\ntargets:\n" + "".join(entries))
    started = time.process_time()
    config = load_config(file)
    spent = time.process_time() - started
    assert len(config.targets) == 10_000
    assert len({id(target.module) for target in config.targets}) == 7
    assert spent < (3.0 if sys.gettrace() is None else 15.0)
    assert math.isclose(config.targets[3].module.interval, 33.0)
