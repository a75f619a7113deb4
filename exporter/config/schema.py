"""The configuration as models: every key, what it means, what it allows, and its default.

Defaults come from `exporter.settings`, the one place where they are written. The JSON Schema and
the reference in docs/configuration.md are generated from here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from exporter import settings
from exporter.config import rules
from exporter.model import FamilyChoice, Protocol

_MODULE: Final = settings.Module()
_RESOLVER: Final = settings.ResolverSettings()
_ENRICHMENT: Final = settings.EnrichmentSettings()
_PROBE: Final = settings.ProbeEndpointSettings()
_LIMITS: Final = settings.Limits()
_URL: Final = settings.UrlSource("")


def _key(default: Any, description: str, *examples: Any) -> Any:
    return Field(default, description=description, examples=list(examples) or None)


class Strict(BaseModel):
    """A mapping whose keys are known; nothing is converted on the quiet."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ModuleFields(Strict):
    """How to probe. What is left out comes from the layer below."""

    protocol: Annotated[Protocol, Field(strict=False)] = _key(
        _MODULE.protocol,
        "What to send. `auto` takes ICMP where the kernel permits it, else UDP.",
        "icmp",
    )
    port: Annotated[int | None, rules.whole(1, 65535)] = _key(
        _MODULE.port,
        "Destination port. Left out: 443 for `tcp` and `quic`, the traceroute ports for `udp`, one "
        "for each TTL. A port given for `udp` makes all TTLs one flow; on 53, 123 and 443 it asks "
        "the service there (DNS, NTP, QUIC), which answers. ICMP has none.",
        443,
    )
    payload: Annotated[bytes | None, rules.PAYLOAD] = _key(
        _MODULE.payload,
        "What `udp` says to `port`, in hexadecimal digits. Left out: what the service is known to "
        "answer, else words of our own.",
        "0d0a0d0a",
    )
    family: Annotated[FamilyChoice, Field(strict=False)] = _key(
        _MODULE.family,
        "Address family of a name that has both. `both` gives two traces; `auto` takes one, "
        "that of `source` where there is one.",
        "ipv4",
    )
    interval: Annotated[float, rules.duration(0.1, 86400)] = _key(
        _MODULE.interval, "Time from the start of one cycle to the start of the next.", "30s"
    )
    timeout: Annotated[float, rules.duration(0.01, 60)] = _key(
        _MODULE.timeout,
        "Longest wait for the answer to a probe; no longer than `interval`. "
        "TCP waits 0.9 s at most.",
        "1s",
    )
    probes: Annotated[int, rules.whole(1, 100)] = _key(
        _MODULE.probes, "Probes per hop and cycle.", 3
    )
    first_hop: Annotated[int, rules.whole(1, 255)] = _key(
        _MODULE.first_hop, "TTL of the nearest hop to probe; no higher than `max_hops`.", 1
    )
    max_hops: Annotated[int, rules.whole(1, 255)] = _key(
        _MODULE.max_hops, "TTL of the farthest hop to probe.", 30
    )
    flows: Annotated[int, rules.whole(1, 128)] = _key(
        _MODULE.flows, "Flows to probe with, each of which a load balancer may send another way.", 4
    )
    packet_size: Annotated[int | None, rules.whole(28, 9000)] = _key(
        _MODULE.packet_size,
        "Bytes of a probe with its IP header. IPv6 needs 48, QUIC 1228 (IPv6: 1248). "
        "Left out: as small as the protocol allows.",
        64,
    )
    dscp: Annotated[int, rules.whole(0, 63)] = _key(
        _MODULE.dscp, "Differentiated services code point of the probes.", 46
    )
    source: Annotated[str | None, rules.SOURCE] = _key(
        _MODULE.source, "Address to send from. Left out: the kernel chooses.", "192.0.2.10"
    )
    interface: Annotated[str | None, rules.NAME] = _key(
        _MODULE.interface, "Network interface to send from. Left out: the kernel chooses.", "eth0"
    )
    mtu: bool = _key(_MODULE.mtu, "Whether to discover the path MTU.", True)
    rtt_buckets: Annotated[tuple[float, ...], rules.BUCKETS] = _key(
        _MODULE.rtt_buckets, "Upper bounds of the buckets of RTT histograms.", ["1ms", "10ms", 0.1]
    )
    hop_histograms: bool = _key(
        _MODULE.hop_histograms, "Whether each hop has an RTT histogram too: many series.", True
    )
    confirm: Annotated[int, rules.whole(1, 100)] = _key(
        _MODULE.confirm, "Cycles that must agree before a change of path counts.", 3
    )


Labels = dict[Annotated[str, rules.LABEL_NAME], Annotated[str, rules.LABEL_VALUE]]


class TargetFields(ModuleFields):
    """One host to trace. Any module field may stand here too and wins over the module."""

    host: Annotated[str, rules.HOST] = Field(
        description="Address or name to trace. A name is resolved again every cycle.",
        examples=["192.0.2.1", "www.example.net"],
    )
    name: Annotated[str | None, rules.NAME] = _key(
        None, "Value of the label `target`; unique. Left out: the host.", "example"
    )
    module: Annotated[str | None, rules.NAME] = _key(
        None, "Which of `modules` to use. Left out: `defaults` alone.", "tcp-443"
    )
    labels: Labels | None = _key(
        None, "Labels for this target's series; values are text.", {"site": "home"}
    )


class BasicAuthFields(Strict):
    """Who asks, by name and password."""

    username: Annotated[str, rules.NAME] = Field(
        description="Name of the user.", examples=["ftr-exporter"]
    )
    password_file: Annotated[str, rules.FILE] = Field(
        description="File with the password, read anew for each request.", examples=["password"]
    )


