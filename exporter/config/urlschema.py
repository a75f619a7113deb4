"""URLs that list targets as models: where to ask, and as whom."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from exporter import settings
from exporter.config import rules
from exporter.config.strict import Strict, key

_URL: Final = settings.UrlSource("")


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

    ca_file: Annotated[str | None, rules.FILE] = key(
        None, "Certificates to trust, in PEM form. Left out: the system's.", "ca.pem"
    )
    cert_file: Annotated[str | None, rules.FILE] = key(
        None, "Client certificate to show, in PEM form.", "client.pem"
    )
    key_file: Annotated[str | None, rules.FILE] = key(
        None, "Its key. Left out: the key is in `cert_file`.", "client.key"
    )


class UrlFields(Strict):
    """A Prometheus http_sd endpoint that lists targets."""

    url: Annotated[str, rules.URL] = Field(
        description="Where the list is.", examples=["https://sd.example.net/targets"]
    )
    refresh_interval: Annotated[float, rules.duration(1, 86400)] = key(
        _URL.refresh_interval, "Time between two requests.", "5m"
    )
    basic_auth: BasicAuthFields | None = key(None, "Name and password to ask with.")
    authorization: AuthorizationFields | None = key(None, "Bearer token to ask with.")
    tls: TlsFields | None = key(None, "Certificates for an https URL.")
