"""A certificate authority of our own, made by the `openssl` command."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

NEEDS_OPENSSL = pytest.mark.skipif(
    shutil.which("openssl") is None,
    reason="no openssl command on this machine; install it (Debian: apt install openssl)",
)


class Authority:
    """A CA in a directory; `ca_file` is what others trust it by."""

    def __init__(self, directory: Path, name: str = "ca") -> None:
        self._directory = directory
        self._name = name
        self.ca_file = directory / f"{name}.pem"
        _openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-days", "2", "-subj", f"/CN=Test {name}", "-keyout", str(self._key(name))),
            *("-out", str(self.ca_file)),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        )

    def issue(self, name: str, alternative: str = "IP:127.0.0.1") -> tuple[Path, Path]:
        """A certificate for a server or client, and its key."""
        request, certificate = self._path(name, "csr"), self._path(name, "pem")
        _openssl(
            *("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-subj", f"/CN={name}", "-keyout", str(self._key(name)), "-out", str(request)),
        )
        extensions = self._path(name, "ext")
        extensions.write_text(
            f"subjectAltName={alternative}\nextendedKeyUsage=serverAuth,clientAuth\n"
            "authorityKeyIdentifier=keyid\n"
        )
        _openssl(
            *("x509", "-req", "-in", str(request), "-days", "2", "-CAcreateserial"),
            *("-CA", str(self.ca_file), "-CAkey", str(self._key(self._name))),
            *("-extfile", str(extensions), "-out", str(certificate)),
        )
        return certificate, self._key(name)

    def server_context(self, *, clients: Path | None = None) -> ssl.SSLContext:
        """For a server at 127.0.0.1; with `clients`, only those that this CA knows may come."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue("server"))
        if clients is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(clients)
        return context

    def _path(self, name: str, suffix: str) -> Path:
        return self._directory / f"{self._name}-{name}.{suffix}"

    def _key(self, name: str) -> Path:
        return self._path(name, "key")


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=30)