class AuthorizationFields(Strict):
    """Who asks, by a bearer token."""

    credentials_file: Annotated[str, rules.FILE] = Field(
        description="File with the token, read anew for each request.", examples=["token"]
    )


class TlsFields(Strict):
    """How an https URL is checked, and how this side proves who it is."""

    ca_file: Annotated[str | None, rules.FILE] = _key(
        None, "Certificates to trust, in PEM form. Left out: the system's.", "ca.pem"
    )
    cert_file: Annotated[str | None, rules.FILE] = _key(
        None, "Client certificate to show, in PEM form.", "client.pem"
    )
    key_file: Annotated[str | None, rules.FILE] = _key(
        None, "Its key. Left out: the key is in `cert_file`.", "client.key"
    )


class UrlFields(Strict):
    """A Prometheus http_sd endpoint that lists targets."""

    url: Annotated[str, rules.URL] = Field(
        description="Where the list is.", examples=["https://sd.example.net/targets"]
    )
    refresh_interval: Annotated[float, rules.duration(1, 86400)] = _key(
        _URL.refresh_interval, "Time between two requests.", "5m"
    )
    basic_auth: BasicAuthFields | None = _key(None, "Name and password to ask with.")
    authorization: AuthorizationFields | None = _key(None, "Bearer token to ask with.")
    tls: TlsFields | None = _key(None, "Certificates for an https URL.")


class GroupFields(Strict):
    """A group of targets in a file of `target_files` or in the answer of a URL."""

    targets: list[Annotated[str, rules.HOST]] = Field(
        description="Hosts to trace.", examples=[["www.example.net"]]
    )
    labels: Labels | None = _key(None, "Labels of these targets.", {"site": "home"})


class ResolverFields(Strict):
    """Who answers DNS questions."""

    nameservers: list[Annotated[str, rules.NAME_SERVER]] | None = _key(
        None, "Addresses of name servers. Left out: the system's.", ["192.0.2.53"]
    )
    port: Annotated[int, rules.whole(1, 65535)] = _key(
        _RESOLVER.port, "Port of the name servers.", 53
    )
    timeout: Annotated[float, rules.duration(0.01, 60)] = _key(
        _RESOLVER.timeout, "Longest wait for one answer.", "1s"
    )


class AsnSource(StrEnum):
    """Where the origin AS of an address comes from."""

    CYMRU = "cymru"
    MMDB = "mmdb"
    NONE = "none"


class AsnFields(Strict):
    """Where the origin AS of an address comes from."""

    source: Annotated[AsnSource, Field(strict=False)] = _key(
        AsnSource(_ENRICHMENT.asn_source),
        "`cymru` asks Team Cymru's DNS zones, `mmdb` a local file, `none` nobody.",
        "mmdb",
    )
    path: Annotated[str | None, rules.FILE] = _key(
        _ENRICHMENT.asn_path,
        "The MMDB file, which `mmdb` needs; relative to the configuration file.",
        "asn.mmdb",
    )


class EnrichmentFields(Strict):
    """What to find out about the addresses of hops."""

    rdns: bool = _key(_ENRICHMENT.rdns, "Whether to look up host names (PTR).", False)
    asn: AsnFields | None = _key(None, "Origin AS: number, name, prefix and country.")


class ProbeFields(Strict):
    """What `/probe` may trace, where it is on (`--web.enable-probe`)."""

    allow: list[Annotated[str, rules.ALLOWED_HOST]] | None = _key(
        None, "Hosts that `/probe` may trace. Left out: none.", ["192.0.2.0/24", "*.example.net"]
    )
    concurrency: Annotated[int, rules.whole(1, 1000)] = _key(
        _PROBE.concurrency, "Traces of `/probe` that may run at once.", 10
    )


class LimitFields(Strict):
    """Bounds on what the daemon does to the network and to Prometheus."""

    probes_per_second: Annotated[float, rules.number(1, 1_000_000)] = _key(
        _LIMITS.probes_per_second, "Probes per second, over all targets.", 500
    )
    concurrent_traces: Annotated[int, rules.whole(1, 100_000)] = _key(
        _LIMITS.concurrent_traces, "Traces that may run at once.", 100
    )
    series_per_target: Annotated[int, rules.whole(50, 1_000_000)] = _key(
        _LIMITS.series_per_target,
        "Series that one target may have; hops beyond are dropped and counted.",
        1000,
    )


class Document(Strict):
    """Configuration of ftr-exporter."""

    defaults: ModuleFields | None = _key(
        None, "Module fields for every target and every module.", {"interval": "60s"}
    )
    modules: dict[Annotated[str, rules.NAME], ModuleFields] | None = _key(
        None,
        "Named sets of module fields, chosen by a target or by `/probe?module=`.",
        {"tcp-443": {"protocol": "tcp", "port": 443}},
    )
    targets: list[TargetFields] | None = _key(
        None, "What to trace.", [{"host": "192.0.2.1", "name": "example"}]
    )
    target_files: list[Annotated[str, rules.FILE_PATTERN]] | None = _key(
        None,
        "Files that list more targets (Prometheus file_sd), relative to the configuration file.",
        ["targets.d/*.yml"],
    )
    target_urls: list[UrlFields] | None = _key(
        None,
        "URLs that list more targets (Prometheus http_sd).",
        [{"url": "https://sd.example.net/targets", "refresh_interval": "60s"}],
    )
    resolver: ResolverFields | None = _key(None, "Who answers DNS questions.")
    enrichment: EnrichmentFields | None = _key(None, "What to find out about hops.")
    probe: ProbeFields | None = _key(None, "What `/probe` may trace.")
    limits: LimitFields | None = _key(
        None, "Bounds on what the daemon does to the network and to Prometheus."
    )
