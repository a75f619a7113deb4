"""What systemd and the daemon tell each other, over the sockets that systemd uses."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exporter.cli import main
from exporter.process import systemd
from tests.listening import free_port

CONFIG = "targets: [{host: 127.0.0.1, protocol: udp}]\nenrichment: {asn: {source: none}}\n"


class Manager:
    """The end of the notification socket that systemd holds."""

    def __init__(self, address: str) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind("\0" + address[1:] if address.startswith("@") else address)
        self.sock.settimeout(30)

    def next(self) -> list[str]:
        """The assignments of the next message."""
        return self.sock.recv(4096).decode().split("\n")

    def drain(self) -> int:
        """Take all messages that are there; how many they were."""
        count = 0
        self.sock.setblocking(False)
        try:
            while True:
                self.sock.recv(4096)
                count += 1
        except BlockingIOError:
            self.sock.settimeout(30)
            return count


@pytest.fixture(params=["path", "abstract"])
def manager(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Manager]:
    """A notification socket of either kind, made known to this process and its children."""
    address = str(tmp_path / "notify") if request.param == "path" else f"@ftr-test-{os.getpid()}"
    made = Manager(address)
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    with made.sock:
        yield made


@contextmanager
def daemon(directory: Path, *flags: str) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon that traces loopback; it is gone at the end."""
    (directory / "config.yaml").write_text(CONFIG)
    command = [sys.executable, "-m", "exporter", f"--config.file={directory / 'config.yaml'}"]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen([*command, *flags], stderr=log)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(30)


