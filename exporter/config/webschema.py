"""The web configuration as models, in the format of exporter-toolkit."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from exporter.config import rules, webrules
from exporter.config.strict import Strict

MIN_VERSION: Final = "TLS12"
MAX_VERSION: Final = "TLS13"


def _key(default: Any, description: str) -> Any:
    return Field(default, description=description)


class TlsFields(Strict):
    """TLS, with or without client certificates. Without this section the server speaks HTTP."""

    cert: Annotated[str | None, webrules.PEM] = _key(None, "The certificate with its chain, here.")
    cert_file: Annotated[str | None, rules.FILE] = _key(
        None, "The file of the certificate, relative to this one."
    )
    key: Annotated[str | None, webrules.SECRET_PEM] = _key(None, "Its private key, here.")
    key_file: Annotated[str | None, rules.FILE] = _key(
        None, "The file of the private key, which no passphrase may protect."
    )
    client_auth_type: Annotated[str, webrules.CLIENT_AUTH] = _key(
        "NoClientCert", "Whether a client must show a certificate that a `client_ca` signed."
    )
    client_ca: Annotated[str | None, webrules.PEM] = _key(
        None, "The certificates of those who sign client certificates, here."
    )
    client_ca_file: Annotated[str | None, rules.FILE] = _key(None, "Or the file that has them.")
    client_allowed_sans: list[Annotated[str, webrules.SAN]] | None = _key(
        None,
        "Alternative names, one of which a client certificate must have; else 403. Needs "
        "`RequireAndVerifyClientCert`.",
    )
    min_version: Annotated[str, webrules.VERSION] = _key(MIN_VERSION, "Oldest version to speak.")
    max_version: Annotated[str, webrules.VERSION] = _key(MAX_VERSION, "Newest version to speak.")
    cipher_suites: list[Annotated[str, webrules.SUITE]] | None = _key(
        None, "Suites of TLS 1.2 in order of preference; those of TLS 1.3 are always on."
    )
    prefer_server_cipher_suites: bool = _key(
        True, "Whether our order of suites counts, or else the client's."
    )
    curve_preferences: list[Annotated[str, webrules.CURVE]] | None = _key(
        None, "The curve of the key exchange. Python before 3.15 takes one at most."
    )


class HttpFields(Strict):
    """How to speak HTTP."""

    http2: bool = _key(True, "Taken for compatibility, and logged: the server speaks HTTP/1.1.")
    headers: dict[Annotated[str, webrules.HEADER], Annotated[str, webrules.HEADER_VALUE]] | None = (
        _key(None, "Headers of every answer instead of our own; an empty one is not sent.")
    )


class RateFields(Strict):
    """A bucket that holds `burst` requests and gains one each `interval`; else 429."""

    interval: Annotated[float, webrules.INTERVAL] = _key(
        0.0, "Time in which one more request is allowed."
    )
    burst: Annotated[int | None, rules.whole(0, 1_000_000)] = _key(
        None, "Requests that may come at once; at least 1 where `interval` is set."
    )


Users = dict[Annotated[str, webrules.USER], Annotated[str, webrules.BCRYPT]]


class WebDocument(Strict):
    """The web configuration of ftr-exporter (`--web.config.file`)."""

    tls_server_config: TlsFields | None = _key(None, "TLS.")
    http_server_config: HttpFields | None = _key(None, "HTTP.")
    basic_auth_users: Users | None = _key(None, "Names with the bcrypt hashes of their passwords.")
    rate_limit: RateFields | None = _key(None, "Bound on requests, over all clients.")
