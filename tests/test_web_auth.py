"""Passwords, rate limit and headers of the web configuration, on the real server."""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path

import pytest

from exporter.config.web import RateLimit
from exporter.server.bucket import Bucket
from exporter.server.passwords import MOST_WAITING, Passwords, TooManyLogins, parse_basic
from tests.guarding import Site, basic, guarded, hashed

SLOW = 11
"""A cost at which one check takes some 0.15 s."""


def users(**passwords: str) -> str:
    """A web configuration with these users."""
    lines = (f"  {name}: {text}\n" for name, text in passwords.items())
    return "basic_auth_users:\n" + "".join(lines)


def test_a_password_opens_everything(tmp_path: Path) -> None:
    """Right, wrong, unknown, empty and missing credentials came; only the right ones got in."""

    async def main() -> None:
        async with guarded(tmp_path / "web.yml", users(anna=hashed("schön: ja"))) as site:
            assert await site.status(login="anna:schön: ja") == 200
            for wrong in ("anna:schön", "anna:", "berta:schön: ja", ":", "Anna:schön: ja", None):
                assert await site.status(login=wrong) == 401
            for path in ("/metrics", "/", "/api/v1/targets", "/nowhere"):
                status, headers, text = await site.get(path)
                assert (status, text) == (401, "401: unauthorized\n")
                assert 'Basic realm="ftr-exporter"' in headers["WWW-Authenticate"]
                assert headers["X-Content-Type-Options"] == "nosniff"
            assert (await site.get("/nowhere", authorization=basic("anna:schön: ja")))[0] == 404

    asyncio.run(main())


@pytest.mark.parametrize("header", ["", "Basic", "Basic !", "Basic YQ==", "Bearer YTpi", "Basic é"])
def test_headers_that_are_no_credentials(header: str) -> None:
    """Something else was sent: it is nobody's password."""
    assert parse_basic(header) is None


def test_old_clients_that_send_latin_1() -> None:
    """The name was encoded before UTF-8 was agreed on."""
    assert parse_basic("basic  5Dp4 ") == ("ä", b"x")


def test_long_passwords_count_up_to_72_bytes(tmp_path: Path) -> None:
    """bcrypt sees no more; a longer password is compared as every other program does it."""
    password = "p" * 72

    async def main() -> None:
        async with guarded(tmp_path / "web.yml", users(anna=hashed(password))) as site:
            assert await site.status(login=f"anna:{password}") == 200
            assert await site.status(login=f"anna:{password}more") == 200
            assert await site.status(login=f"anna:{password[:-1]}") == 401
            assert await site.status(login="anna:" + "x" * 3000) == 401

    asyncio.run(main())


def test_brute_force_holds_up_no_scrape(tmp_path: Path) -> None:
    """Twenty wrong guesses were being checked, some seconds of work: a scrape takes none of it."""

    async def main() -> None:
        async with guarded(tmp_path / "web.yml", users(anna=hashed("right", SLOW))) as site:
            assert await site.status(login="anna:right") == 200
            begun = time.monotonic()
            logins = [f"anna:wrong{number}" for number in range(20)]
            guesses = [asyncio.create_task(site.status(login=login)) for login in logins]
            await asyncio.wait(guesses, return_when=asyncio.FIRST_COMPLETED)
            times = [await timed(site, "anna:right") for _ in range(5)]
            assert not all(guess.done() for guess in guesses)
            assert await asyncio.gather(*guesses) == [401] * 20
            whole = time.monotonic() - begun
            assert whole > 0.5
            assert statistics.median(times) < whole / 5

    asyncio.run(main())


def test_results_are_remembered(tmp_path: Path) -> None:
    """The same credentials came again, right ones and wrong ones: the second time costs nothing."""

    async def main() -> None:
        async with guarded(tmp_path / "web.yml", users(anna=hashed("right", SLOW))) as site:
            for login in ("anna:right", "anna:wrong", "berta:x"):
                first = await timed(site, login)
                assert min([await timed(site, login) for _ in range(3)]) < first / 3

    asyncio.run(main())


def test_unknown_users_take_as_long_as_known_ones(tmp_path: Path) -> None:
    """Wrong passwords for a known name and for unknown names: the times tell them not apart."""

    async def main() -> None:
        async with guarded(tmp_path / "web.yml", users(anna=hashed("right", SLOW))) as site:
            await timed(site, "warm:up")
            known = [await timed(site, f"anna:{number}") for number in range(7)]
            unknown = [await timed(site, f"nobody{number}:x") for number in range(7)]
            ratio = statistics.median(unknown) / statistics.median(known)
            assert 0.5 < ratio < 2

    asyncio.run(main())


