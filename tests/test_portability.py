"""The package runs on every platform by asking what there is, not where it is."""

from __future__ import annotations

import ast
import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.daemon import service
from exporter.names.hosts import default_path
from tests.probing import run
from tests.test_layering import modules

ASKS = {("sys", "platform"), ("os", "name"), ("os", "uname")}
ASKS |= {("platform", name) for name in ("system", "machine", "platform", "uname", "release")}
ONE_PLATFORM = {"fcntl", "grp", "pwd", "resource", "termios", "winreg", "msvcrt", "_winapi"}
READERS = {"add_reader", "add_writer", "sock_sendto", "sock_recvfrom"}


def elsewhere() -> Iterator[tuple[str, Path]]:
    """Every module outside the one package that may know platforms."""
    for module, path in modules():
        if not module.startswith("exporter.sockets."):
            yield module, path


def questions(tree: ast.AST) -> Iterator[str]:
    """Where the code asks on which platform it is."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and (node.value.id, node.attr) in ASKS
        ):
            yield f"line {node.lineno}: {node.value.id}.{node.attr}"
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (node.module, alias.name) in ASKS:
                    yield f"line {node.lineno}: {node.module}.{alias.name}"


def test_the_search_finds_what_it_looks_for() -> None:
    """Each form of the question is seen, and other uses of the same modules are not."""
    text = "import sys\nfrom os import name\nif sys.platform == 'x': sys.exit(platform.system())"
    assert list(questions(ast.parse(text))) == [
        "line 2: os.name",
        "line 3: sys.platform",
        "line 3: platform.system",
    ]
    assert not list(questions(ast.parse("import os\nos.path.join(sys.argv, self.platform)")))


@pytest.mark.parametrize(("module", "path"), list(elsewhere()))
def test_only_the_sockets_ask_for_the_platform(module: str, path: Path) -> None:
    """Nothing outside `exporter.sockets` depends on a platform's name."""
    assert not list(questions(ast.parse(path.read_text(encoding="utf-8"))))


@pytest.mark.parametrize(("module", "path"), list(elsewhere()))
def test_what_one_platform_has_is_not_taken_for_granted(module: str, path: Path) -> None:
    """Such modules are imported only where their absence is caught, and no event loop is asked
    to watch descriptors: that of Windows cannot."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not ONE_PLATFORM & set(names), f"{module} imports {names}"
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not READERS & attributes


def test_signals_of_windows_stop_the_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-Break counts where there is such a signal; elsewhere nobody misses it."""
    assert service.stop_signals() == [signal.SIGTERM, signal.SIGINT]
    monkeypatch.setattr(signal, "SIGBREAK", signal.SIGUSR1, raising=False)
    assert service.stop_signals()[-1] is signal.SIGUSR1


def test_signals_stop_a_loop_without_handlers_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the event loops of Windows: the signal module's handlers wake it."""

    def refuse(*_: object) -> None:
        raise NotImplementedError

    before = {number: signal.getsignal(number) for number in service.stop_signals()}

    async def test(number: signal.Signals) -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "add_signal_handler", refuse)
        stop = asyncio.Event()
        service.stop_on_signals(stop)
        signal.raise_signal(number)
        async with asyncio.timeout(5):
            await stop.wait()

    try:
        for number in before:
            run(test(number))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_hosts_file_of_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its directory is where Windows says."""
    monkeypatch.delenv("SYSTEMROOT", raising=False)
    assert default_path() == Path("/etc/hosts")
    monkeypatch.setenv("SYSTEMROOT", "W")
    assert default_path() == Path("W", "System32", "drivers", "etc", "hosts")


def test_descriptors_are_had_where_the_hard_limit_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """macOS tells a hard limit that it does not grant: then its own constant is asked for."""
    import resource

    granted: list[int] = []

    def setrlimit(_which: int, limits: tuple[int, int]) -> None:
        if limits[0] > 10240:
            raise ValueError("current limit exceeds maximum limit")
        granted.append(limits[0])

    monkeypatch.setattr(resource, "getrlimit", lambda _which: (256, 2**63 - 1))
    monkeypatch.setattr(resource, "setrlimit", setrlimit)
    service._allow_many_sockets()
    assert granted == [10240]


def test_unix_sockets_are_not_taken_for_granted() -> None:
    """No module touches `socket.AF_UNIX` before it has asked whether that exists."""
    for module, path in elsewhere():
        text = path.read_text(encoding="utf-8")
        if "socket.AF_UNIX" in text:
            assert 'hasattr(socket, "AF_UNIX")' in text, module
