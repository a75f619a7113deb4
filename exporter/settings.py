"""What the configuration asks for, as plain records: no parsing, no third-party types."""

from __future__ import annotations

from dataclasses import dataclass, field

from exporter.model import FamilyChoice, Protocol

RTT_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)


@dataclass(frozen=True, slots=True)
class Module:
    """How a target is probed. Durations in seconds; None leaves the choice to the kernel."""

    protocol: Protocol = Protocol.AUTO
    port: int | None = None
    payload: bytes | None = None
    family: FamilyChoice = FamilyChoice.AUTO
    interval: float = 60.0
    timeout: float = 2.0
    probes: int = 3
    first_hop: int = 1
    max_hops: int = 30
    flows: int = 1
    packet_size: int | None = None
    dscp: int = 0
    source: str | None = None
    interface: str | None = None
    mtu: bool = False
    rtt_buckets: tuple[float, ...] = RTT_BUCKETS
    hop_histograms: bool = False
    confirm: int = 3


@dataclass(frozen=True, slots=True)
class Target:
    """One host to trace, with its module already applied. `labels` is sorted by name."""

    name: str
    host: str
    module: Module = field(default_factory=Module)
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ResolverSettings:
    """Name servers; an empty tuple means the system's. `timeout` in seconds, per question."""

    nameservers: tuple[str, ...] = ()
    port: int = 53
    timeout: float = 2.0


@dataclass(frozen=True, slots=True)
class EnrichmentSettings:
    """`asn_source` is `cymru`, `mmdb` (then `asn_path` names the file) or `none`."""

    rdns: bool = True
    asn_source: str = "cymru"
    asn_path: str | None = None


@dataclass(frozen=True, slots=True)
class ProbeEndpointSettings:
    """Which hosts and networks `/probe` may trace, and how many at once."""

    allow: tuple[str, ...] = ()
    concurrency: int = 10


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what the daemon does to the network and to Prometheus."""

    probes_per_second: float = 2000.0
    concurrent_traces: int = 500
    series_per_target: int = 2000


@dataclass(frozen=True, slots=True)
class UrlSource:
    """A Prometheus http_sd endpoint that lists targets.

    It is asked with `username` and the password in a file, or with the bearer token in
    `credentials_file`, or with neither. `cert_file` holds the key too where `key_file` is None.
    Files are read anew for each request.
    """

    url: str
    refresh_interval: float = 60.0
    username: str | None = None
    password_file: str | None = None
    credentials_file: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """A whole, valid configuration. `defaults` is the module of a target that names none."""

    targets: tuple[Target, ...] = ()
    defaults: Module = field(default_factory=Module)
    modules: tuple[tuple[str, Module], ...] = ()
    target_files: tuple[str, ...] = ()
    target_urls: tuple[UrlSource, ...] = ()
    resolver: ResolverSettings = field(default_factory=ResolverSettings)
    enrichment: EnrichmentSettings = field(default_factory=EnrichmentSettings)
    probe: ProbeEndpointSettings = field(default_factory=ProbeEndpointSettings)
    limits: Limits = field(default_factory=Limits)
