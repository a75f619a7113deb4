"""Makes a `WebConfig` of a web configuration file, or tells every fault in it at once."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, Final, TypeVar

from exporter.config import webtls
from exporter.config.faults import config_error, found
from exporter.config.node import Node, Problem
from exporter.config.report import Report
from exporter.config.shown import shown
from exporter.config.source import Unreadable, read_text
from exporter.config.strict import Strict
from exporter.config.webrules import HEADERS
from exporter.config.webschema import HttpFields, RateFields, TlsFields, WebDocument
from exporter.config.yamltree import read_tree

Fields = TypeVar("Fields", bound=Strict)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`burst` requests at once, and one more every `interval` seconds."""

    interval: float
    burst: int


@dataclass(frozen=True, slots=True)
class WebConfig:
    """How to serve. `users` maps names to bcrypt hashes; `files` are the others it is made of."""

    tls: ssl.SSLContext | None = None
    allowed_sans: frozenset[str] = frozenset()
    users: Mapping[str, bytes] = field(default_factory=dict)
    headers: tuple[tuple[str, str], ...] = ()
    rate: RateLimit | None = None
    http2_asked: bool = False
    files: tuple[str, ...] = ()


def load_web_config(path: str | FilePath) -> WebConfig:
    """Read a web configuration and the files that it names. Raises `ConfigError`."""
    file = FilePath(path)
    try:
        tree = read_tree(read_text(file))
    except Unreadable as error:
        raise config_error(str(path), [error.problem]) from error
    root = tree.root
    if root is None or not isinstance(root.value, dict):
        raise config_error(str(path), tree.problems or [_no_mapping(root)])
    report = Report(root)
    config = _build(report, root.value, file.parent)
    problems = [*tree.problems, *report.problems]
    if problems:
        raise config_error(str(path), problems)
    return config


def _no_mapping(root: Node | None) -> Problem:
    if root is None or root.value is None:
        return Problem(0, (), "the file is empty; write {} where nothing shall be set")
    return Problem(root.line, (), f"found {found(root)}; allowed is a mapping")


def _build(report: Report, data: dict[str, Any], directory: FilePath) -> WebConfig:
    outline = {key: None if key in _SECTIONS else value for key, value in data.items()}
    document = report.model(WebDocument, outline, ())[0] or WebDocument()
    tls, bad = _section(report, TlsFields, data, "tls_server_config")
    http = _section(report, HttpFields, data, "http_server_config")[0] or HttpFields()
    users = document.basic_auth_users or {}
    return WebConfig(
        tls=None if tls is None else webtls.context(report, tls, bad, directory),
        allowed_sans=frozenset(tls.client_allowed_sans or ()) if tls else frozenset(),
        users={name: text.encode() for name, text in users.items()},
        headers=_headers(report, http.headers or {}),
        rate=_rate(report, *_section(report, RateFields, data, "rate_limit")),
        http2_asked="http2" in http.model_fields_set and http.http2,
        files=() if tls is None else webtls.files(tls, directory),
    )


_SECTIONS: Final = ("tls_server_config", "http_server_config", "rate_limit")


def _section(
    report: Report, kind: type[Fields], data: dict[str, Any], name: str
) -> tuple[Fields | None, frozenset[str]]:
    """Validate a section by itself, so that what is right in it is looked at further."""
    if data.get(name) is None:
        return None, frozenset()
    return report.model(kind, data[name], (name,))


def _headers(report: Report, headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    for name, value in headers.items():
        allowed = HEADERS[name]
        if value and allowed and value not in allowed:
            words = f'found "{shown(value)}"; allowed is {" or ".join(allowed)}, or nothing'
            report.add(("http_server_config", "headers", name), words)
    return tuple(headers.items())


def _rate(report: Report, fields: RateFields | None, bad: frozenset[str]) -> RateLimit | None:
    if fields is None or not fields.interval:
        return None
    if not fields.burst:
        if "burst" not in bad:
            words = "without a burst of at least 1 no request would ever be answered"
            report.add(("rate_limit", "burst"), words)
        return None
    return RateLimit(fields.interval, fields.burst)
