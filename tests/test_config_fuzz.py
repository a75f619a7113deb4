"""Arbitrary bytes and structures as configurations: faults may come out, never anything else."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.commands.check import check
from exporter.config.jsonschema import json_schema
from exporter.config.load import parse_config
from exporter.config.schema import (
    AsnFields,
    Document,
    EnrichmentFields,
    LimitFields,
    ProbeFields,
    ResolverFields,
)
from exporter.config.targetschema import ModuleFields, TargetFields
from exporter.config.urlschema import UrlFields
from exporter.errors import ConfigError

SCHEMA = jsonschema.Draft202012Validator(json_schema())
LOADERS = (yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader))

WORDS = (
    *("a", "b.example.net", "192.0.2.1", "2001:db8::1", "30s", "1m30s", "5ms", "tcp", "quic"),
    *("ipv6", "both", "mmdb", "none", "m", "*.example.net", "http://a", "a.yml", "münchen.de"),
)
SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(0, 100),
    st.floats(),
    st.text(max_size=8),
    st.dates(),
    st.binary(max_size=4),
    st.sampled_from(WORDS),
)
NAMES = sorted(
    {
        name
        for model in (
            *(Document, ModuleFields, TargetFields, UrlFields, ResolverFields, EnrichmentFields),
            *(AsnFields, ProbeFields, LimitFields),
        )
        for name in model.model_fields
    }
)
KEYS = st.one_of(st.sampled_from(NAMES), st.text(max_size=5), st.integers(0, 3), st.booleans())
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)


Strategy = st.SearchStrategy[Any]


def mapping_of(model: Any, scalars: Strategy, **parts: Strategy) -> Strategy:
    """Mappings with the keys of a model, whose values are its examples or `scalars`."""
    values = {
        name: st.one_of(st.sampled_from(field.examples or [None]), scalars)
        for name, field in model.model_fields.items()
        if field.examples
    }
    return st.fixed_dictionaries({}, optional={**values, **parts})


def with_url(fields: dict[str, Any]) -> dict[str, Any]:
    """The same with a URL where there is none."""
    return {"url": "http://a", **fields}


def document_of(scalars: Strategy) -> Strategy:
    """Configurations that would be right, were it not for some of their `scalars`."""
    module = mapping_of(ModuleFields, scalars)
    hosts = st.fixed_dictionaries({"host": st.sampled_from(["a", "b", "192.0.2.1", "2001:db8::1"])})
    fields = mapping_of(TargetFields, scalars, module=st.just("m"), name=st.text("xyz", min_size=1))
    target = st.tuples(fields, hosts).map(lambda parts: {**parts[0], **parts[1]})
    return mapping_of(
        Document,
        scalars,
        defaults=module,
        modules=st.fixed_dictionaries({"m": module}, optional={"tcp-443": module}),
        targets=st.lists(target, max_size=3),
        target_urls=st.lists(mapping_of(UrlFields, scalars).map(with_url), max_size=2),
        resolver=mapping_of(ResolverFields, scalars),
        enrichment=mapping_of(EnrichmentFields, scalars, asn=st.just({"source": "none"})),
        probe=mapping_of(ProbeFields, scalars),
        limits=mapping_of(LimitFields, scalars),
    )


LIKELY = st.one_of(document_of(SCALARS), document_of(st.nothing()))


def outcome(text: str, loader: Any) -> object:
    """The configuration, or place and text of each fault."""
    try:
        return parse_config(text, "f.yaml", Path("/nonexistent"), loader)
    except ConfigError as error:
        return error.faults


@given(st.one_of(TREES, LIKELY))
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_structure_is_a_configuration_or_faults(structure: object) -> None:
    """A structure of any kind came as YAML; both loaders told the same, and editors agree."""
    text = yaml.safe_dump(structure, allow_unicode=True)
    pure, fast = (outcome(text, loader) for loader in LOADERS)
    assert repr(pure) == repr(fast)
    if isinstance(pure, tuple):
        assert pure
        assert all(str(fault).isprintable() for fault in pure)
    else:
        assert SCHEMA.is_valid(structure), structure


@pytest.fixture(scope="module")
def file() -> Iterator[Path]:
    """A file to write over and over."""
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory) / "fuzz.yaml"


@given(data=st.one_of(st.binary(max_size=300), st.text(max_size=200).map(str.encode)))
@settings(max_examples=200, deadline=None)
def test_any_bytes_can_be_checked(file: Path, data: bytes) -> None:
    """Any bytes stood in a file; `check` ended with a status and lines, without a traceback."""
    file.write_bytes(data)
    out, err = io.StringIO(), io.StringIO()
    status = check([str(file)], out, err)
    assert status == (1 if err.getvalue() else 0)
    assert bool(err.getvalue()) != bool(out.getvalue())
    assert all(line.isprintable() for line in (out.getvalue() + err.getvalue()).split("\n"))
