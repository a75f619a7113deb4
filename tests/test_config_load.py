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
from exporter.config.schema import AsnFields, LimitFields, ModuleFields, ProbeFields, ResolverFields
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
from tests.config_texts import FILE, config_of, fault_of, faults_of, places

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


@pytest.mark.parametrize("key", ["port", "name", "source", "interval", "packet_size", "mtu"])
def test_a_single_value_may_not_be_left_empty(key: str) -> None:
    """A key had no value; the fault says that nothing was found, and what is allowed."""
    fault = fault_of(f"targets:\n  - host: a\n    {key}:\n")
    assert (fault.line, fault.key) == (3, f"targets[0].{key}")
    assert fault.message.startswith("found nothing; allowed is ")


def test_every_fault_is_told_at_once_with_its_place() -> None:
    """A file was wrong in many ways; each fault has file, line, key, finding and allowance."""
    faults = faults_of(
        """\
        defaults: {interval: 60:30, first_hop: 20}
        modules:
          web: {protocol: tcp, port: 443000}
          fast: {max_hops: 10, intervall: 3}
        targets:
          - host: 192.0.2.1
            labels: {site: NO, 9a: b, target: x}
            interval: -5s
            module: fats
            family: ipv6
          - nohost: 1
          - host: a.b
            name: x
            name: y
            protocol: icpm
          - {host: a.c, name: x}
          - nothing
        limits: {probes_per_second: .inf, concurrent_traces: 1.5}
        enrichment: {rdns: "yes", asn: {source: mmdb}}
        target_urls: [{refresh_interval: 5s}]
        resolver: [192.0.2.53]
        prob: {}
        """
    )
    assert {fault.file for fault in faults} == {FILE}
    assert places(faults) == [
        (1, "defaults.interval"),
        (3, "modules.web.port"),
        (4, "modules.fast.intervall"),
        (4, "modules.fast.max_hops"),
        (7, "targets[0].labels.site"),
        (7, "targets[0].labels.9a"),
        (7, "targets[0].labels.target"),
        (8, "targets[0].interval"),
        (9, "targets[0].module"),
        (10, "targets[0].family"),
        (11, "targets[1].host"),
        (11, "targets[1].nohost"),
        (14, "targets[2].name"),
        (15, "targets[2].protocol"),
        (16, "targets[3].name"),
        (17, "targets[4]"),
        (18, "limits.probes_per_second"),
        (18, "limits.concurrent_traces"),
        (19, "enrichment.rdns"),
        (19, "enrichment.asn.path"),
        (20, "target_urls[0].url"),
        (21, "resolver"),
        (22, "prob"),
    ]
    messages = {fault.key: fault.message for fault in faults}
    assert messages["modules.web.port"] == (
        "found 443000; allowed is a whole number from 1 to 65535"
    )
    assert messages["modules.fast.intervall"] == 'there is no such key; did you mean "interval"?'
    assert messages["targets[0].labels.site"].startswith("found NO, which YAML reads as false")
    assert messages["targets[0].module"].endswith('did you mean "fast"?')
    assert messages["targets[2].protocol"] == (
        'found "icpm"; allowed is one of auto, icmp, udp, tcp, quic'
    )
    assert messages["targets[4]"] == 'found "nothing"; allowed is a mapping'
    assert messages["enrichment.rdns"] == 'found "yes"; allowed is true or false'
    assert messages["resolver"] == "found a list; allowed is a mapping"
    assert str(faults[1]) == f"{FILE}:3: modules.web.port: {messages['modules.web.port']}"


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("port", ["0", "65536", "-1", "1.0", "yes", '"443"', "[1]", "{a: 1}", "0443", ".nan"]),
        ("max_hops", ["0", "256"]),
        ("first_hop", ["0", "256"]),
        ("probes", ["0", "101", "true"]),
        ("flows", ["0", "65"]),
        ("dscp", ["-1", "64"]),
        ("confirm", ["0", "101"]),
        ("packet_size", ["27", "9001"]),
        ("interval", ["0", "99ms", "25h", ".nan", ".inf", "yes", "[1]", "60:30", '"30"']),
        ("timeout", ["0s", "9ms", "61s", "-1"]),
        ("protocol", ["ICMP", "sctp", "6", "[icmp]"]),
        ("family", ["inet", "4"]),
        ("source", ["eth0", "224.0.0.1", "fe80::1%eth0", "5"]),
        ("interface", ['""', "5", "[eth0]"]),
        ("mtu", ["1", '"true"', "maybe"]),
        ("rtt_buckets", ["[2, 1]", "[]", "1s", "[1, .nan]", "[a]"]),
        ("labels", ["[a]", "x"]),
        ("name", ["5", "NO", '""', '" a"']),
    ],
)
def test_values_out_of_bounds_are_refused(key: str, values: list[str]) -> None:
    """A field had a value of another type or range; that one fault was told, at its line."""
    for value in values:
        fault = fault_of(f"targets:\n  - host: a\n    {key}: {value}\n")
        assert (fault.line, fault.key) == (3, f"targets[0].{key}"), value
        assert "; allowed is " in fault.message


def test_list_items_are_named() -> None:
    """Items of lists were wrong; each fault has its index, and the line of its item."""
    faults = faults_of(
        """\
        targets: []
        target_files:
          - a.yml
          - a.txt
        probe:
          allow:
            - 192.0.2.1/24
            - 5
        """
    )
    assert places(faults) == [
        (4, "target_files[1]"),
        (7, "probe.allow[0]"),
        (8, "probe.allow[1]"),
    ]
    assert "192.0.2.0/24 holds it" in faults[1].message
    assert "which YAML reads as a number (quote it)" in faults[2].message


def test_faults_of_the_text_and_of_its_meaning_come_together() -> None:
    """YAML tags were bad and values too; neither hid the other, and no fault came twice."""
    faults = faults_of(
        "targets:\n- host: !!python/name:os.system x\n  port: 0\n- *nobody\n"
        "- {host: a, rtt_buckets: [!x 1]}\n"
    )
    assert places(faults) == [
        (2, "targets[0].host"),
        (3, "targets[0].port"),
        (4, "targets[1]"),
        (5, "targets[2].rtt_buckets[0]"),
    ]


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


def test_unusual_keys_are_shown_readably() -> None:
    """Module names and keys held odd characters; they are quoted and cannot break a line."""
    faults = faults_of('targets: []\nmodules: {"a b": {port: 0}, "c\\n": {}, "": {}}\n"x\\e": 1\n')
    assert {fault.key for fault in faults} == {
        'modules["a b"].port',
        'modules["c\\n"]',
        'modules[""]',
        '["x\\x1b"]',
    }
    assert all(str(fault).isprintable() for fault in faults)


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
