"""Labs of another process, over TCP on loopback: for a program in the lab that is no Linux program.

The process that can make labs offers them (`offer`); one that it starts with that environment, as
a Windows Python under Wine, takes them (`RemoteLabs.offered`), and the same tests run there. One
JSON object a line each way: `{"call": NAME, "arguments": [...], "keys": {...}}`.
"""

from __future__ import annotations

import json
import os
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.lab.lab import Lab, find_world
from tests.lab.truth import Record, Truth

VARIABLE = "FTR_LAB_OFFERED"
_CALLS = ("set_hop", "set_target", "ping", "settle", "forge")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, make: Callable[..., Lab]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.make = make
        self.lab: Lab | None = None

    def call(self, name: str, arguments: list[Any], keys: dict[str, Any]) -> Any:
        """Do what a client asks of the lab, and give what it shall get."""
        if name == "make":
            self.lab = self.make(*arguments, **keys)
            return None
        assert self.lab is not None
        if name == "truth":
            self.lab.settle()
            return [json.loads(line) for line in self.lab.truth_path.read_text().splitlines()]
        assert name in _CALLS
        return getattr(self.lab, name)(*arguments, **keys)


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, _Server)
        for line in self.rfile:
            asked = json.loads(line)
            try:
                answer = {
                    "result": self.server.call(asked["call"], asked["arguments"], asked["keys"])
                }
            except Exception as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            self.wfile.write(json.dumps(answer).encode() + b"\n")


@contextmanager
def offer(make: Callable[..., Lab]) -> Iterator[dict[str, str]]:
    """Let others make labs by `make`; gives the environment that tells them where."""
    with _Server(make) as server:
        thread = threading.Thread(target=server.serve_forever, name="labs", daemon=True)
        thread.start()
        try:
            yield {VARIABLE: str(server.server_address[1])}
        finally:
            server.shutdown()
            thread.join()


class RemoteLab:
    """The part of `Lab` that tests of sockets use."""

    def __init__(self, labs: RemoteLabs, world: str) -> None:
        self.world = find_world(world)
        self._call = labs.call

    def set_hop(self, name: str, **keys: object) -> None:
        """See `Lab`."""
        self._call("set_hop", name, **keys)

    def set_target(self, name: str, **keys: object) -> None:
        """See `Lab`."""
        self._call("set_target", name, **keys)

    def ping(self) -> dict[str, Any]:
        """See `Lab`."""
        counts: dict[str, Any] = self._call("ping")
        return counts

    def settle(self) -> None:
        """See `Lab`."""
        self._call("settle")

    def forge(self, source: str, kind: int, code: int, **keys: object) -> None:
        """See `Lab`."""
        self._call("forge", source, kind, code, **keys)

    def truth(self) -> Truth:
        """See `Lab`."""
        return Truth(Record(**record) for record in self._call("truth"))


class RemoteLabs:
    """A connection to the process that makes the labs."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._stream = self._socket.makefile("rw")

    @classmethod
    def offered(cls) -> RemoteLabs | None:
        """The labs that the environment tells of; None where there are none."""
        port = os.environ.get(VARIABLE)
        return cls(int(port)) if port else None

    def make(self, world: str, *, ping_sockets: bool = True) -> RemoteLab:
        """A fresh lab; the one before it is gone."""
        self.call("make", world, ping_sockets=ping_sockets)
        return RemoteLab(self, world)

    def call(self, name: str, *arguments: object, **keys: object) -> Any:
        """One request. Raises `RuntimeError` with what went wrong there."""
        asked = {"call": name, "arguments": arguments, "keys": keys}
        self._stream.write(json.dumps(asked) + "\n")
        self._stream.flush()
        answer = json.loads(self._stream.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    def __enter__(self) -> RemoteLabs:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._socket.close()
