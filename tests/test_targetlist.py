"""Lists of targets in Prometheus' formats: what they choose, what is carried, what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from exporter.config.load import parse_config
from exporter.config.targetlist import Listed, read_targets
from exporter.errors import ConfigError
from exporter.model import FamilyChoice, Protocol
from exporter.settings import Config, Target

CONFIG = """
defaults: {interval: 30s, timeout: 1s}
modules:
  web: {protocol: tcp, probes: 5}
  v6: {family: ipv6}
  default: {probes: 9}
targets: []
"""


def config() -> Config:
    """Modules to choose from."""
    return parse_config(CONFIG, "config.yaml", Path("."))


def listed(text: str, *, is_json: bool = False) -> tuple[Listed, ...]:
    """What a list gives."""
    return read_targets(text, "list", config(), json=is_json)


def targets(text: str) -> list[Target]:
    """Its targets."""
    return [each.target for each in listed(text)]


def faults(text: str, *, is_json: bool = False) -> list[str]:
    """What is wrong with it."""
    with pytest.raises(ConfigError) as error:
        listed(text, is_json=is_json)
    return [str(fault) for fault in error.value.faults]


def test_labels_choose_and_are_carried() -> None:
    """Two groups: ours decide, those of Prometheus are left out, the rest becomes labels."""
    one, two, three = targets(
        """
        - targets: [www.example.net, 192.0.2.1]
          labels: {site: home, __module: web, __interval: 1m, __meta_rack: '7', __scheme: https}
        - targets: [a.example.net]
          labels: {__name: alpha}
        """
    )
    assert (one.name, one.host, one.labels) == (*2 * ["www.example.net"], (("site", "home"),))
    assert (one.module.protocol, one.module.port) == (Protocol.TCP, 443)
    assert (one.module.probes, one.module.interval, one.module.timeout) == (5, 60.0, 1.0)
    assert two.module.family is FamilyChoice.IPV4
    assert (three.name, three.host, three.labels) == ("alpha", "a.example.net", ())
    assert three.module == config().defaults


def test_default_can_be_named() -> None:
    """The file defines a module `default`: it is for those that name it, not for the others."""
    named, unnamed = targets("- {targets: [a], labels: {__module: default}}\n- {targets: [b]}")
    assert (named.module.probes, unnamed.module.probes) == (9, 3)


def test_json_is_json() -> None:
    """Tabs, escaped slashes and emoji in surrogate pairs, which YAML would not take."""
    text = '[\n\t{"targets": ["a.example"], "labels": {"path": "\\/x", "mood": "\\ud83d\\ude00"}}]'
    (only,) = listed(text, is_json=True)
    assert only.target.labels == (("mood", "\U0001f600"), ("path", "/x"))


def test_the_same_list_in_both_formats() -> None:
    """Every JSON list is a YAML list too."""
    groups = [{"targets": ["a", "b"], "labels": {"site": "x", "__module": "web"}}, {"targets": []}]
    text = json.dumps(groups)
    as_json = [each.target for each in listed(text, is_json=True)]
    assert as_json == targets(text)


def test_places_are_told() -> None:
    """Where each target stands, for messages about names that are taken."""
    text = "- targets:\n  - a\n  - b\n"
    assert [each.place for each in listed(text)] == ["list:2", "list:3"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "list: the list is empty; an empty list is written as []"),
        ("{}", "list:1: found a mapping; allowed is a list of groups"),
        ("- a", '[0]: found "a"; allowed is a mapping'),
        ("- {}", "[0].targets: the key is missing; allowed is a list"),
        ("- {targets: a}", '[0].targets: found "a"; allowed is a list'),
        ("- {targets: [a], labels: [b]}", "[0].labels: found a list; allowed is a mapping"),
        ("- {targets: [a], label: {}}", '[0].label: there is no such key; did you mean "labels"'),
        ("- {targets: ['a:9100']}", "a port goes into `port`"),
        ("- {targets: ['https://a/']}", "give the host alone, not a URL"),
        ("- {targets: [a], labels: {job: x}}", "ftr-exporter or Prometheus itself sets this"),
        ("- {targets: [a], labels: {site: 5}}", "[0].labels.site: found 5, which YAML reads as a"),
        ("- {targets: [a], labels: {__module: wep}}", 'no module named "wep"; did you mean "web"'),
        ("- {targets: [a], labels: {__interval: '30'}}", "the unit is missing, as in 30s"),
        ("- {targets: [a], labels: {__interval: 0s}}", "allowed is a duration from 100ms"),
        ("- {targets: [a], labels: {__interval: 500ms}}", "timeout is longer than interval (by de"),
        ("- {targets: [a, b], labels: {__name: x}}", "one name is for a group of one target"),
        ("- {targets: [a], labels: {__name: ''}}", "[0].labels.__name: found"),
        (
            "- {targets: [192.0.2.1], labels: {__module: v6}}",
            'the host is an address of ipv4, the family is ipv6 (by module "v6")',
        ),
    ],
)
def test_faults(text: str, fault: str) -> None:
    """One thing was wrong; one fault says what, and where."""
    (only,) = faults(text)
    assert fault in only


def test_all_faults_are_told_with_their_lines() -> None:
    """Three groups were wrong: a fault for each, in JSON too."""
    groups = '[\n{"targets": ["a/b"]},\n{"targets": ["ok"]},\n{"targets": 3},\n7]'
    for is_json in (False, True):
        lines = faults(groups, is_json=is_json)
        assert [line.partition(" ")[0] for line in lines] == [
            "list:2:",
            "list:4:",
            "list:5:",
        ]


@pytest.mark.parametrize(
    "text",
    ["[{", "[" * 100_000, "[1" + "0" * 5000 + "]", '[{"targets": [NaN]}]', "null", '"a"', "\x00"],
)
def test_hostile_json_is_a_fault(text: str) -> None:
    """What a server sent was no list; it raises nothing else, and is told in a short line."""
    for fault in faults(text, is_json=True):
        assert len(fault) < 400


def test_many_faults_in_one_module_are_told_for_each_target() -> None:
    """The module does not fit two of three hosts."""
    text = "- {targets: [192.0.2.1, a, 192.0.2.2], labels: {__module: v6}}"
    assert [each.split(": ")[1] for each in faults(text)] == ["[0].targets[0]", "[0].targets[2]"]
