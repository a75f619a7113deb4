"""The factory's table: order, refusals in words, and what it costs to add a backend."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exporter.errors import ErrorReason, SocketUnavailable
from exporter.model import Family, Protocol
from exporter.sockets import table
from exporter.sockets.base import SocketRequest
from exporter.sockets.factory import open_probe_socket, survey
from exporter.sockets.table import CANDIDATES, Candidate, candidates
from tests.probing import Recorder, run

REQUEST = SocketRequest("127.0.0.1", Family.IPV4)
BACKEND = '''
"""A whole backend in one file; the name it was loaded by decides whether it opens."""
from exporter.errors import ErrorReason, SocketUnavailable
from exporter.model import Protocol

class PigeonSocket:
    backend, protocol = "pigeon", Protocol.TCP
    def __init__(self, request): self.request = request
    def send(self, probe): pass
    def close(self): pass

def open_pigeon(request, listener):
    return PigeonSocket(request)

def open_lame_pigeon(request, listener):
    raise SocketUnavailable(ErrorReason.PERMISSION, "the pigeon is lame", "rest the pigeon")

def open_lost_pigeon(request, listener):
    raise SocketUnavailable(ErrorReason.SOCKET, "the pigeon is lost")
'''


@pytest.fixture
def pigeons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A module that nobody has imported yet."""
    (tmp_path / "pigeons.py").write_text(BACKEND)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("pigeons", None)


def row(
    opener: str, protocol: Protocol = Protocol.TCP, platform: str = sys.platform, **more: Any
) -> Candidate:
    """One row of the table, for an opener of the file above."""
    return Candidate(
        opener.removeprefix("open_"), protocol, "pigeons", opener, platforms=(platform,), **more
    )


def rows(monkeypatch: pytest.MonkeyPatch, *found: Candidate) -> None:
    """Put this table in place of the real one."""
    monkeypatch.setattr(table, "CANDIDATES", found)


def test_auto_prefers_icmp_to_udp() -> None:
    """The order of the table is the order of choice, and a protocol narrows it down."""
    assert [c.backend for c in candidates(Protocol.AUTO, platform="linux")] == [
        "linux-icmp",
        "raw-icmp",
        "linux-udp",
    ]
    macos = candidates(Protocol.ICMP, platform="darwin")
    assert [c.backend for c in macos] == ["macos-icmp", "raw-icmp"]
    assert [c.backend for c in candidates(Protocol.ICMP, platform="freebsd14")] == ["raw-icmp"]
    assert [c.backend for c in candidates(Protocol.UDP, platform="linux")] == ["linux-udp"]
    assert candidates(Protocol.QUIC, platform="plan9") == ()


@pytest.mark.usefixtures("pigeons")
def test_backend_is_its_file_and_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """One row more, and the new protocol opens, is surveyed, and is one of `auto`'s choices."""
    others = [each for each in CANDIDATES if each.protocol is not Protocol.TCP]
    rows(monkeypatch, *others, row("open_pigeon"))
    request = SocketRequest("127.0.0.1", Family.IPV4, Protocol.TCP)
    assert open_probe_socket(request, Recorder()).backend == "pigeon"
    assert candidates(Protocol.AUTO)[-1].backend == "pigeon"

    async def test() -> None:
        found = [verdict for verdict in survey() if verdict.backend == "pigeon"]
        assert [verdict.family for verdict in found] == list(Family)
        assert all(verdict.refused is None for verdict in found)

    run(test())


@pytest.mark.usefixtures("pigeons")
def test_first_that_opens_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal, and a row for another platform, are passed over."""
    elsewhere = row("open_missing", platform="plan9")
    rows(monkeypatch, elsewhere, row("open_lame_pigeon"), row("open_pigeon"))
    assert open_probe_socket(REQUEST, Recorder()).backend == "pigeon"


@pytest.mark.usefixtures("pigeons")
def test_what_a_backend_cannot_honour_is_refused_and_not_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It says which option and why; without that option it opens."""
    rows(monkeypatch, row("open_pigeon", cannot=(("dscp", "a pigeon has no priorities"),)))
    assert open_probe_socket(REQUEST, Recorder()).backend == "pigeon"
    with pytest.raises(SocketUnavailable, match="cannot honour dscp: a pigeon has no priorities"):
        open_probe_socket(replace(REQUEST, dscp=46), Recorder())


def test_family_narrows_the_choice_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend for one family is no candidate for the other."""
    rows(monkeypatch, row("open_pigeon", families=(Family.IPV6,)))
    assert candidates(Protocol.TCP, Family.IPV4) == ()
    assert len(candidates(Protocol.TCP, Family.IPV6)) == len(candidates(Protocol.TCP)) == 1


@pytest.mark.usefixtures("pigeons")
def test_all_refused_names_each_with_its_reason_and_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator reads what was tried and what would help; the first reason is the label."""
    rows(monkeypatch, row("open_lame_pigeon"), row("open_lost_pigeon"))
    with pytest.raises(SocketUnavailable) as caught:
        open_probe_socket(REQUEST, Recorder())
    assert str(caught.value) == "lame_pigeon: the pigeon is lame; lost_pigeon: the pigeon is lost"
    assert caught.value.reason is ErrorReason.PERMISSION
    assert caught.value.remedy == "rest the pigeon"


def test_protocol_that_nobody_serves_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """No candidate at all is a reason of its own."""
    rows(monkeypatch)
    request = SocketRequest("127.0.0.1", Family.IPV4, Protocol.QUIC)
    with pytest.raises(SocketUnavailable, match=f"protocol quic on {sys.platform}") as caught:
        open_probe_socket(request, Recorder())
    assert caught.value.reason is ErrorReason.SOCKET


def test_backends_are_loaded_only_when_tried() -> None:
    """The factory alone loads no backend, so that one for another platform costs nothing here."""
    program = (
        "import sys, exporter.sockets.factory\n"
        "print([name for name in sys.modules if name.startswith('exporter.sockets.linux')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.skipif(sys.platform != "linux", reason="the backends of Linux")
def test_every_row_of_this_platform_opens_on_loopback_or_says_why() -> None:
    """The module and the opener of each row exist; a refusal has words."""

    async def test() -> None:
        verdicts = list(survey())
        here = [each for each in CANDIDATES if sys.platform.startswith(each.platforms)]
        assert len(verdicts) == sum(len(each.families) for each in here)
        for verdict in verdicts:
            assert verdict.refused is None or str(verdict.refused)

    run(test())
