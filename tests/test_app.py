"""The daemon's parts together, in this process, over a simulated network."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import structlog
from structlog.testing import capture_logs

from exporter.daemon.app import Daemon, Options
from exporter.metrics import exposition as metrics
from exporter.metrics.shown import Shown, shown
from exporter.model import FamilyChoice
from exporter.monitoring.view import View
from exporter.server.listen import ListenError
from exporter.settings import Config, EnrichmentSettings, Module, ResolverSettings, Target
from tests.clock import until
from tests.enriching import GW, ZONE
from tests.lab.dns import DnsServer
from tests.monitoring import Forgetful
from tests.virtual import (
    DAEMON_CLOCKS,
    EPOCH,
    SimulatedNetwork,
    chain,
    no_failure,
    no_route,
    run_virtual,
    silence,
    use_virtual_clock,
)

QUIET = EnrichmentSettings(rdns=False, asn_source="none")
ANYWHERE = Options(("127.0.0.1:0",))
Scene = Callable[[Daemon], Awaitable[None]]


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> SimulatedNetwork:
    """Every daemon of the test probes this network."""
    simulated = SimulatedNetwork(chain(0.01, 0.02, 0.03))
    monkeypatch.setattr("exporter.daemon.app.open_probe_socket", simulated.open)
    # Its thread would answer in real time, which virtual time does not wait for.
    monkeypatch.setattr("exporter.daemon.app._open_history", lambda path: Forgetful())
    return simulated


def target(name: str, number: int, interval: float = 10.0) -> Target:
    """A target given by its address, traced by one probe a hop."""
    module = Module(family=FamilyChoice.IPV4, interval=interval, probes=1)
    return Target(name, f"192.0.2.{number}", module)


async def play(config: Config, scene: Scene) -> None:
    """Run a daemon during a scene; nothing of it is left afterwards."""
    stop, daemon = asyncio.Event(), Daemon(config)
    assert not daemon.answers.is_ready()
    running = asyncio.create_task(daemon.run(ANYWHERE, stop))
    await until(daemon.answers.is_ready)
    await scene(daemon)
    stop.set()
    await running
    assert not daemon.answers.is_ready()
    assert asyncio.all_tasks() == {asyncio.current_task()}


def exposition(daemon: Daemon, *names: str) -> str:
    """The lines of these metrics, or of all, of all targets."""
    return b"".join(daemon.answers.metrics_chunks(None, names or None, False)).decode()


def test_targets_in_the_order_of_the_configuration(
    network: SimulatedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with its views and the time of its next cycle; a stranger is nobody."""
    use_virtual_clock(monkeypatch, *DAEMON_CLOCKS)

    async def scene(daemon: Daemon) -> None:
        await asyncio.sleep(25)
        assert [state.target.name for state in daemon.answers.targets()] == ["zebra", "ant"]
        for state in daemon.answers.targets():
            assert state == daemon.answers.target(state.target.name)
            assert state.next_cycle_at is not None
            assert 0 < state.next_cycle_at - EPOCH - 25 < 10.01
            (view,) = state.views
            assert view.trace is not None
            assert view.trace.reached
        assert daemon.answers.target("bee") is None
        assert exposition(daemon, "ftr_target_reached").count("} 1\n") == 2
        assert "ftr_exporter_build_info" in exposition(daemon)

    run_virtual(play(Config((target("zebra", 1), target("ant", 2)), enrichment=QUIET), scene))
    assert network.sockets == []


