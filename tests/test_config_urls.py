"""The section `target_urls`: secrets, certificates, and what does not go together."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.config.load import parse_config
from exporter.errors import ConfigError
from exporter.settings import UrlSource

BASIC = "basic_auth: {username: me, password_file: secret}"
BEARER = "authorization: {credentials_file: token}"
TLS = "tls: {ca_file: ca.pem, cert_file: /pki/cert.pem, key_file: key.pem}"


def sources(*entries: str) -> tuple[UrlSource, ...]:
    """What these entries give in a file in /etc/ftr."""
    lines = "".join(f"  - {{{entry}}}\n" for entry in entries)
    return parse_config(f"target_urls:\n{lines}", "config.yaml", Path("/etc/ftr")).target_urls


def test_files_are_beside_the_configuration() -> None:
    """Relative paths are joined to its directory, absolute ones stay."""
    assert sources(f"url: 'https://a/', {BASIC}, {TLS}", f"url: 'http://b/', {BEARER}") == (
        UrlSource(
            "https://a/",
            username="me",
            password_file="/etc/ftr/secret",
            ca_file="/etc/ftr/ca.pem",
            cert_file="/pki/cert.pem",
            key_file="/etc/ftr/key.pem",
        ),
        UrlSource("http://b/", credentials_file="/etc/ftr/token"),
    )


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (f"url: 'http://a/', {BASIC}, {BEARER}", "authorization: one URL has `basic_auth` or"),
        ("url: 'http://a/', tls: {ca_file: a}", "tls: only a URL that begins with https:// has"),
        ("url: 'https://a/', tls: {key_file: a}", "tls.key_file: a key is of no use without"),
        ("url: 'https://me:secret@a/'", "url: found"),
        ("url: 'https://a/', basic_auth: {username: me}", "basic_auth.password_file: the key is"),
        ("url: 'https://a/', authorization: {token: x}", "authorization.token: there is no such"),
        ("url: 'https://a/', tls: {insecure_skip_verify: true}", "tls.insecure_skip_verify: there"),
    ],
)
def test_faults(entry: str, fault: str) -> None:
    """One thing was wrong, or two were right and wrong together."""
    with pytest.raises(ConfigError) as error:
        sources(entry)
    assert any(f"config.yaml:2: target_urls[0].{fault}" in str(each) for each in error.value.faults)


def test_a_url_stands_once() -> None:
    """The same URL twice would list every target twice."""
    with pytest.raises(ConfigError, match=r"target_urls\[1\].url: this URL stands here twice"):
        sources("url: 'http://a/'", "url: 'http://a/'")
