"""The web configuration changes while the server runs: what is good counts at once."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import pytest

from exporter.errors import ConfigError
from exporter.server.guard import Guard
from exporter.server.webfile import RETRY, WebFile
from tests.certificates import authority, signed
from tests.guarding import guarded, hashed


def users(name: str) -> str:
    """A web configuration with one user whose password is x."""
    return f"basic_auth_users: {{{name}: {hashed('x')}}}\n"


def test_users_come_and_go_without_a_restart(tmp_path: Path) -> None:
    """The file was replaced, emptied, removed and put back; each time it is clear who gets in."""
    file = tmp_path / "web.yml"

    def put(text: str) -> None:
        fresh = tmp_path / "fresh.yml"
        fresh.write_text(text)
        fresh.replace(file)

    async def main() -> None:
        async with guarded(file, users("anna")) as site:
            assert await site.status(login="anna:x") == 200
            put(users("berta"))
            assert await site.status(login="anna:x") == 401
            assert await site.status(login="berta:x") == 200
            for broken in ("", "basic_auth_users: {berta: x}\n", "}"):
                put(broken)
                assert await site.status() == 401, "a broken file opens nothing"
                assert await site.status(login="berta:x") == 200
            file.unlink()
            assert await site.status(login="berta:x") == 200
            put("{}")
            assert await site.status() == 200

    asyncio.run(main())


def test_a_broken_file_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It stayed broken through many requests: each fault is logged once, and the cure too."""
    file = tmp_path / "web.yml"
    file.write_text("{}")
    now = 0.0
    web = WebFile(str(file), lambda: now)
    caplog.set_level(logging.INFO)
    file.write_text("rate_limit: 5\nwhat: 1\n")
    for _ in range(5):
        web.current()
        now += 2 * RETRY
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2
    assert f"the one before stays in use: {file}:1: rate_limit: found 5" in messages[0]
    file.write_text("rate_limit: {interval: 1s, burst: 1}")
    assert web.current().rate is not None
    assert caplog.records[-1].getMessage() == f"web configuration: read again: {file}"


def test_what_was_missing_comes_later(tmp_path: Path) -> None:
    """The file named a certificate that came after it: it is used once it is there."""
    ca = authority(tmp_path)
    first = signed(tmp_path, "first", ca, "IP:127.0.0.1")
    file = tmp_path / "web.yml"
    file.write_text(
        f"tls_server_config: {{cert_file: {first.certificate}, key_file: {first.key}}}\n"
    )
    now = 0.0
    web = WebFile(str(file), lambda: now)
    before = web.current().tls
    file.write_text("tls_server_config: {cert_file: second.pem, key_file: second.key}\n")
    assert web.current().tls is before
    signed(tmp_path, "second", ca, "IP:127.0.0.1")
    assert web.current().tls is before, "it is not looked at all the time"
    now += RETRY
    assert web.current().tls is not before


def test_tls_is_switched_on_by_a_restart_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The new file had TLS, the sockets had not: the old one stays, and the log says why."""
    pair = authority(tmp_path)
    file = tmp_path / "web.yml"
    file.write_text("{}")
    web = WebFile(str(file))
    file.write_text(
        f"tls_server_config: {{cert_file: {pair.certificate}, key_file: {pair.key}}}\n"
        "rate_limit: {interval: 1s, burst: 1}\n"
    )
    assert web.current().rate is None
    assert "TLS is switched on or off by a restart only" in caplog.text


def test_nothing_is_read_while_nothing_changes(tmp_path: Path) -> None:
    """A thousand requests came and the file stayed: the configuration is the same object."""
    file = tmp_path / "web.yml"
    file.write_text(users("anna"))
    web = WebFile(str(file))
    first = web.current()
    assert all(web.current() is first for _ in range(1000))
    os.utime(file, (1, 1))
    assert web.current() is not first


def test_a_rate_limit_follows_the_file(tmp_path: Path) -> None:
    """It was tight, then gone, then tight again with a full bucket."""
    file = tmp_path / "web.yml"
    tight = "rate_limit: {interval: 1h, burst: 1}\n"

    async def main() -> None:
        async with guarded(file, tight) as site:
            assert [await site.status() for _ in range(2)] == [200, 429]
            await asyncio.to_thread(file.write_text, "{}")
            assert [await site.status() for _ in range(2)] == [200, 200]

    asyncio.run(main())


def test_a_bad_file_at_the_start_is_refused(tmp_path: Path) -> None:
    """There is none before it that could stay in use."""
    with pytest.raises(ConfigError, match="there is no such file"):
        WebFile(str(tmp_path / "none.yml"))


def test_http_2_is_said_to_be_absent(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The file asked for it by name: it is served over HTTP/1.1, and the log says so."""
    file = tmp_path / "web.yml"
    file.write_text("http_server_config: {http2: true}")
    Guard(WebFile(str(file)))
    assert "http2 is not supported" in caplog.text
