"""Listen addresses as text."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.server import ListenError
from exporter.server.address import TcpAddress, UnixAddress, explain, parse_address


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        (":10334", TcpAddress(":10334", "", 10334)),
        ("127.0.0.1:0", TcpAddress("127.0.0.1:0", "127.0.0.1", 0)),
        ("[::1]:9100", TcpAddress("[::1]:9100", "::1", 9100)),
        ("[fe80::1%eth0]:9100", TcpAddress("[fe80::1%eth0]:9100", "fe80::1%eth0", 9100)),
        ("localhost:65535", TcpAddress("localhost:65535", "localhost", 65535)),
        ("unix:/run/ftr.sock", UnixAddress("unix:/run/ftr.sock", "/run/ftr.sock")),
        ("unix:a:b", UnixAddress("unix:a:b", "a:b")),
    ],
)
def test_every_documented_form_is_understood(text: str, parsed: object) -> None:
    """As the official exporters write them."""
    assert parse_address(text) == parsed


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "use :PORT"),
        ("9100", "use :PORT"),
        ("localhost", "use :PORT"),
        ("localhost:http", "use :PORT"),
        ("localhost:-1", "use :PORT"),
        ("::1:9100", "use :PORT"),
        ("[::1]", "use :PORT"),
        ("[localhost]:1", "use :PORT"),
        ("http://localhost:9100", "use :PORT"),
        ("localhost:9100/metrics", "use :PORT"),
        (" :9100", "use :PORT"),
        (":9100\n", "use :PORT"),
        (":٣٣٣", "use :PORT"),
        (":65536", "from 0 to 65535"),
        ("unix:", "a path must follow"),
        ("unix:/a\0b", "a path must follow"),
    ],
)
def test_anything_else_is_refused_with_the_forms_there_are(text: str, why: str) -> None:
    """The message names the address, so that one of several flags can be found."""
    with pytest.raises(ListenError) as caught:
        parse_address(text)
    assert why in str(caught.value)
    assert f"cannot listen on {text}:" in str(caught.value)
    assert caught.value.address == text


@given(st.text())
def test_no_text_is_too_strange(text: str) -> None:
    """It is an address or a `ListenError`, and both remember what was written."""
    try:
        remembered = parse_address(text).text
    except ListenError as error:
        remembered = error.address
    assert remembered == text


def test_reasons_are_explained() -> None:
    """What the kernel says in numbers, an operator reads in words, with the remedy."""
    assert "CAP_NET_BIND_SERVICE" in explain(OSError(errno.EACCES, "x"), port=80)
    assert explain(OSError(errno.EACCES, "x"), port=8080) == "permission denied"
    assert explain(OSError(errno.EACCES, "x")) == "permission denied"
    assert explain(OSError(errno.ENOTDIR, "Not a directory")) == "Not a directory"
    assert explain(OSError("AF_UNIX path too long")) == "AF_UNIX path too long"