def test_log_tells_changes_of_state_once(
    network: SimulatedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty cycles: reached, no route, reached again; the rest is for level debug."""
    use_virtual_clock(monkeypatch, *DAEMON_CLOCKS)

    async def scene(daemon: Daemon) -> None:
        for failing in (no_failure, no_route, no_failure):
            network.failing = failing
            await asyncio.sleep(100)

    structlog.reset_defaults()  # A test before this one may have left a level.
    with capture_logs() as logs:
        run_virtual(play(Config((target("example", 1),), enrichment=QUIET), scene))
    told = [log for log in logs if log["event"] == "target.state"]
    assert [log["state"] for log in told] == ["destination", "unreachable_network", "destination"]
    assert told[1]["error"] == "no route to 192.0.2.1"
    assert "error" not in told[0]
    assert {log["log_level"] for log in told} == {"info"}
    traces = [log for log in logs if log["event"] == "trace.done"]
    assert len(traces) == pytest.approx(30, abs=1)
    assert {log["log_level"] for log in traces} == {"debug"}


def test_cycle_skipped_before_the_first_has_ended_is_on_show(
    network: SimulatedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A silent destination takes longer than the interval: counters, but no outcome yet."""
    use_virtual_clock(monkeypatch, *DAEMON_CLOCKS)
    network.routing = silence

    async def scene(daemon: Daemon) -> None:
        await asyncio.sleep(1.8)
        text = exposition(daemon)
        assert 'ftr_traces_skipped_total{target="dark",family="ipv4",protocol="icmp"} 1\n' in text
        assert "ftr_target_reached{" not in text
        await asyncio.sleep(10)
        assert exposition(daemon, "ftr_target_reached").endswith(
            '{target="dark",family="ipv4",protocol="icmp"} 0\n'
        )

    run_virtual(play(Config((target("dark", 1, interval=1.0),), enrichment=QUIET), scene))


@pytest.mark.usefixtures("network")
def test_name_that_comes_after_the_trace_completes_it() -> None:
    """Traced once a minute; the hop's name and origin are there a moment after the trace."""

    async def test() -> None:
        async with DnsServer(ZONE) as server:
            config = Config(
                (target("example", 1, interval=60.0),),
                resolver=ResolverSettings(("127.0.0.1",), server.port, 5.0),
            )

            async def scene(daemon: Daemon) -> None:
                def known() -> bool:
                    state = daemon.answers.target("example")
                    assert state is not None
                    return any(view.infos.get("198.51.100.1") == GW for view in state.views)

                await until(known)
                assert 'hostname="gw.example.net"' in exposition(daemon, "ftr_hop_info")
                assert 'ftr_enrichment_lookups_total{kind="asn",result="ok"}' in exposition(daemon)

            await play(config, scene)

    asyncio.run(test())


def test_address_in_use_is_an_error_and_leaves_nothing(network: SimulatedNetwork) -> None:
    """The daemon does not start: no probe is sent, no task goes on."""

    async def test() -> None:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            daemon = Daemon(Config((target("example", 1),), enrichment=QUIET))
            with pytest.raises(ListenError, match=str(port)):
                await daemon.run(Options((f"127.0.0.1:{port}",)), asyncio.Event())
            assert not daemon.answers.is_ready()
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(test())
    assert network.opened == []


@pytest.mark.parametrize("part", ["_supply", "_scheduler"])
def test_a_daemon_that_lost_a_part_ends(
    network: SimulatedNetwork, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """A bug ended what reads the targets, or the schedule: nobody was left with half a daemon."""

    async def broken() -> None:
        raise ZeroDivisionError

    async def main() -> None:
        daemon = Daemon(Config((target("example", 1),), enrichment=QUIET))
        monkeypatch.setattr(getattr(daemon, part), "run", broken)
        with pytest.raises(ZeroDivisionError):
            await daemon.run(ANYWHERE, asyncio.Event())
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_a_reload_without_memory_is_told_to_the_loop(network: SimulatedNetwork) -> None:
    """What it left half done concerns the daemon, not only who asked for it."""
    told: list[BaseException | None] = []

    def load() -> Config:
        raise MemoryError

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(context.get("exception")))
        stop = asyncio.Event()
        daemon = Daemon(Config((target("example", 1),), enrichment=QUIET), load=load)
        running = asyncio.create_task(daemon.run(ANYWHERE, stop))
        await until(daemon.answers.is_ready)
        daemon.request_reload()
        await until(lambda: told)
        stop.set()
        await running

    asyncio.run(main())
    assert [type(error) for error in told] == [MemoryError]


def test_a_bug_in_what_is_shown_is_logged_and_spares_the_others(
    network: SimulatedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once for each cycle that is scraped; its numbers stay as they were."""
    use_virtual_clock(monkeypatch, *DAEMON_CLOCKS)

    def buggy(view: View, labels: str, former: Shown | None = None) -> Shown:
        if view.target.name == "broken":
            raise RuntimeError("a bug")
        return shown(view, labels, former)

    async def scene(daemon: Daemon) -> None:
        await asyncio.sleep(25)
        assert exposition(daemon, "ftr_traces_total").count("} 3\n") == 2
        monkeypatch.setattr(metrics, "shown", buggy)
        await asyncio.sleep(10)
        for _ in range(2):
            text = exposition(daemon, "ftr_traces_total")
            assert 'target="broken",family="ipv4",protocol="icmp"} 3\n' in text
            assert 'target="whole",family="ipv4",protocol="icmp"} 4\n' in text

    structlog.reset_defaults()  # A test before this one may have left a level.
    with capture_logs() as logs:
        config = Config((target("broken", 1), target("whole", 2)), enrichment=QUIET)
        run_virtual(play(config, scene))
    told = [(log["event"], log["target"]) for log in logs if log["log_level"] == "error"]
    assert told == [("metrics.failed", "broken")]
    assert network.sockets == []