def test_the_same_login_many_times_at_once_is_checked_once() -> None:
    """A browser sends six requests with a new password: one check serves them all."""
    made = hashed("right", SLOW).encode()

    async def main() -> None:
        passwords = Passwords()
        begun = time.monotonic()
        assert await passwords.admit({"anna": made}, basic("anna:right"))
        one = time.monotonic() - begun
        passwords.close()
        passwords = Passwords()
        begun = time.monotonic()
        asked = [passwords.admit({"anna": made}, basic("anna:right")) for _ in range(30)]
        assert all(await asyncio.gather(*asked))
        assert time.monotonic() - begun < one * 10
        passwords.close()

    asyncio.run(main())


def test_too_many_logins_at_once_are_turned_away(tmp_path: Path) -> None:
    """More guesses came than shall wait: the rest get 503, and later the right one gets in."""

    async def main() -> None:
        async with guarded(tmp_path / "web.yml", users(anna=hashed("right", 8))) as site:
            logins = (f"anna:{number}" for number in range(MOST_WAITING + 40))
            found = await asyncio.gather(*(site.status(login=login) for login in logins))
            assert set(found) == {401, 503}
            assert await site.status(login="anna:right") == 200

    asyncio.run(main())


def test_a_client_that_goes_away_takes_no_result_with_it() -> None:
    """Two asked with the same credentials; one was cancelled, the other got its answer."""
    made = hashed("right", SLOW).encode()

    async def main() -> None:
        passwords = Passwords()
        tasks = [
            asyncio.create_task(passwords.admit({"a": made}, basic("a:right"))) for _ in range(2)
        ]
        await asyncio.sleep(0)
        tasks[0].cancel()
        assert await tasks[1]
        passwords.close()

    asyncio.run(main())


def test_what_waits_is_bounded_and_forgotten_at_the_end() -> None:
    """The server stopped while guesses waited: nothing is left, nobody is let in."""
    made = hashed("right", SLOW).encode()

    async def main() -> None:
        passwords = Passwords()
        tasks = [
            asyncio.create_task(passwords.admit({"a": made}, basic(f"a:{number}")))
            for number in range(MOST_WAITING)
        ]
        await asyncio.sleep(0)
        with pytest.raises(TooManyLogins):
            await passwords.admit({"a": made}, basic("a:one more"))
        passwords.close()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert True not in ended
        assert sum(isinstance(each, asyncio.CancelledError) for each in ended) >= MOST_WAITING - 2

    asyncio.run(main())


def test_a_bucket_holds_its_burst_and_fills_slowly() -> None:
    """Three at once, then one each two seconds, and never more than three."""
    now = 100.0
    bucket = Bucket(RateLimit(2.0, 3), lambda: now)
    assert [bucket.take() for _ in range(4)] == [0.0, 0.0, 0.0, 2.0]
    now += 1.5
    assert bucket.take() == pytest.approx(0.5)
    now += 0.5
    assert [bucket.take(), bucket.take()] == [0.0, 2.0]
    now += 1000
    assert [bucket.take() for _ in range(4)] == [0.0, 0.0, 0.0, 2.0]


def test_too_many_requests_are_refused(tmp_path: Path) -> None:
    """Two were allowed, five came, before any password was looked at."""
    text = "rate_limit: {interval: 1h, burst: 2}\n" + users(anna=hashed("x"))

    async def main() -> None:
        async with guarded(tmp_path / "web.yml", text) as site:
            found = [await site.status(login="anna:x") for _ in range(5)]
            assert found == [200, 200, 429, 429, 429]
            _, headers, refusal = await site.get()
            assert refusal == "429: too many requests\n"
            assert 3500 < int(headers["Retry-After"]) <= 3600

    asyncio.run(main())


def test_headers(tmp_path: Path) -> None:
    """One was set, one was emptied, the others are ours, on answers of every kind."""
    text = (
        "http_server_config:\n  headers:\n    Strict-Transport-Security: max-age=3600\n"
        '    X-Frame-Options: ""\n    Content-Security-Policy: sandbox\n'
    )

    async def main() -> None:
        async with guarded(tmp_path / "web.yml", text) as site:
            for path in ("/", "/metrics", "/nowhere"):
                headers = (await site.get(path))[1]
                assert headers["Strict-Transport-Security"] == "max-age=3600"
                assert headers["Content-Security-Policy"] == "sandbox"
                assert headers["X-Content-Type-Options"] == "nosniff"
                assert "X-Frame-Options" not in headers

    asyncio.run(main())


async def timed(site: Site, login: str) -> float:
    """Seconds that one request takes."""
    begun = time.monotonic()
    await site.status(login=login)
    return time.monotonic() - begun
