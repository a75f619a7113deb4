"""Makes a TLS context of the section `tls_server_config`, or tells all that is wrong with it."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Final

from exporter.config import gonames
from exporter.config.report import Report
from exporter.config.shown import shown
from exporter.config.source import read_file
from exporter.config.webschema import TlsFields

_SECTION: Final = "tls_server_config"
_MOST_BYTES: Final = 1 << 20
_OPTIONS: Final = ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION


@dataclass(frozen=True, slots=True)
class _Pem:
    """What a certificate or key is, and the key of the configuration that said so."""

    data: bytes
    key: str


def files(fields: TlsFields, directory: FilePath) -> tuple[str, ...]:
    """The files that the section names, in the directory of the configuration."""
    named = (fields.cert_file, fields.key_file, fields.client_ca_file)
    return tuple(os.path.join(directory, each) for each in named if each is not None)


def context(
    report: Report, fields: TlsFields, bad: frozenset[str], directory: FilePath
) -> ssl.SSLContext | None:
    """Return the context; None where a fault, noted in the report, leaves none to use.

    `bad` are the keys about which the report says enough already.
    """
    before = len(report)
    section = _Section(report, fields, bad, directory)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.options |= _OPTIONS
    made.set_alpn_protocols(["http/1.1"])
    _versions(section, made)
    _suites(section, made)
    _curves(section, made)
    certificate, key = section.read("cert", "CERTIFICATE"), section.read("key", "PRIVATE KEY")
    if certificate is not None and key is not None:
        _load(section, made, certificate, key)
    _clients(section, made)
    return None if bad or len(report) > before else made


class _Section:
    """The fields, the faults found in them, and the files that they name."""

    def __init__(
        self, report: Report, fields: TlsFields, bad: frozenset[str], directory: FilePath
    ) -> None:
        self.fields = fields
        self._report = report
        self._bad = bad
        self._directory = directory

    def fault(self, name: str, message: str, *others: str) -> None:
        """Note a fault of the key `name`, which `others` have a part in."""
        if self._bad.isdisjoint((name, *others)):
            self._report.add((_SECTION, name), message)

    def read(self, name: str, what: str) -> _Pem | None:
        """Return what `name` or `name_file` says; None, with a fault noted, if it is no `what`."""
        text: str | None = getattr(self.fields, name)
        file: str | None = getattr(self.fields, f"{name}_file")
        key = name if file is None else f"{name}_file"
        if text is not None and file is not None:
            self.fault(key, f"{name} stands here too; give one of them")
        elif text is not None:
            return self._checked(_Pem(text.encode(), key), what)
        elif file is not None:
            data = self._bytes_of(key, os.path.join(self._directory, file))
            return None if data is None else self._checked(_Pem(data, key), what)
        else:
            self.fault(name, f"{name} or {name}_file is missing", f"{name}_file")
        return None

    def _bytes_of(self, key: str, path: str) -> bytes | None:
        try:
            data = read_file(path, _MOST_BYTES + 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self.fault(key, f"{shown(path, 4096)} cannot be read: {shown(reason)}")
            return None
        if len(data) > _MOST_BYTES:
            self.fault(key, f"{shown(path, 4096)} is larger than 1 MiB")
            return None
        return data

    def _checked(self, pem: _Pem, what: str) -> _Pem | None:
        if b"ENCRYPTED" in pem.data:
            self.fault(pem.key, "a passphrase protects the key; only keys without one can be used")
        elif f"{what}-----".encode() not in pem.data:
            self.fault(pem.key, f"there is no {what.lower()} in PEM form in it")
        else:
            return pem
        return None


def _versions(section: _Section, made: ssl.SSLContext) -> None:
    fields = section.fields
    low, high = gonames.VERSIONS[fields.min_version], gonames.VERSIONS[fields.max_version]
    if low > high:
        words = f"it is above max_version, {fields.max_version}"
        section.fault("min_version", words, "max_version")
        return
    made.minimum_version, made.maximum_version = low, high


def _suites(section: _Section, made: ssl.SSLContext) -> None:
    fields = section.fields
    if not fields.prefer_server_cipher_suites:
        made.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    if not fields.cipher_suites:
        return
    chosen = [gonames.SUITES[name] for name in fields.cipher_suites if name in gonames.SUITES]
    if chosen:
        made.set_ciphers(":".join(chosen))
    elif fields.max_version == "TLS12":
        words = "all of them are of TLS 1.3, but max_version is TLS12"
        section.fault("cipher_suites", words, "max_version")
    else:
        made.minimum_version = ssl.TLSVersion.TLSv1_3


def _curves(section: _Section, made: ssl.SSLContext) -> None:
    names = section.fields.curve_preferences or ()
    curves = [gonames.CURVES[name] for name in names]
    set_groups = getattr(made, "set_groups", None)
    try:
        if curves and set_groups is not None:
            set_groups(":".join(curves))
        elif len(curves) == 1:
            made.set_ecdh_curve(curves[0])
        elif curves:
            words = "Python before 3.15 sets one curve only; name one, or none for OpenSSL's choice"
            section.fault("curve_preferences", words)
    except (ssl.SSLError, ValueError):
        words = f"this Python cannot set {', '.join(names)}; leave the choice to OpenSSL"
        section.fault("curve_preferences", words)


def _clients(section: _Section, made: ssl.SSLContext) -> None:
    fields = section.fields
    mode = gonames.CLIENT_AUTH[fields.client_auth_type]
    if fields.client_allowed_sans and mode is not ssl.CERT_REQUIRED:
        words = "it needs client_auth_type RequireAndVerifyClientCert"
        section.fault("client_allowed_sans", words, "client_auth_type")
    if mode is ssl.CERT_NONE:
        if fields.client_ca is not None or fields.client_ca_file is not None:
            words = "NoClientCert asks for no certificate, but there is a client_ca"
            section.fault("client_auth_type", words)
        return
    authority = section.read("client_ca", "CERTIFICATE")
    if authority is None:
        return
    try:
        made.load_verify_locations(cadata=authority.data.decode("ascii", "replace"))
    except (ssl.SSLError, ValueError) as error:
        section.fault(authority.key, f"OpenSSL takes no certificate from it: {_reason(error)}")
    made.verify_mode = mode
    # As in Go, whoever is named here is trusted, also one whom another authority signed.
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN


def _load(section: _Section, made: ssl.SSLContext, certificate: _Pem, key: _Pem) -> None:
    try:
        with _as_file(certificate.data) as chain, _as_file(key.data) as private:
            made.load_cert_chain(chain, private, password=lambda: "")
    except (ssl.SSLError, ValueError) as error:
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            section.fault(key.key, "the key is not that of the certificate")
        else:
            section.fault(certificate.key, f"OpenSSL cannot use it with its key: {_reason(error)}")


def _reason(error: Exception) -> str:
    return shown(str(getattr(error, "reason", None) or error)).lower().replace("_", " ")


@contextmanager
def _as_file(data: bytes) -> Iterator[str]:
    """OpenSSL reads files only; this one is in memory where the system can have such."""
    if hasattr(os, "memfd_create"):
        with open(os.memfd_create("pem"), "wb", buffering=0) as file:
            file.write(data)
            yield f"/proc/self/fd/{file.fileno()}"
        return
    with tempfile.TemporaryDirectory() as directory:
        path = FilePath(directory, "pem")
        path.touch(mode=0o600)
        path.write_bytes(data)
        yield str(path)
