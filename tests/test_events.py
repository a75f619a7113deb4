"""Events: only what is wanted is made, nothing is missed over a lost connection, nobody waits."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from exporter.server import events
from exporter.server.events import EventKind, Hub, Listener, TooManyListeners
from tests.clock import until

HOP, CHANGE = EventKind.HOP, EventKind.CHANGE
Scene = Callable[[], Awaitable[None]]


def play(scene: Scene) -> None:
    """Run a scene in an event loop."""

    async def main() -> None:
        await scene()

    asyncio.run(main())


async def heard(listener: Listener) -> tuple[list[Any], str]:
    """What is there now: the events' data, and the last id."""
    data = await listener.next(5.0)
    assert data is not None
    text = data.decode()
    return [json.loads(each) for each in re.findall(r"^data: (.*)$", text, re.M)], re.findall(
        r"^id: (.*)$", text, re.M
    )[-1]


def test_only_what_somebody_wants_is_wanted() -> None:
    """By kind and target; again by nobody, once the last listener's grace is over."""

    async def scene() -> None:
        hub = Hub(grace=0.01)
        assert not hub.wants(HOP, "web")
        one = hub.listen([HOP], "web", None)
        assert hub.wants(HOP, "web")
        assert not hub.wants(HOP, "mail")
        assert not hub.wants(CHANGE, "web")
        every = hub.listen([CHANGE], None, None)
        assert hub.wants(CHANGE, "mail")
        one.close()
        every.close()
        assert hub.wants(HOP, "web")
        await until(lambda: not (hub.wants(HOP, "web") or hub.wants(CHANGE, "mail")))

    play(scene)


def test_each_hears_what_it_asked_for_in_order() -> None:
    """Two targets, two kinds, two listeners."""

    async def scene() -> None:
        hub = Hub()
        web, all_changes = hub.listen([HOP, CHANGE], "web", None), hub.listen([CHANGE], None, None)
        hub.emit(HOP, "web", {"n": 1})
        hub.emit(CHANGE, "mail", {"n": 2})
        hub.emit(CHANGE, "web", {"n": "3\nid: forged"})
        assert (await heard(web))[0] == [{"n": 1}, {"n": "3\nid: forged"}]
        assert (await heard(all_changes))[0] == [{"n": 2}, {"n": "3\nid: forged"}]
        hub.close()
        assert await web.next(5.0) is None

    play(scene)


def test_a_lost_connection_goes_on_where_it_was() -> None:
    """What happened meanwhile comes first, once; the id before the first event serves too."""

    async def scene() -> None:
        hub = Hub()
        listener = hub.listen([HOP], "web", None)
        _, start = await heard(listener)
        hub.emit(HOP, "web", {"n": 1})
        _, last = await heard(listener)
        listener.close()
        assert await listener.next(5.0) is None
        hub.emit(HOP, "web", {"n": 2})
        assert (await heard(hub.listen([HOP], "web", last)))[0] == [{"n": 2}]
        assert (await heard(hub.listen([HOP], "web", start)))[0] == [{"n": 1}, {"n": 2}]

    play(scene)


@pytest.mark.parametrize("last_id", ["other-1", "nonsense", "-", "x" * 300, "1-\u0663", "{}-99"])
def test_what_is_not_known_any_more_is_a_gap(last_id: str) -> None:
    """Of an earlier run, nonsense, or from the future: the listener is told to look anew."""

    async def scene() -> None:
        hub = Hub()
        _, start = await heard(hub.listen([HOP], None, None))
        listener = hub.listen([HOP], None, last_id.replace("{}", start.partition("-")[0]))
        assert (await heard(listener))[0] == [{"event": "gap"}]

    play(scene)


def test_events_that_were_not_made_are_a_gap() -> None:
    """The listener was away for longer than events are made for it, or asks for another kind."""

    async def scene() -> None:
        hub = Hub(grace=0.0)
        hub.listen([CHANGE], None, None)
        listener = hub.listen([HOP], "web", None)
        _, last = await heard(listener)
        listener.close()
        await until(lambda: not hub.wants(HOP, "web"))
        hub.emit(CHANGE, "web", {})
        assert (await heard(hub.listen([HOP], "web", last)))[0] == [{"event": "gap"}]

    play(scene)


def test_a_slow_listener_is_let_go_and_harms_nobody() -> None:
    """It takes nothing while thousands of events come; another hears every one."""

    async def scene() -> None:
        hub = Hub()
        slow, quick = hub.listen([HOP], None, None), hub.listen([HOP], None, None)
        count = 0
        for number in range(20_000):
            hub.emit(HOP, "web", {"n": number})
            if number % 1000 == 999:
                count += len((await heard(quick))[0])
        assert count == 20_000
        assert await slow.next(5.0) is None
        assert len(hub._kept) <= events._KEPT

    play(scene)


def test_big_events_are_bounded_by_their_bytes() -> None:
    """A hundred of 100 kB: a few megabytes are kept, whatever is asked for."""

    async def scene() -> None:
        hub = Hub()
        _, start = await heard(hub.listen([HOP], None, None))
        for _ in range(100):
            hub.emit(HOP, "web", {"x": "x" * 100_000})
        assert sum(len(event.data) for event in hub._kept.values()) <= events._KEPT_BYTES
        assert (await heard(hub.listen([HOP], None, start)))[0] == [{"event": "gap"}]

    play(scene)


def test_there_are_never_too_many() -> None:
    """One more than allowed is refused; those who leave make room, and their wishes are bounded."""

    async def scene() -> None:
        hub = Hub(listeners=2)
        first, _ = hub.listen([HOP], None, None), hub.listen([HOP], None, None)
        with pytest.raises(TooManyListeners, match="2 clients listen already"):
            hub.listen([HOP], None, None)
        for number in range(50):
            first.close()
            first = hub.listen([HOP], f"target-{number}", None)
        assert len(hub.interests) <= 4
        hub.close()
        with pytest.raises(TooManyListeners):
            hub.listen([HOP], None, None)

    play(scene)


def test_after_a_reload_everybody_looks_anew() -> None:
    """Who listens at that moment, and who comes back later with an id from before."""

    async def scene() -> None:
        hub = Hub()
        listener = hub.listen([HOP], None, None)
        _, before = await heard(listener)
        hub.renew()
        told, after = await heard(listener)
        assert (told, before == after) == ([{"event": "gap"}], False)
        assert (await heard(hub.listen([HOP], None, before)))[0] == [{"event": "gap"}]
        assert (await heard(hub.listen([HOP], None, after)))[0] == []

    play(scene)


def test_silence_is_broken_by_a_sign_of_life() -> None:
    """With the id from which to go on."""

    async def scene() -> None:
        listener = Hub().listen([HOP], None, None)
        _, start = await heard(listener)
        assert await listener.next(0.01) == f": alive\nid: {start}\n\n".encode()

    play(scene)
