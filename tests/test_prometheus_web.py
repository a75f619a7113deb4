"""A real Prometheus scrapes a daemon that has a web configuration, and its tool reads the file."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.certificates import Pair, authority, signed
from tests.conftest import LabFactory
from tests.daemon import running
from tests.guarding import hashed
from tests.scraping import prometheus, until

CONFIG = (
    "targets: [{host: 192.0.2.1, name: web, interval: 1s, timeout: 500ms}]\n"
    "enrichment: {rdns: false, asn: {source: none}}\n"
)
WEB = """
tls_server_config:
  cert_file: server.pem
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.pem
  min_version: TLS13
http_server_config:
  http2: true
  headers: {{X-Frame-Options: deny, Strict-Transport-Security: max-age=600}}
basic_auth_users: {{prometheus: {hash}}}
"""
JOB = """
    scheme: https
    basic_auth: {{username: prometheus, password: {password}}}
    tls_config: {{ca_file: {ca}, cert_file: {own}, key_file: {key}}}
"""

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None,
    reason="no prometheus on this machine; install it (Debian: apt install prometheus)",
)


def material(directory: Path) -> tuple[Pair, Pair]:
    """An authority and a client's pair, beside the server's, readable by everyone here."""
    ca = authority(directory)
    signed(directory, "server", ca, "IP:127.0.0.1")
    own = signed(directory, "prometheus", ca, "DNS:prometheus.example.net")
    for path in directory.glob("*.key"):
        path.chmod(0o644)
    (directory / "web.yml").write_text(WEB.format(hash=hashed("secret", 10)))
    return ca, own


@pytest.mark.parametrize(("password", "up"), [("secret", 1), ("wrong", 0)])
def test_prometheus_scrapes_by_tls_with_a_password(
    lab_factory: LabFactory, password: str, up: int
) -> None:
    """It showed a certificate and a password: with the right one it is up, else it is down.

    Then the server's key was replaced by another's: scrapes go on, and tell that.
    """
    lab = lab_factory("small")
    ca, own = material(lab.shared)
    more = JOB.format(password=password, ca=ca.certificate, own=own.certificate, key=own.key)
    flag = f"--web.config.file={lab.shared / 'web.yml'}"
    with running(lab, CONFIG, flag) as daemon, prometheus(lab, daemon.address, more=more):
        until(f"up == {up}", 1)
        if up:
            until("ftr_target_reached == 1", 1)
            until("ftr_web_config_last_reload_successful == 1", 1)
            shutil.copy(lab.shared / "ca.key", lab.shared / "server.key")
            until("ftr_web_config_last_reload_successful == 0", 1)
        events = [line["event"] for line in daemon.log]
        assert "web configuration: http2 is not supported; HTTP/1.1 is spoken" in events
        daemon.stop()


def test_promtool_takes_the_same_file(tmp_path: Path) -> None:
    """The file that the daemon took is one for every exporter."""
    material(tmp_path)
    command = ["promtool", "check", "web-config", str(tmp_path / "web.yml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
