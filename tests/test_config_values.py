"""Labels, names, buckets, file patterns and URLs."""

from __future__ import annotations

import math

import pytest

from exporter.config import values
from tests.config_texts import refusal


@pytest.mark.parametrize("name", ["site", "_a", "A9", "rack_row"])
def test_label_names_that_are_free(name: str) -> None:
    """A label had an ordinary name; it was taken."""
    assert values.parse_label_name(name) == name


@pytest.mark.parametrize("name", ["__a", "9a", "a-b", "", "a b", "é", "target", "le", "job", "a\n"])
def test_label_names_that_are_not(name: str) -> None:
    """A label had a name that Prometheus refuses or that somebody else sets; so did we."""
    assert refusal(values.parse_label_name, name) is not None


def test_label_values_are_text() -> None:
    """Label values came; text is taken, also none and long, the rest refused."""
    assert values.parse_label_value("") == ""
    assert values.parse_label_value("Zürich " * 50) == "Zürich " * 50
    for value in (5, None, True):
        assert refusal(values.parse_label_value, value) == ""
    assert "control" in (refusal(values.parse_label_value, "a\nb") or "")


def test_payloads_are_bytes_in_hexadecimal_digits() -> None:
    """Digits of both cases became bytes, up to what fits a packet; the rest was refused."""
    assert values.parse_payload("0d0aFFff") == b"\r\n\xff\xff"
    assert len(values.parse_payload("00" * values.LONGEST_PAYLOAD)) == values.LONGEST_PAYLOAD
    assert "at most" in (refusal(values.parse_payload, "00" * 1453) or "")
    for value in ("0", "0x00", "0d 0a", "gg", "", 12, None):
        assert refusal(values.parse_payload, value) is not None


def test_names_have_a_length() -> None:
    """A target had a name, then one of 256 characters; the second was refused."""
    assert values.parse_name("a b/c") == "a b/c"
    assert "at most 255" in (refusal(values.parse_name, "a" * 256) or "")


def test_buckets_ascend() -> None:
    """Buckets came in every unit; they are seconds, and ascend."""
    assert values.parse_buckets(["1ms", 0.01, "1s", 2]) == (0.001, 0.01, 1.0, 2.0)


@pytest.mark.parametrize(
    ("buckets", "reason"),
    [
        ([2, 1], "higher than the one before"),
        ([1, 1], "higher than the one before"),
        ([0, 1], "zero"),
        ([-1], "negative"),
        ([math.inf], "finite"),
        ([], ""),
        (list(range(1, 102)), ""),
        ("1s", ""),
        ([True], ""),
    ],
)
def test_other_buckets_are_refused(buckets: object, reason: str) -> None:
    """Buckets did not ascend, or were no durations; they were refused."""
    found = refusal(values.parse_buckets, buckets)
    assert found is not None
    assert reason in found


@pytest.mark.parametrize("pattern", ["a.json", "targets.d/*.yml", "/etc/ftr/*.yaml"])
def test_file_patterns(pattern: str) -> None:
    """Target files were named as Prometheus names them."""
    assert values.parse_file_pattern(pattern) == pattern


@pytest.mark.parametrize("pattern", ["a.txt", "*/a.yml", "a.yml/", ""])
def test_file_patterns_that_prometheus_refuses(pattern: str) -> None:
    """Target files had another end, or a star in a directory; they were refused."""
    assert refusal(values.parse_file_pattern, pattern)


@pytest.mark.parametrize("url", ["http://a", "https://sd.example.net:8443/x?y=1", "http://[::1]/"])
def test_urls(url: str) -> None:
    """URLs of target lists were given."""
    assert values.parse_url(url) == url


@pytest.mark.parametrize(
    "url", ["ftp://a", "a", "http://", "http://a:0", "http://a:99999", "http://[::1", "http://a b"]
)
def test_urls_that_are_none(url: str) -> None:
    """What came was no URL of a web server; it was refused."""
    assert refusal(values.parse_url, url) is not None