def test_messages_arrive(manager: Manager) -> None:
    """One message with two assignments, one with another."""
    assert systemd.notify("READY=1", "STATUS=fine")
    assert systemd.notify("STOPPING=1")
    assert manager.next() == ["READY=1", "STATUS=fine"]
    assert manager.next() == ["STOPPING=1"]


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "relative", "@ftr-nobody-listens"])
def test_nobody_listens(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """systemd did not start this process, or is gone: nothing happens."""
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert not systemd.notify("READY=1")


@pytest.mark.parametrize(
    ("seconds", "pid", "interval"),
    [
        ("30000000", "", 30.0),
        ("500000", str(os.getpid()), 0.5),
        ("500000", "1", None),
        ("0", "", None),
        ("", "", None),
        ("soon", "", None),
    ],
)
def test_the_interval_of_the_watchdog(
    seconds: str, pid: str, interval: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """systemd wants signs of life, from us, from another process, or from nobody."""
    monkeypatch.setenv("WATCHDOG_USEC", seconds)
    monkeypatch.setenv("WATCHDOG_PID", pid)
    assert systemd.watchdog_interval() == interval


def test_a_stuck_loop_gives_no_sign_of_life(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop ran, then something blocked it, then it was sick, then it was well again."""
    monkeypatch.setenv("WATCHDOG_USEC", "60000")
    well = True

    async def main() -> None:
        nonlocal well
        loop = asyncio.get_running_loop()
        feeding = asyncio.create_task(systemd.feed_watchdog(lambda: well))
        await loop.run_in_executor(None, manager.next)
        await loop.run_in_executor(None, manager.next)
        manager.drain()
        time.sleep(0.5)  # noqa: ASYNC251 # this is what blocks the loop
        assert manager.drain() == 0
        await loop.run_in_executor(None, manager.next)
        well = False
        manager.drain()
        await asyncio.sleep(0.3)
        assert manager.drain() == 0
        well = True
        assert await loop.run_in_executor(None, manager.next) == ["WATCHDOG=1"]
        feeding.cancel()

    asyncio.run(main())


def test_the_daemon_tells_its_life(
    manager: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It got ready, gave signs of life, none while it was stopped, some again, and ended."""
    monkeypatch.setenv("WATCHDOG_USEC", "300000")
    with daemon(tmp_path, "--web.listen-address=127.0.0.1:0") as process:
        assert manager.next() == ["READY=1"]
        assert b"server.listening" in (tmp_path / "log").read_bytes()
        assert [manager.next() for _ in range(3)] == [["WATCHDOG=1"]] * 3
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        manager.drain()
        time.sleep(1)
        assert manager.drain() == 0
        process.send_signal(signal.SIGCONT)
        assert manager.next() == ["WATCHDOG=1"]
        process.terminate()
        while (message := manager.next()) == ["WATCHDOG=1"]:
            pass
        assert message == ["STOPPING=1"]
        assert process.wait(30) == 0


def activated(command: list[str], *listen: str) -> list[str]:
    """The command, started by systemd's own tool with sockets that it opened."""
    wanted = [f"--listen={each}" for each in listen]
    return ["systemd-socket-activate", *wanted, *command]


@pytest.mark.parametrize("unix", [False, True], ids=["tcp", "unix"])
def test_sockets_that_systemd_opened_are_served(tmp_path: Path, unix: bool) -> None:
    """The first request came before the daemon was started by it: it is answered."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    port, path = free_port(), tmp_path / "socket"
    address = str(path) if unix else f"127.0.0.1:{port}"
    command = [sys.executable, "-m", "exporter", f"--config.file={tmp_path / 'config.yaml'}"]
    command += ["--web.systemd-socket", "--web.listen-address=192.0.2.1:1"]
    process = subprocess.Popen(activated(command, address), stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        while "Listening on" not in process.stderr.readline():
            pass
        where = ["--unix-socket", str(path)] if unix else []
        url = "http://daemon/-/healthy" if unix else f"http://{address}/-/healthy"
        asked = subprocess.run(["curl", "-sS", *where, url], capture_output=True, timeout=60)
        assert asked.stdout == b"Healthy\n", asked.stderr
    finally:
        process.terminate()
        log = process.communicate(timeout=30)[1]
    assert process.returncode == 0
    assert (f"unix:{path}" if unix else address) in log
    assert path.exists() is unix, "the file is systemd's to remove"


def test_no_socket_is_a_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flag was given, but systemd handed nothing over, or to another process."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    flags = [f"--config.file={tmp_path / 'config.yaml'}", "--web.systemd-socket"]
    assert main(flags) == 1
    monkeypatch.setenv("LISTEN_PID", "1")
    monkeypatch.setenv("LISTEN_FDS", "1")
    assert main(flags) == 1
    assert capsys.readouterr().err.count("is there a .socket unit for this service?") == 2
    assert "LISTEN_FDS" not in os.environ


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("s = open('/dev/null')", "descriptor 3 is no socket"),
        ("s = socket.socket(); s.bind(('127.0.0.1', 0))", "no listening stream socket"),
        ("s = socket.socket(type=socket.SOCK_DGRAM)", "no listening stream socket"),
        ("s = os.open('/dev/null', 0); os.close(3) if s == 3 else 0", "descriptor 3 is no socket"),
    ],
)
def test_descriptors_that_cannot_be_served(code: str, why: str) -> None:
    """A file, sockets that do not listen, and nothing at all were handed over."""
    program = (
        f"import os, socket; {code}\n"
        "f = s if isinstance(s, int) else s.fileno()\n"
        "os.dup2(f, 3) if f != 3 and not isinstance(s, int) else None\n"
        "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1')\n"
        "from exporter.process import systemd\n"
        "try: systemd.inherited_sockets()\n"
        "except systemd.NoSockets as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert why in done.stdout, done.stderr


def test_the_port_stays_open_over_a_restart(tmp_path: Path) -> None:
    """One socket, two daemons one after the other: the request in between waits for the second."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        address = f"127.0.0.1:{sock.getsockname()[1]}"
        (tmp_path / "config.yaml").write_text(CONFIG)
        start = ["sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&0', "sh"]
        command = [sys.executable, "-m", "exporter", f"--config.file={tmp_path / 'config.yaml'}"]
        command += ["--web.systemd-socket", "--log.level=error"]
        for _ in range(2):
            process = subprocess.Popen([*start, *command], stdin=sock.fileno())
            with urllib.request.urlopen(f"http://{address}/-/healthy", timeout=30) as answer:
                assert answer.read() == b"Healthy\n"
            process.terminate()
            assert process.wait(30) == 0


@pytest.fixture
def descriptor(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A listening socket's descriptor in the place where systemd would have put it."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        monkeypatch.setattr(systemd, "_FIRST_DESCRIPTOR", sock.fileno())
        monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
        monkeypatch.setenv("LISTEN_FDS", "1")
        os.set_inheritable(sock.fileno(), True)
        yield sock.detach()


def test_sockets_are_taken_once_and_not_inherited(descriptor: int) -> None:
    """The socket was handed over: it listens, no child gets it, and the news of it is gone."""
    (sock,) = systemd.inherited_sockets()
    with sock:
        assert sock.fileno() == descriptor
        assert not sock.get_inheritable()
        with socket.create_connection(sock.getsockname()):
            pass
        with pytest.raises(systemd.NoSockets):
            systemd.inherited_sockets()


def test_a_socket_in_use_by_a_client_is_refused(descriptor: int) -> None:
    """What was handed over is connected, and serves nobody else."""
    with socket.socket(fileno=descriptor) as sock, socket.create_connection(sock.getsockname()):
        accepted = sock.accept()[0].detach()
        os.dup2(accepted, descriptor)
        os.close(accepted)
        with pytest.raises(systemd.NoSockets, match="no listening stream socket"):
            systemd.inherited_sockets()
        sock.detach()
