"""A cycle out of turn: at once, never beside another, and moving none of those that are planned."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from exporter.daemon.announce import Announcer
from exporter.daemon.app import Daemon
from exporter.model import Family, HostInfo, Response
from exporter.server.events import EventKind, Hub, Listener
from exporter.settings import Config, Target
from exporter.watch.verdict import Difference, Knowledge, PathChange, Verdict
from tests.cycles import Cycle, Fleet
from tests.monitoring import Forgetful
from tests.test_app import QUIET, play, target
from tests.virtual import DAEMON_CLOCKS, SimulatedNetwork, chain, run_virtual, use_virtual_clock


def test_a_cycle_out_of_turn_moves_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a minute after a cycle one more is asked for; the regular ones keep their second."""
    use_virtual_clock(monkeypatch, "exporter.monitoring.scheduler")

    async def test() -> None:
        job = Cycle("example", 60.0, 2.0)
        fleet = Fleet(job)
        await asyncio.sleep(150)
        regular = list(job.starts)
        await asyncio.sleep(30)
        asked_at = asyncio.get_running_loop().time()
        before = len(job.starts)
        assert fleet.scheduler.run_now("example") is True
        assert fleet.scheduler.run_now("example") is False
        assert fleet.scheduler.run_now("stranger") is None
        await asyncio.sleep(120)
        await fleet.stop()
        assert job.starts[before] == pytest.approx(asked_at, abs=1e-3)
        others = [start for number, start in enumerate(job.starts) if number != before]
        gaps = [later - earlier for earlier, later in pairwise(others[1:])]
        assert gaps == pytest.approx([60.0] * len(gaps), abs=1e-3)
        assert (job.missed, job.most_running) == (0, 1)
        assert others[: len(regular)] == regular

    run_virtual(test())


async def heard(listener: Listener) -> list[dict[str, object]]:
    """The events that are there now."""
    data = await listener.next(1.0)
    assert data is not None
    lines = data.decode().splitlines()
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


def test_events_of_a_cycle(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trace on demand: each answer, the end of the trace, the state; nothing of other targets,
    and nothing is made for those that nobody listens to."""
    network = SimulatedNetwork(chain(0.01, 0.02, 0.03))
    monkeypatch.setattr("exporter.daemon.app.open_probe_socket", network.open)
    monkeypatch.setattr("exporter.daemon.app._open_history", lambda path: Forgetful())
    use_virtual_clock(monkeypatch, *DAEMON_CLOCKS)
    made: list[str] = []
    hear = Announcer.heard

    def counted(
        self: Announcer, target: Target, family: Family, response: Response, info: HostInfo
    ) -> None:
        made.append(target.name)
        hear(self, target, family, response, info)

    monkeypatch.setattr(Announcer, "heard", counted)

    async def scene(daemon: Daemon) -> None:
        await asyncio.sleep(25)
        assert made == []
        kinds = (EventKind.HOP, EventKind.TRACE, EventKind.STATE)
        listener = daemon.answers.events.listen(kinds, "ant", None)
        await heard(listener)
        assert daemon.answers.trace_now("ant")
        assert not daemon.answers.trace_now("ant")
        await asyncio.sleep(0.5)
        events = await heard(listener)
        assert [event["event"] for event in events] == ["hop"] * 3 + ["state", "trace"]
        assert [event.get("ttl") for event in events[:3]] == [1, 2, 3]
        assert {event["target"] for event in events} == {"ant"}
        assert all(event["family"] == "ipv4" for event in events)
        assert events[3]["recent_rtt_seconds"] == pytest.approx([0.03] * 4, rel=0.01)
        assert set(made) == {"ant"}
        listener.close()

    targets = (target("zebra", 1, 100.0), target("ant", 2))
    run_virtual(play(Config(targets, enrichment=QUIET), scene))


def test_a_change_is_an_event_and_a_line_of_the_log() -> None:
    """Both say what changed in the same words."""
    old, new = ("198.51.100.1", "192.0.2.1"), ("198.51.100.2", "192.0.2.1")
    differences = (Difference(1, old[:1], new[:1]),)
    change = PathChange(20.0, 10.0, 1, old, new, 2, 2, differences)
    verdict = Verdict(Knowledge(path=new, hops=2), change)

    async def test() -> None:
        hub = Hub()
        announcer = Announcer(hub)
        with capture_logs() as logs:
            announcer.changed(Target("web", "x"), Family.IPV4, verdict)
            listener = hub.listen([EventKind.CHANGE], "web", None)
            announcer.changed(Target("web", "x"), Family.IPV4, verdict)
        (event,) = await heard(listener)
        words = "hop 1: 198.51.100.2 instead of 198.51.100.1"
        assert [log["change"] for log in logs] == [words, words]
        assert (event["event"], event["family"], event["words"]) == ("change", "ipv4", words)
        assert event["new_path"] == list(new)

    asyncio.run(test())
