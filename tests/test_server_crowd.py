"""Who has to go when there are too many connections."""

from __future__ import annotations

from typing import Any

from exporter.server.crowd import Crowd


class Client:
    """A connection that is its own transport."""

    def __init__(self) -> None:
        self.transport: Any = self
        self.aborted = False

    def abort(self) -> None:
        """It has to go."""
        self.aborted = True


def test_who_has_asked_nothing_for_longest_goes() -> None:
    """The first one asked again, so the second had to go; who left made room for one more."""
    crowd, clients = Crowd(3), [Client() for _ in range(6)]
    for client in clients[:3]:
        crowd.enter(client)
    crowd.asked(clients[0])
    crowd.enter(clients[3])
    assert [client.aborted for client in clients] == [False, True, False, False, False, False]
    crowd.leave(clients[1])
    crowd.asked(clients[1])
    crowd.leave(clients[2])
    crowd.enter(clients[4])
    assert sum(client.aborted for client in clients) == 1
    crowd.enter(clients[5])
    assert [client.aborted for client in clients] == [True, True, False, False, False, False]
