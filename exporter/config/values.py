"""Reads the remaining kinds of text in a configuration. Raises `ValueError` with the reason."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import PurePath
from typing import Final
from urllib.parse import urlsplit

from exporter.config.durations import parse_duration
from exporter.config.hosts import text_of

LABEL_NAME: Final = "[a-zA-Z_][a-zA-Z0-9_]*"
RESERVED_LABELS: Final = frozenset(
    (
        *("address", "as_name", "as_path", "asn", "backend", "country", "destination", "family"),
        *("hop", "host", "hostname", "instance", "job", "le", "meaning", "mpls", "path_id"),
        *("prefix", "protocol", "quantile", "reason", "source", "target"),
    )
)
FILE_SUFFIXES: Final = (".json", ".yml", ".yaml")
_LABEL_NAME: Final = re.compile(LABEL_NAME)
_BYTES: Final = re.compile("(?:[0-9a-fA-F]{2})+")
LONGEST_PAYLOAD: Final = 1452
_LONGEST_NAME: Final = 255
_MOST_BUCKETS: Final = 100


def parse_name(value: object) -> str:
    """Return the name of a target, a module or a network interface.

    `.` and `..` are none: browsers take them out of an address (RFC 3986 section 5.2.4), however
    they are written, and Linux has no such interface.
    """
    name = text_of(value)
    if len(name) > _LONGEST_NAME:
        raise ValueError(f"a name has at most {_LONGEST_NAME} characters")
    if name in (".", ".."):
        raise ValueError("in the address of a page it means another page")
    return name


def parse_label_name(value: object) -> str:
    """Return the name of a label that Prometheus takes and that no series of ours carries."""
    name = text_of(value)
    if name.startswith("__"):
        raise ValueError("names that begin with __ are Prometheus's own")
    if name in RESERVED_LABELS:
        raise ValueError("ftr-exporter or Prometheus itself sets this label")
    if not _LABEL_NAME.fullmatch(name):
        raise ValueError("")
    return name


def parse_label_value(value: object) -> str:
    """Return the value of a label: text, also the empty one, without control characters."""
    if not isinstance(value, str):
        raise ValueError("")
    if value and not value.isprintable():
        raise ValueError("it holds control characters")
    return value


def parse_buckets(value: object) -> tuple[float, ...]:
    """Return the upper bounds of a histogram in seconds: positive, ascending, at most 100."""
    if not isinstance(value, list | tuple) or not 0 < len(value) <= _MOST_BUCKETS:
        raise ValueError("")
    bounds = tuple(_bound(bound) for bound in value)
    if any(low >= high for low, high in pairwise(bounds)):
        raise ValueError("each bound must be higher than the one before")
    return bounds


def _bound(value: object) -> float:
    seconds = parse_duration(value)
    if seconds == 0:
        raise ValueError("a bound of zero catches nothing")
    return seconds


def parse_payload(value: object) -> bytes:
    """Return the bytes that hexadecimal digits write out; they fit a packet of 1,500 bytes."""
    digits = text_of(value)
    if len(digits) > 2 * LONGEST_PAYLOAD:
        raise ValueError(f"a payload has at most {LONGEST_PAYLOAD} bytes")
    if not _BYTES.fullmatch(digits):
        raise ValueError("")
    return bytes.fromhex(digits)


def parse_file_pattern(value: object) -> str:
    """Return a glob whose files end as Prometheus wants them."""
    pattern = text_of(value)
    if not pattern.endswith(FILE_SUFFIXES):
        raise ValueError("its end is missing or another")
    if "*" in str(PurePath(pattern).parent):
        raise ValueError("* is possible in the last part of the path only")
    return pattern


def parse_url(value: object) -> str:
    """Return an http or https URL."""
    url = text_of(value)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(str(error)) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError("")
    if " " in url:
        raise ValueError("it holds a space")
    if "@" in parts.netloc:
        raise ValueError("name and password go into `basic_auth`")
    return url
