"""Makes the daemon-wide settings of the sections beside the targets."""

from __future__ import annotations

import glob
import os
from pathlib import Path as FilePath
from typing import Final

from exporter.config.node import Path
from exporter.config.report import Report
from exporter.config.schema import (
    AsnFields,
    AsnSource,
    EnrichmentFields,
    LimitFields,
    ProbeFields,
    ResolverFields,
)
from exporter.config.shown import shown
from exporter.config.urlschema import TlsFields, UrlFields
from exporter.settings import (
    EnrichmentSettings,
    Limits,
    ProbeEndpointSettings,
    ResolverSettings,
    UrlSource,
)

_ASN: Final[Path] = ("enrichment", "asn")


def resolver(fields: ResolverFields | None) -> ResolverSettings:
    """Return the section `resolver`, with defaults where it says nothing."""
    chosen = fields or ResolverFields()
    return ResolverSettings(tuple(chosen.nameservers or ()), chosen.port, chosen.timeout)


def probe(fields: ProbeFields | None) -> ProbeEndpointSettings:
    """Return the section `probe`, with defaults where it says nothing."""
    chosen = fields or ProbeFields()
    return ProbeEndpointSettings(tuple(chosen.allow or ()), chosen.concurrency)


def limits(fields: LimitFields | None) -> Limits:
    """Return the section `limits`, with defaults where it says nothing."""
    chosen = fields or LimitFields()
    return Limits(chosen.probes_per_second, chosen.concurrent_traces, chosen.series_per_target)


def target_files(patterns: list[str] | None, directory: FilePath) -> tuple[str, ...]:
    """Return the globs, joined to the directory of the configuration file."""
    base = glob.escape(str(directory))
    return tuple(os.path.join(base, pattern) for pattern in patterns or ())


def target_urls(
    report: Report, sources: list[UrlFields] | None, directory: FilePath
) -> tuple[UrlSource, ...]:
    """Return the http_sd endpoints; files are joined to the directory of the configuration file."""
    found: dict[str, UrlSource] = {}
    for index, fields in enumerate(sources or ()):
        path: Path = ("target_urls", index)
        if fields.url in found:
            report.add((*path, "url"), "this URL stands here twice")
        _check_url(report, fields, path)
        found.setdefault(fields.url, _url_source(fields, directory))
    return tuple(found.values())


def _url_source(fields: UrlFields, directory: FilePath) -> UrlSource:
    def joined(file: str | None) -> str | None:
        return None if file is None else os.path.join(directory, file)

    basic, bearer, tls = fields.basic_auth, fields.authorization, fields.tls or TlsFields()
    return UrlSource(
        fields.url,
        fields.refresh_interval,
        username=None if basic is None else basic.username,
        password_file=None if basic is None else joined(basic.password_file),
        credentials_file=None if bearer is None else joined(bearer.credentials_file),
        ca_file=joined(tls.ca_file),
        cert_file=joined(tls.cert_file),
        key_file=joined(tls.key_file),
    )


def _check_url(report: Report, fields: UrlFields, path: Path) -> None:
    """What is each right and together wrong."""
    if fields.basic_auth is not None and fields.authorization is not None:
        report.add(
            (*path, "authorization"), "one URL has `basic_auth` or `authorization`, not both"
        )
    if fields.tls is not None:
        if not fields.url.lower().startswith("https:"):
            report.add((*path, "tls"), "only a URL that begins with https:// has certificates")
        if fields.tls.key_file is not None and fields.tls.cert_file is None:
            report.add((*path, "tls", "key_file"), "a key is of no use without `cert_file`")


def enrichment(
    report: Report, fields: EnrichmentFields | None, asn: object, directory: FilePath
) -> EnrichmentSettings:
    """Return the section `enrichment`; `asn` is its part of that name as it is written.

    The database must be there and readable: a fault otherwise.
    """
    chosen = fields or EnrichmentFields()
    model, bad = report.model(AsnFields, {} if asn is None else asn, _ASN)
    if model is None:
        return EnrichmentSettings(rdns=chosen.rdns)
    path = None if model.path is None else os.path.join(directory, model.path)
    if not bad & {"source", "path"}:
        _check_database(report, model.source, path)
    return EnrichmentSettings(chosen.rdns, model.source.value, path)


def _check_database(report: Report, source: AsnSource, path: str | None) -> None:
    key = (*_ASN, "path")
    if source is AsnSource.MMDB and path is None:
        report.add(key, "the key is missing; source mmdb needs the path of its file")
    elif source is not AsnSource.MMDB and path is not None:
        report.add(key, f"only source mmdb has a path, but source is {source.value}")
    elif path is not None and not os.path.isfile(path):
        report.add(key, f"there is no file {shown(path, 4096)}")
    elif path is not None and not os.access(path, os.R_OK):
        report.add(key, f"this user may not read {shown(path, 4096)}")
