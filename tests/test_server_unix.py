"""Listening on socket files, and leaving none behind."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from exporter.server import ListenError, Running, bind
from exporter.server.address import UnixAddress
from tests.listening import healthy, refused, serve


def test_a_socket_file_is_served_and_removed(tmp_path: Path) -> None:
    """It is there while the server runs, and gone afterwards."""
    path = tmp_path / "s"

    async def use(server: Running) -> None:
        assert server.addresses == (f"unix:{path}",)
        assert path.is_socket()
        assert await healthy(server.addresses[0])

    serve([f"unix:{path}"], use)
    assert not path.exists()


def test_a_stale_socket_file_is_replaced(tmp_path: Path) -> None:
    """A process died and left its file: nobody listens, so it is ours."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert path.is_socket()

    async def use(server: Running) -> None:
        assert await healthy(server.addresses[0])

    serve([f"unix:{path}"], use)


@pytest.mark.parametrize("backlog", [8, 0], ids=["free", "full"])
def test_a_socket_file_in_use_is_left_alone(tmp_path: Path, backlog: int) -> None:
    """Another daemon listens there, even if it is too busy to take a connection."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as other, socket.socket(socket.AF_UNIX) as waiting:
        other.bind(str(path))
        other.listen(backlog)
        waiting.connect(str(path))
        assert "another socket already listens there" in refused([f"unix:{path}"])
        assert path.is_socket()


def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    """Somebody's file is in the way; it is not ours to delete."""
    path = tmp_path / "s"
    path.write_text("precious")
    assert "a file that is no socket is in the way" in refused([f"unix:{path}"])
    assert path.read_text() == "precious"


@pytest.mark.parametrize(
    ("name", "why"),
    [("none/s", "the directory does not exist"), ("x" * 200, "AF_UNIX path too long")],
)
def test_a_path_that_cannot_be_is_refused(tmp_path: Path, name: str, why: str) -> None:
    """With the reason."""
    assert why in refused([f"unix:{tmp_path}/{name}"])


def test_a_successors_socket_file_is_left_alone(tmp_path: Path) -> None:
    """While this server stops, another has put its own file into place: that one stays."""
    path = tmp_path / "s"

    async def use(server: Running) -> None:
        path.unlink()
        path.write_text("the successor's")

    serve([f"unix:{path}"], use)
    assert path.read_text() == "the successor's"


def test_a_socket_file_that_is_gone_already_is_no_fault(tmp_path: Path) -> None:
    """Somebody cleaned up behind our back; the server stops as usual."""
    path = tmp_path / "s"

    async def use(server: Running) -> None:
        path.unlink()

    serve([f"unix:{path}"], use)
    assert not path.exists()


def test_a_system_without_unix_sockets_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Python on Windows."""
    monkeypatch.delattr(socket, "AF_UNIX")
    with pytest.raises(ListenError, match="no unix sockets"):
        bind._bind_unix(UnixAddress("unix:/x", "/x"))
