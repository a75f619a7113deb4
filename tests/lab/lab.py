"""A laboratory: an imaginary internet around this process, real to the kernel.

In a test (`lab_factory` is a fixture of `tests/conftest.py`, a world's name is a file in
`tests/lab/worlds/` without its suffix, or a path, or a `World`):

    def test_something(lab_factory: LabFactory) -> None:
        lab = lab_factory("small")
        ...                              # open sockets, send probes: this process is in the lab
        lab.set_hop("core", loss=0.1)    # the keys of the world file
        lab.set_target("web", path=["gw", "core"])
        done = lab.run([sys.executable, "-m", "exporter", "trace", "192.0.2.1"])
        truth = lab.truth()              # waits until nothing is pending, then reads the log
        assert truth.only(target="web", ttl=1).addresses == ("198.51.100.1",)

One lab at a time: it owns the links `lab0` and `lab1` of the namespace. `popen` and `run` start
programs without any privilege, which may read and write files in `lab.shared`. By hand:
`python -m tests.lab WORLD.yaml [COMMAND...]`.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.lab import link, namespace, unprivileged
from tests.lab.control import Client, ControlError
from tests.lab.truth import Truth
from tests.lab.world import World
from tests.lab.world_file import load_world

WORLDS = Path(__file__).parent / "worlds"
ROOT = Path(__file__).parent.parent.parent


def find_world(world: str | Path | World) -> World:
    """The world itself, or the one in this file, or the one of this name. Raises `WorldError`."""
    if isinstance(world, World):
        return world
    path = Path(world)
    if not path.suffix:
        path = WORLDS / f"{path}.yaml"
    return load_world(path)


class Lab:
    """A running world: use it as a context manager.

    `ping_sockets` says whether ICMP datagram sockets are permitted to everyone in it. An ordinary
    user's lab that forbids them has a network namespace of its own, loopback included. Entering
    raises `NamespaceUnavailable`, `NetlinkError` or `ControlError`.
    """

    def __init__(self, world: str | Path | World, *, ping_sockets: bool = True) -> None:
        self.world = find_world(world)
        self._ping_sockets = ping_sockets
        self._started: list[subprocess.Popen[Any]] = []
        self._worlds = 0

    def __enter__(self) -> Lab:
        if not namespace.entered():
            raise namespace.NamespaceUnavailable("a lab needs namespace.enter() first")
        self._directory = tempfile.TemporaryDirectory(prefix="ftr-lab-")
        self.directory = Path(self._directory.name)
        self.directory.chmod(0o711)
        self.shared.mkdir()
        self.shared.chmod(0o777)
        self._former: int | None = None
        try:
            if self._ping_sockets or not namespace.in_user_namespace():
                self.allow_ping_sockets(self._ping_sockets)
            else:
                self._former = namespace.renew()
            link.lay(self.world)
            self._start()
        except BaseException:
            self._tear_down()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.wait()
        try:
            self.stop()
        finally:
            self._tear_down()

    def _start(self) -> None:
        reading, writing = os.pipe()
        with (self.directory / "simulator.log").open("w") as log:
            self._simulator = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.lab.simulator"),
                    *("--world", self._pickled(self.world)),
                    *("--truth", str(self.truth_path), "--control", str(self.control_path)),
                    *("--ready", str(writing)),
                ],
                pass_fds=[writing],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        os.close(writing)
        with os.fdopen(reading, "rb") as ready:
            if not ready.read():
                self._simulator.wait()
                raise ControlError(f"the simulator did not start: {self._log()}")
        self._client = Client(self.control_path)

    def _pickled(self, world: World) -> str:
        self._worlds += 1
        path = self.directory / f"world-{self._worlds}.pickle"
        path.write_bytes(pickle.dumps(world))
        return str(path)

    def _log(self) -> str:
        return (self.directory / "simulator.log").read_text()

    def _tear_down(self) -> None:
        link.remove()
        if self._former is not None:
            namespace.go_back(self._former)
        namespace.allow_ping_sockets(True)
        self._directory.cleanup()

    @property
    def truth_path(self) -> Path:
        """Where the log is written."""
        return self.directory / "truth.jsonl"

    @property
    def control_path(self) -> Path:
        """The socket for commands, see `control.py`."""
        return self.directory / "control"

    @property
    def shared(self) -> Path:
        """A directory where programs without privilege may read and write; gone with the lab."""
        return self.directory / "shared"

    def stop(self) -> None:
        """End the simulator; the network is silent from then on. Raises `ControlError`."""
        # Where it is dead already, its exit status says more than the broken connection.
        with suppress(ControlError):
            self._client.command(stop=True)
        self._client.close()
        if self._simulator.wait() != 0:
            raise ControlError(f"the simulator failed: {self._log()}")

    def allow_ping_sockets(self, allowed: bool) -> None:
        """Permit or forbid ICMP datagram sockets. Raises `NamespaceUnavailable`."""
        if not namespace.allow_ping_sockets(allowed):
            raise namespace.NamespaceUnavailable(f"cannot change {namespace.PING_GROUP_RANGE}")

    def ping(self) -> dict[str, Any]:
        """Wait until every probe sent so far is taken in; gives the counts of `control.py`."""
        return self._client.command(ping=True)

    def settle(self) -> None:
        """Wait until no answer is due any more."""
        self._client.command(settle=True)

    def set_hop(self, name: str, **keys: object) -> None:
        """Change a hop, with the keys and values of the world file."""
        self._client.command(set={"hop": name, **keys})

    def set_target(self, name: str, **keys: object) -> None:
        """Change a target, its path too, with the keys and values of the world file."""
        self._client.command(set={"target": name, **keys})

    def change_world(self, world: str | Path | World) -> None:
        """Go on with another world; the host keeps its addresses."""
        self.world = find_world(world)
        self._client.command(world=self._pickled(self.world))

    def inject(self, packet: bytes) -> None:
        """Send the host this IP packet, whatever it is."""
        self._client.command(inject=packet.hex())

    def forge(self, source: str, kind: int, code: int, **keys: object) -> None:
        """Send the host an ICMP error of our making, see `control.py`."""
        self._client.command(forge={"source": source, "type": kind, "code": code, **keys})

    def truth(self) -> Truth:
        """What became of every probe so far; waits until all answers are out."""
        if self._simulator.poll() is None:
            self.settle()
        return Truth.read(self.truth_path)

    def popen(
        self, argv: Sequence[str], *, privileged: bool = False, **options: Any
    ) -> subprocess.Popen[Any]:
        """Start a program in the lab, without privilege unless told otherwise.

        `options` are those of `subprocess.Popen`; what still runs at the end is killed.
        """
        command = list(argv) if privileged else [*unprivileged.prefix(), *argv]
        process = subprocess.Popen(command, **{"cwd": ROOT, **options})
        self._started.append(process)
        return process

    def run(
        self,
        argv: Sequence[str],
        *,
        privileged: bool = False,
        timeout: float = 60.0,
        **options: Any,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end and catch its output. Raises `subprocess.TimeoutExpired`."""
        command = list(argv) if privileged else [*unprivileged.prefix(), *argv]
        streams = {"stdin": subprocess.DEVNULL, "capture_output": True}
        return subprocess.run(
            command, **{"cwd": ROOT, "text": True, "timeout": timeout, **streams, **options}
        )
