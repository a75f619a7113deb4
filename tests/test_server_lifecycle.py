"""`/-/reload`: who may, what it answers, and that no other site's page can."""

from __future__ import annotations

import asyncio

import pytest

from exporter.errors import ConfigError, Fault
from tests.serving import World, serving


class Reloader:
    """Counts reloads; with an error, each fails by it."""

    def __init__(self, error: ConfigError | None = None) -> None:
        self.count = 0
        self._error = error

    async def __call__(self) -> str:
        self.count += 1
        if self._error is not None:
            raise self._error
        return "1 added"


def ask(
    reloader: Reloader | None, method: str = "POST", headers: dict[str, str] | None = None
) -> tuple[int, str]:
    """Status and body."""

    async def test() -> tuple[int, str]:
        async with (
            serving(World(), reload=reloader) as session,
            session.request(method, "/-/reload", headers=headers) as answer,
        ):
            return answer.status, await answer.text()

    return asyncio.run(test())


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_post_and_put_reload(method: str) -> None:
    """The configuration was loaded: 200, and what changed."""
    reloader = Reloader()
    assert ask(reloader, method) == (200, "reloaded: 1 added\n")
    assert reloader.count == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_other_methods_are_refused(method: str) -> None:
    """A link or a crawler asked: 405, and nothing happened."""
    reloader = Reloader()
    assert ask(reloader, method)[0] == 405
    assert reloader.count == 0


def test_without_the_flag_it_is_forbidden() -> None:
    """The operator did not switch it on: 403 that names the flag."""
    status, text = ask(None)
    assert status == 403
    assert "--web.enable-lifecycle" in text


def test_a_bad_file_is_told_in_full() -> None:
    """Two faults: 500 with both."""
    faults = (Fault("c.yaml", 3, "a", "one"), Fault("c.yaml", 7, "b", "two"))
    status, text = ask(Reloader(ConfigError(faults)))
    assert status == 500
    assert "c.yaml:3: a: one\nc.yaml:7: b: two" in text


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://exporter:10334"}, False),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://[", "Host": "exporter"}, False),
        ({"Origin": "http://exporter:1", "Host": "exporter:10334"}, False),
        ({"Origin": "http://Exporter:10334", "Host": "exporter:10334"}, True),
        ({"Referer": "http://evil.example/page"}, False),
        ({"Referer": "http://exporter:10334/targets/a", "Host": "exporter:10334"}, True),
        ({}, True),
    ],
)
def test_other_sites_pages_cannot_reload(headers: dict[str, str], allowed: bool) -> None:
    """A browser says for whose page it asks; curl says nothing."""
    reloader = Reloader()
    assert ask(reloader, headers=headers)[0] == (200 if allowed else 403)
    assert reloader.count == allowed
