"""The one interface behind which every way to probe stands.

A backend does four things: it opens (raising `SocketUnavailable`), sends a probe, calls its
listener the moment the kernel has the answer, and closes. It owns matching and time stamps.
It starts no task, polls nothing, and never waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol as Interface

from exporter.errors import ProbeError
from exporter.model import Family, Probe, Protocol, Response


@dataclass(frozen=True, slots=True)
class SocketRequest:
    """What a socket shall do. It serves one destination; `packet_size` counts the IP header.

    `local_port` is the source port or echo id to use, if it is free; 0 leaves it to the kernel.
    With `dont_fragment` no router may split a probe, and this host sends it whole or not at all,
    whatever it has learnt of the path MTU. `payload` is what UDP shall say to `port`, instead of
    what the service there is known to answer.
    """

    destination: str
    family: Family
    protocol: Protocol = Protocol.AUTO
    port: int | None = None
    source: str | None = None
    interface: str | None = None
    dscp: int = 0
    packet_size: int | None = None
    local_port: int = 0
    dont_fragment: bool = False
    payload: bytes | None = None


class Listener(Interface):
    """Who wants the answers. Called from the event loop, at most once for each probe."""

    def responded(self, response: Response) -> None:
        """A probe was answered, of this trace or of an earlier one."""
        ...

    def failed(self, probe: Probe, error: ProbeError) -> None:
        """This host itself dropped a probe after taking it: no neighbour, for instance.

        `AskAgain` says that it was not dropped, but that its answer cannot be told apart.
        """
        ...

    def unmatched(self) -> None:
        """Something arrived that answers no probe of this socket, or answers one again."""
        ...


class ProbeSocket(Interface):
    """An open way to probe one destination."""

    @property
    def backend(self) -> str:
        """Name for people and labels, as `linux-icmp`."""
        ...

    @property
    def protocol(self) -> Protocol:
        """The protocol spoken; never `auto`."""
        ...

    def send(self, probe: Probe) -> None:
        """Send now. Raises `SendBlocked` where trying again soon helps, else `ProbeError`.

        That is `TooBig` where only `dont_fragment` forbids it; the listener may then have been
        called meanwhile with answers to earlier probes.
        """
        ...

    def give_up(self, trace: int) -> None:
        """Nobody waits any longer for answers to this trace, which had none.

        What never left this host is told as failed, as far as the platform knows.
        """
        ...

    def close(self) -> None:
        """Give everything back; no call to the listener comes afterwards."""
        ...
