"""The simulator's commands while it runs: JSON objects over a Unix socket, one answer to each.

The socket is SOCK_SEQPACKET: one message is one object.

    {"ping": true}                         all that has arrived is taken in and the log is written
    {"settle": true}                       answered as soon as no answer waits any more
    {"set": {"hop": "core1", "loss": 0.1}}          any key of a hop
    {"set": {"target": "web", "path": ["gw"]}}      any key of a target
    {"world": "FILE"}                      go on with another world (YAML; `Lab` sends a pickle)
    {"inject": "4500..."}                  put this packet (hex) on the link to the host
    {"forge": {"source": "203.0.113.66", "type": 11, "code": 0, "target": "web", "ttl": 64}}
                                           an ICMP error that quotes the newest probe to a target;
                                           "quote" (hex) replaces that quote
    {"stop": true}

The answer is {"ok": true, "pending": N, "probes": N}, or {"ok": false, "error": "..."}.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Protocol

from tests.lab import packets
from tests.lab.network import Network
from tests.lab.world import World, WorldError
from tests.lab.world_file import change_node, change_target

MAX_MESSAGE = 1 << 17


class Controlled(Protocol):
    """What the commands act on."""

    network: Network
    probes: int
    running: bool

    @property
    def pending(self) -> int:
        """Answers not sent yet."""
        ...

    def flush(self) -> None:
        """Take in every probe that has arrived and write the log out."""
        ...

    def inject(self, packet: bytes) -> None:
        """Put a packet on the link to the host."""
        ...

    def load(self, path: str) -> World:
        """Read a world."""
        ...


class Server:
    """Reads commands and answers them; never blocks."""

    def __init__(self, listener: socket.socket, simulator: Controlled) -> None:
        self._listener = listener
        self._simulator = simulator
        self._clients: list[socket.socket] = []
        self._settling: list[socket.socket] = []

    @property
    def sockets(self) -> list[socket.socket]:
        """What to wait for."""
        return [self._listener, *self._clients]

    def handle(self, ready: list[socket.socket]) -> None:
        """Serve the sockets that are readable."""
        for each in ready:
            if each is self._listener:
                self._clients.append(each.accept()[0])
            else:
                self._serve(each)

    def settled(self) -> None:
        """Nothing is pending: answer those who wait for that."""
        while self._settling:
            self._simulator.flush()
            if self._simulator.pending:
                return
            self._answer(self._settling.pop(), {"ok": True})

    def _serve(self, client: socket.socket) -> None:
        message = client.recv(MAX_MESSAGE)
        if not message:
            self._clients.remove(client)
            client.close()
            return
        try:
            command = json.loads(message)
            if "settle" in command:
                self._settling.append(client)
                return
            self._execute(command)
        except (ValueError, KeyError, TypeError, AttributeError, OSError, WorldError) as error:
            self._answer(client, {"ok": False, "error": f"{type(error).__name__}: {error}"})
        else:
            self._answer(client, {"ok": True})

    def _answer(self, client: socket.socket, answer: dict[str, Any]) -> None:
        state = {"pending": self._simulator.pending, "probes": self._simulator.probes}
        # Where the client went away, its end of file follows.
        with suppress(OSError):
            client.send(json.dumps({**answer, **state}).encode())

    def _execute(self, command: dict[str, Any]) -> None:
        ((name, argument),) = command.items()
        # What arrived before a command is dealt with as the world was before it.
        self._simulator.flush()
        commands: dict[str, Callable[[Any], None]] = {
            "ping": lambda _: None,
            "set": self._set,
            "world": lambda path: self._simulator.network.change(self._simulator.load(path)),
            "inject": lambda text: self._simulator.inject(bytes.fromhex(text)),
            "forge": self._forge,
            "stop": self._stop,
        }
        commands[name](argument)

    def _stop(self, _: object) -> None:
        self._simulator.running = False

    def _set(self, argument: dict[str, Any]) -> None:
        network = self._simulator.network
        keys = {key: value for key, value in argument.items() if key not in ("hop", "target")}
        if "hop" in argument:
            name = argument["hop"]
            network.change_node(change_node(network.world.hops[name], keys, f"hops.{name}"))
            return
        target = network.world.targets[argument["target"]]
        network.change_target(change_target(target, keys, network.world.hops))

    def _forge(self, argument: dict[str, Any]) -> None:
        source = ip_address(argument["source"])
        target = argument.get("target")
        packet = self._simulator.network.last_packet(target) if target else None
        quote = bytes.fromhex(argument["quote"]) if "quote" in argument else None
        if packet is not None and quote is None:
            quote = packets.with_ttl(packet, 1)
        if quote is None:
            raise ValueError("no probe to quote has been seen")
        host = ip_address(str(self._simulator.network.world.host.of(source.version)))
        message = packets.icmp_error(
            source.version, argument["type"], argument["code"], quote[:500]
        )
        ttl = argument.get("ttl", 64)
        self._simulator.inject(packets.icmp_packet(source.packed, host.packed, ttl, message))


class ControlError(WorldError):
    """The simulator refused a command or is gone."""


class Client:
    """Sends commands and waits for their answers."""

    def __init__(self, path: str | Path, timeout: float = 30.0) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(timeout)
        self._socket.connect(str(path))

    def command(self, **command: object) -> dict[str, Any]:
        """Send one command. Raises `ControlError`."""
        try:
            self._socket.send(json.dumps(command).encode())
            message = self._socket.recv(MAX_MESSAGE)
        except OSError as error:
            raise ControlError(f"{command}: {error}") from error
        answer: dict[str, Any] = json.loads(message or b'{"ok": false, "error": "it is gone"}')
        if not answer["ok"]:
            raise ControlError(f"{command}: {answer['error']}")
        return answer

    def close(self) -> None:
        """End the connection."""
        self._socket.close()
