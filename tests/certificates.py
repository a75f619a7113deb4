"""Certificates for tests, made by openssl: an authority, and what it signs."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, as files in PEM form."""

    certificate: Path
    key: Path


def authority(directory: Path, name: str = "ca") -> Pair:
    """One who signs others, and whom tests trust or do not."""
    return _made(directory, name, "-addext", "basicConstraints=critical,CA:true")


def signed(directory: Path, name: str, by: Pair, *names: str) -> Pair:
    """A certificate for alternative names as `DNS:localhost` and `IP:127.0.0.1`."""
    arguments = ["-CA", str(by.certificate), "-CAkey", str(by.key)]
    arguments += ["-addext", "basicConstraints=critical,CA:false"]
    if names:
        arguments += ["-addext", f"subjectAltName={','.join(names)}"]
    return _made(directory, name, *arguments)


def _made(directory: Path, name: str, *arguments: str) -> Pair:
    pair = Pair(directory / f"{name}.pem", directory / f"{name}.key")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", f"/CN={name}"]
    command += ["-out", str(pair.certificate), "-keyout", str(pair.key), *arguments]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return pair
