"""The configuration as models: its sections, and what each key of them means and allows.

Defaults come from `exporter.settings`, the one place where they are written. The JSON Schema and
the reference in docs/configuration.md are generated from here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from exporter import settings
from exporter.config import rules
from exporter.config.strict import Strict, key
from exporter.config.targetschema import ModuleFields, TargetFields
from exporter.config.urlschema import UrlFields

_RESOLVER: Final = settings.ResolverSettings()
_ENRICHMENT: Final = settings.EnrichmentSettings()
_PROBE: Final = settings.ProbeEndpointSettings()
_LIMITS: Final = settings.Limits()


class ResolverFields(Strict):
    """Who answers DNS questions."""

    nameservers: list[Annotated[str, rules.NAME_SERVER]] | None = key(
        None, "Addresses of name servers. Left out: the system's.", ["192.0.2.53"]
    )
    port: Annotated[int, rules.whole(1, 65535)] = key(
        _RESOLVER.port, "Port of the name servers.", 53
    )
    timeout: Annotated[float, rules.duration(0.01, 60)] = key(
        _RESOLVER.timeout, "Longest wait for one answer.", "1s"
    )


class AsnSource(StrEnum):
    """Where the origin AS of an address comes from."""

    CYMRU = "cymru"
    MMDB = "mmdb"
    NONE = "none"


class AsnFields(Strict):
    """Where the origin AS of an address comes from."""

    source: Annotated[AsnSource, Field(strict=False)] = key(
        AsnSource(_ENRICHMENT.asn_source),
        "`cymru` asks Team Cymru's DNS zones, `mmdb` a local file, `none` nobody.",
        "mmdb",
    )
    path: Annotated[str | None, rules.FILE] = key(
        _ENRICHMENT.asn_path,
        "The MMDB file, which `mmdb` needs; relative to the configuration file.",
        "asn.mmdb",
    )


class EnrichmentFields(Strict):
    """What to find out about the addresses of hops."""

    rdns: bool = key(_ENRICHMENT.rdns, "Whether to look up host names (PTR).", False)
    asn: AsnFields | None = key(None, "Origin AS: number, name, prefix and country.")


class ProbeFields(Strict):
    """What `/probe` may trace, where it is on (`--web.enable-probe`)."""

    allow: list[Annotated[str, rules.ALLOWED_HOST]] | None = key(
        None, "Hosts that `/probe` may trace. Left out: none.", ["192.0.2.0/24", "*.example.net"]
    )
    concurrency: Annotated[int, rules.whole(1, 1000)] = key(
        _PROBE.concurrency, "Traces of `/probe` that may run at once.", 10
    )


class LimitFields(Strict):
    """Bounds on what the daemon does to the network and to Prometheus."""

    probes_per_second: Annotated[float, rules.number(1, 1_000_000)] = key(
        _LIMITS.probes_per_second, "Probes per second, over all targets.", 500
    )
    concurrent_traces: Annotated[int, rules.whole(1, 100_000)] = key(
        _LIMITS.concurrent_traces, "Traces that may run at once.", 100
    )
    series_per_target: Annotated[int, rules.whole(50, 1_000_000)] = key(
        _LIMITS.series_per_target,
        "Series that one target may have; hops beyond are dropped and counted.",
        1000,
    )


class Document(Strict):
    """Configuration of ftr-exporter."""

    defaults: ModuleFields | None = key(
        None, "Module fields for every target and every module.", {"interval": "60s"}
    )
    modules: dict[Annotated[str, rules.NAME], ModuleFields] | None = key(
        None,
        "Named sets of module fields, chosen by a target or by `/probe?module=`.",
        {"tcp-443": {"protocol": "tcp", "port": 443}},
    )
    targets: list[TargetFields] | None = key(
        None, "What to trace.", [{"host": "192.0.2.1", "name": "example"}]
    )
    target_files: list[Annotated[str, rules.FILE_PATTERN]] | None = key(
        None,
        "Files that list more targets (Prometheus file_sd), relative to the configuration file.",
        ["targets.d/*.yml"],
    )
    target_urls: list[UrlFields] | None = key(
        None,
        "URLs that list more targets (Prometheus http_sd).",
        [{"url": "https://sd.example.net/targets", "refresh_interval": "60s"}],
    )
    resolver: ResolverFields | None = key(None, "Who answers DNS questions.")
    enrichment: EnrichmentFields | None = key(None, "What to find out about hops.")
    probe: ProbeFields | None = key(None, "What `/probe` may trace.")
    limits: LimitFields | None = key(
        None, "Bounds on what the daemon does to the network and to Prometheus."
    )
