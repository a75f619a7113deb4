"""The lab's name server as a process of its own, whose faults come and go while others ask it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.lab.dns_faults import Mode
from tests.lab.lab import Lab
from tests.lab.zone import world_zone


class NameServer:
    """Knows the world of a lab, and answers on 127.0.0.1 at `port`."""

    def __init__(self, port: int, control: socket.socket) -> None:
        self.port = port
        self._stream = control.makefile("rw")

    def fail(self, mode: Mode) -> None:
        """Answer in this way from now on."""
        self._command(fault={"mode": mode.value})

    def queries(self) -> int:
        """How many questions came so far."""
        return sum(self._command(queries=True)["queries"].values())

    def _command(self, **command: object) -> dict[str, Any]:
        self._stream.write(json.dumps(command) + "\n")
        self._stream.flush()
        answer: dict[str, Any] = json.loads(self._stream.readline())
        assert answer.get("ok", True), answer
        return answer


@contextmanager
def name_server(lab: Lab, mode: Mode) -> Iterator[NameServer]:
    """Start one that fails in this way from its first answer on."""
    zone, control = lab.shared / f"{mode}.zone", lab.shared / f"{mode}.control"
    zone.write_text(json.dumps({**world_zone(lab.world), "ttl": 1}))
    process = lab.popen(
        [
            *(sys.executable, "-m", "tests.lab.dns", "--zone", str(zone)),
            *("--listen", "127.0.0.1", "--control", str(control)),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout, socket.socket(socket.AF_UNIX) as sock:
        port = int(process.stdout.readline().split()[2])
        sock.connect(str(control))
        server = NameServer(port, sock)
        server.fail(mode)
        try:
            yield server
        finally:
            process.terminate()
            process.wait(10)
