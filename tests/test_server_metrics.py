"""Scrapes and health checks, over real connections."""

from __future__ import annotations

import gzip
import platform
import sys
import zlib
from types import ModuleType

import pytest

from exporter.server import compression, make_app
from exporter.server.app import TelemetryPathError
from tests.asking import (
    OPENMETRICS,
    TEXT,
    WEB,
    ask,
    big_chunks,
)
from tests.serving import REACHED, World, state


def test_a_plain_scrape_gets_text() -> None:
    """The chunks, joined, with a length; nothing asked for means everything."""
    world = World()
    got = ask(world, "/metrics")
    assert (got.status, got.body) == (200, b"".join(world.chunks))
    assert got.headers["Content-Type"] == TEXT
    assert got.headers["Content-Length"] == str(len(got.body))
    assert got.headers["Vary"] == "Accept, Accept-Encoding"
    assert "Content-Encoding" not in got.headers
    assert world.asked == [(None, None, False)]


def test_openmetrics_is_negotiated() -> None:
    """Asked for by name, it is asked of the source, too."""
    world = World()
    got = ask(world, "/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"})
    assert got.headers["Content-Type"] == OPENMETRICS
    assert world.asked == [(None, None, True)]


def test_targets_and_names_can_be_chosen() -> None:
    """Both may be given several times; escapes are undone; what is unknown is ignored."""
    world = World()
    query = "target=a%2Fb&target=%C3%A4&name[]=ftr_path_hops&name%5B%5D=x&target=a%2Fb&other=1"
    ask(world, f"/metrics?{query}")
    assert world.asked == [(["a/b", "ä"], ["ftr_path_hops", "x"], False)]


def test_a_small_body_is_compressed() -> None:
    """With gzip accepted, the length is that of the compressed body."""
    world = World(chunks=[b"ftr_path_hops 7\n"] * 100)
    got = ask(world, "/metrics", headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(got.body) == b"".join(world.chunks)
    assert got.headers["Content-Encoding"] == "gzip"
    assert int(got.headers["Content-Length"]) == len(got.body) < 200


@pytest.mark.parametrize("library", dict.fromkeys([zlib, compression.library]))
@pytest.mark.parametrize("chunks", [[b"ftr_path_hops 7\n"] * 100, big_chunks()])
def test_every_library_compresses_well(
    library: ModuleType, chunks: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which one is there makes no difference to a client, nor much to the size."""
    monkeypatch.setattr(compression, "library", library)
    got = ask(World(chunks=chunks), "/metrics", headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(got.body) == b"".join(chunks)
    assert len(got.body) < 1.2 * len(zlib.compress(b"".join(chunks), 1)) + 50


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"),
    reason="there is no wheel of isal for this system in the lock",
)
def test_the_quicker_library_is_used() -> None:
    """All installations for Linux on the usual processors have it."""
    assert compression.library.__name__ == "isal.isal_zlib"


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_a_large_body_is_streamed_unharmed(encoding: str) -> None:
    """3 MB in pieces of all sizes arrive byte for byte."""
    world = World(chunks=big_chunks())
    got = ask(world, "/metrics", headers={"Accept-Encoding": encoding})
    whole = gzip.decompress(got.body) if encoding == "gzip" else got.body
    assert whole == b"".join(world.chunks)
    assert got.headers["Transfer-Encoding"] == "chunked"


def test_an_empty_exposition_is_an_answer() -> None:
    """No target matched: 200 and nothing."""
    got = ask(World(chunks=[]), "/metrics?target=gone")
    assert (got.status, got.body) == (200, b"")


@pytest.mark.parametrize("chunks", [[b"x 1\n"], big_chunks()], ids=["small", "large"])
@pytest.mark.parametrize("path", ["/metrics", "/", "/api/v1/targets", "/-/healthy"])
def test_head_is_get_without_a_body(path: str, chunks: list[bytes]) -> None:
    """The same status and type, and not one byte."""
    world = World([state(WEB, REACHED)], chunks=chunks)
    head = ask(world, path, method="HEAD")
    get = ask(world, path)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Type"] == get.headers["Content-Type"]
    # What took longer than 2 ms to make is streamed without a length: on a busy machine, either.
    lengths = {each.headers.get("Content-Length") for each in (head, get)} - {None}
    assert len(lengths) <= 1


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", ["/metrics", "/", "/api/v1/targets", "/-/healthy", "/targets/web"])
def test_nothing_can_be_changed(path: str, method: str) -> None:
    """Only GET and HEAD are allowed, and the answer says so."""
    got = ask(World(), path, method=method)
    assert got.status == 405
    assert got.headers["Allow"] == "GET,HEAD"


@pytest.mark.parametrize("path", ["/m", "/-/my.metrics~1", "/"])
def test_the_telemetry_path_can_be_chosen(path: str) -> None:
    """Metrics are there and nowhere else; at `/` they take the place of the page."""
    world = World()
    assert ask(world, path, telemetry_path=path).body == b"".join(world.chunks)
    assert ask(world, "/metrics", telemetry_path=path).status == 404


@pytest.mark.parametrize("path", ["", "metrics", "/{name}", "/a b", "/ä", "/a?b", "/a#b", "/%41"])
def test_a_telemetry_path_that_cannot_be_is_refused(path: str) -> None:
    """Before anything listens, with the path in the message."""
    with pytest.raises(TelemetryPathError, match="telemetry path"):
        make_app(World(), telemetry_path=path)


def test_health_and_readiness() -> None:
    """Healthy always; ready only when the source says so."""
    assert ask(World(ready=False), "/-/healthy").body == b"Healthy\n"
    assert ask(World(ready=True), "/-/ready").status == 200
    waiting = ask(World(ready=False), "/-/ready")
    assert (waiting.status, waiting.body) == (503, b"Not ready\n")
