"""What is generated from the models, and the example: all of it current, all of it valid."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from exporter.config import load_config
from exporter.config.jsonschema import SCHEMA_FILE, json_schema, text
from exporter.config.reference import rewritten
from exporter.config.rules import allowed
from exporter.config.schema import (
    AsnFields,
    Document,
    EnrichmentFields,
    LimitFields,
    ProbeFields,
    ResolverFields,
)
from exporter.config.targetschema import ModuleFields, TargetFields
from exporter.config.urlschema import AuthorizationFields, BasicAuthFields, TlsFields, UrlFields
from exporter.settings import EnrichmentSettings, Limits, Module, ResolverSettings

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "config.example.yaml"
DOCUMENT = ROOT / "docs" / "configuration.md"
MODELS: list[type[BaseModel]] = [
    Document,
    ModuleFields,
    TargetFields,
    UrlFields,
    BasicAuthFields,
    AuthorizationFields,
    TlsFields,
    ResolverFields,
    EnrichmentFields,
    AsnFields,
    ProbeFields,
    LimitFields,
]


def valid(document: object) -> bool:
    """Whether the JSON Schema takes a document."""
    return jsonschema.Draft202012Validator(json_schema()).is_valid(document)


def test_the_shipped_schema_is_current() -> None:
    """A model changed; this fails until the schema is generated anew."""
    assert SCHEMA_FILE.read_text("utf-8") == text(), "run: python -m exporter.config.jsonschema"
    jsonschema.Draft202012Validator.check_schema(json.loads(text()))


def test_the_reference_is_current() -> None:
    """A model changed; this fails until the reference is generated anew."""
    document = DOCUMENT.read_text("utf-8")
    hint = "run: python -m exporter.config.reference docs/configuration.md"
    assert rewritten(document) == document, hint


def test_the_generators_write_their_files(tmp_path: Path) -> None:
    """Both commands ran; the reference in another file came out the same."""
    copy = tmp_path / "configuration.md"
    copy.write_text(re.sub(r"`interval`", "`lost`", DOCUMENT.read_text("utf-8")), "utf-8")
    command = [sys.executable, "-m", "exporter.config.reference", str(copy)]
    subprocess.run(command, check=True, timeout=60, cwd=ROOT)
    assert "| `interval` |" in copy.read_text("utf-8")
    command = [sys.executable, "-m", "exporter.config.jsonschema", str(tmp_path / "schema.json")]
    subprocess.run(command, check=True, timeout=60, cwd=ROOT)
    assert (tmp_path / "schema.json").read_text("utf-8") == text()


def test_the_example_names_the_schema_and_is_valid() -> None:
    """A newcomer starts with the example; schema and loader take it, editors find the schema."""
    lines = EXAMPLE.read_text("utf-8").splitlines()
    named = lines[0].removeprefix("# yaml-language-server: $schema=")
    assert (ROOT / named).resolve() == SCHEMA_FILE.resolve()
    assert valid(yaml.safe_load("\n".join(lines)))
    config = load_config(EXAMPLE)
    assert len(config.targets) >= 3
    assert all(target.module.interval >= 30 for target in config.targets)


def test_the_example_shows_every_key() -> None:
    """A key was added; this fails until the example shows it, live or as a comment."""
    shown = set(re.findall(r"(\w+):", EXAMPLE.read_text("utf-8")))
    wanted = {name for model in MODELS for name in model.model_fields}
    assert wanted - shown == set()


def test_the_example_s_defaults_are_the_defaults() -> None:
    """The example says what the defaults are; they are what the settings say."""
    config = load_config(EXAMPLE)
    assert dict(config.modules)["default"] == Module()
    assert config.limits == Limits()
    assert config.resolver == ResolverSettings()
    assert config.enrichment == EnrichmentSettings()


@pytest.mark.parametrize("model", MODELS)
def test_every_key_is_described_and_its_examples_are_valid(model: type[BaseModel]) -> None:
    """Each key has a meaning, an allowance in words, and examples that it takes."""
    for name, field in model.model_fields.items():
        assert (field.description or "").endswith("."), name
        assert allowed(field), name
        needed: dict[str, Any] = {"host": "a"} if "host" in model.model_fields else {}
        needed |= {"url": "http://a"} if "url" in model.model_fields else {}
        if "password_file" in model.model_fields:
            needed |= {"username": "a", "password_file": "b"}
        if "credentials_file" in model.model_fields:
            needed |= {"credentials_file": "a"}
        for example in field.examples or ():
            model.model_validate({**needed, name: example})


@pytest.mark.parametrize(
    "document",
    [
        {"targets": [{"host": "a", "intervall": 3}]},
        {"targets": [{"host": "a", "interval": "3 s"}]},
        {"targets": [{"host": "a", "interval": -3}]},
        {"targets": [{"host": "a", "port": 0}]},
        {"targets": [{"host": "a", "name": ".."}]},
        {"targets": [{"host": "a", "protocol": "sctp"}]},
        {"targets": [{"host": "a", "labels": {"target": "x"}}]},
        {"targets": [{"host": "a", "labels": {"site": 5}}]},
        {"targets": [{"host": "a", "rtt_buckets": []}]},
        {"targets": [{}]},
        {"limits": {"probes_per_second": 0}},
        {"target_files": ["a.txt"]},
        [],
    ],
)
def test_editors_find_what_the_loader_finds(document: object) -> None:
    """A file was wrong in a way that a schema can say; the JSON Schema refuses it too."""
    assert not valid(document)


@pytest.mark.parametrize(
    "document",
    [
        {"targets": [{"host": "a", "interval": "1m30s", "timeout": 0.5}]},
        {"targets": [{"host": "a", "labels": {"site": "x"}, "rtt_buckets": ["1ms", 1]}]},
        {"targets": None, "defaults": None, "modules": {"m": {"port": 1}}},
    ],
)
def test_editors_accept_what_the_loader_accepts(document: object) -> None:
    """A file was right; the JSON Schema takes it."""
    assert valid(document)
