"""What a reload does to targets that are traced meanwhile: in virtual time, over a network."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from exporter.errors import ConfigError, Fault
from exporter.model import FamilyChoice, Protocol
from exporter.settings import Config, Limits, Target
from tests.clock import until
from tests.daemon import Scrape
from tests.reloading import Stage, play, target
from tests.virtual import chain, silence

WAY = chain(0.01, 0.02, 0.03)


def counters(scrape: Scrape, name: str) -> dict[frozenset[tuple[str, str]], float]:
    """Every counter of a target, buckets and sums too, by metric and labels."""
    return {
        labels | {("__name__", metric)}: value
        for metric, samples in scrape.samples.items()
        if metric.startswith("ftr_") and metric.endswith(("_total", "_count", "_sum", "_bucket"))
        for labels, value in samples.items()
        if ("target", name) in labels
    }


def assert_no_counter_fell(before: Scrape, after: Scrape, name: str) -> None:
    """Of all that is exposed in both."""
    old, new = counters(before, name), counters(after, name)
    both = old.keys() & new.keys()
    assert both
    for key in both:
        assert new[key] >= old[key], key


def test_unchanged_targets_notice_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of three is replaced by another: the others keep sockets, phase, counters and path."""

    async def scene(stage: Stage) -> None:
        await asyncio.sleep(65)
        before, ports = stage.scrape(), stage.ports()
        starts = {name: stage.daemon.answers.target(name) for name in ("a", "b")}
        changes = await stage.reload(target("b", 2), target("new", 4), target("a", 1))
        assert changes == "1 added, 1 removed, 0 changed"
        for name, state in starts.items():
            now = stage.daemon.answers.target(name)
            assert now is not None
            assert state is not None
            assert now.next_cycle_at == pytest.approx(state.next_cycle_at, abs=0.01)
            assert now.views == state.views
        assert [each.target.name for each in stage.daemon.answers.targets()] == ["b", "new", "a"]
        assert 'target="gone"' not in stage.scrape().text
        assert "192.0.2.3" not in stage.ports()
        await asyncio.sleep(60)
        after = stage.scrape()
        for name, number in (("a", 1), ("b", 2)):
            assert stage.ports()[f"192.0.2.{number}"] == ports[f"192.0.2.{number}"]
            assert_no_counter_fell(before, after, name)
            traces = after.value("ftr_traces_total", target=name)
            assert traces == before.value("ftr_traces_total", target=name) + 6
        assert after.value("ftr_target_reached", target="new") == 1
        assert after.value("ftr_targets") == 3

    play(monkeypatch, WAY, (target("a", 1), target("gone", 3), target("b", 2)), scene)


def test_a_target_removed_in_the_middle_of_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is silent, so that its trace takes seconds: the reload ends it, nothing comes after."""

    async def scene(stage: Stage) -> None:
        await asyncio.sleep(61)
        state = stage.daemon.answers.target("dark")
        assert state is not None
        assert state.next_cycle_at is not None
        await until(lambda: "cycle dark" in {task.get_name() for task in asyncio.all_tasks()})
        await asyncio.sleep(0.2)
        await stage.reload()
        assert stage.network.sockets == []
        assert "cycle dark" not in {task.get_name() for task in asyncio.all_tasks()}
        sent = stage.network.sent
        await asyncio.sleep(100)
        assert stage.network.sent == sent
        assert 'target="dark"' not in stage.scrape().text
        assert stage.daemon.answers.target("dark") is None

    play(monkeypatch, silence, (target("dark"),), scene)


@pytest.mark.parametrize(
    "fields",
    [
        {"probes": 2},
        {"rtt_buckets": (0.001, 0.025, 0.5)},
        {"rtt_buckets": (0.001, 0.5), "hop_histograms": True},
        {"timeout": 1.0, "confirm": 5},
        {"flows": 4, "interval": 20.0},
        {"max_hops": 20},
    ],
)
def test_another_way_to_probe_begins_anew_and_no_counter_falls(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any]
) -> None:
    """Module fields changed: a new socket, the same series, each counter where it was or higher.

    The target is on show all the time.
    """

    async def scene(stage: Stage) -> None:
        await asyncio.sleep(65)
        scrapes, ports = [stage.scrape()], stage.ports()
        changes = await stage.reload(target("a", **{"hop_histograms": True, **fields}))
        assert changes == "0 added, 0 removed, 1 changed"
        for _ in range(60):
            scrapes.append(stage.scrape())
            await asyncio.sleep(1)
        assert stage.ports().keys() == ports.keys()
        for before, after in itertools.pairwise(scrapes):
            assert_no_counter_fell(before, after, "a")
            assert after.value("ftr_target_reached", target="a") == 1
        traces = scrapes[-1].value("ftr_traces_total", target="a")
        assert traces > scrapes[0].value("ftr_traces_total", target="a") + 2
        assert scrapes[-1].value("ftr_path_changes_total", target="a") == 0

    play(monkeypatch, WAY, (target("a", hop_histograms=True),), scene)


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"timeout": 1.0, "confirm": 5, "max_hops": 20}, True),
        ({"rtt_buckets": (0.001, 0.5), "interval": 20.0}, True),
        ({"probes": 2}, False),
        ({"packet_size": 1400}, False),
        ({"protocol": Protocol.TCP, "port": 443}, False),
    ],
)
def test_the_latest_cycles_stay_while_probes_are_the_same(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], kept: bool
) -> None:
    """A module changed: cycles, loss and jitter go on as long as the same is sent as often."""

    async def scene(stage: Stage) -> None:
        await asyncio.sleep(65)
        before = stage.view("a").tally
        cycles = list(before.recent.cycles())
        assert len(cycles) > 5
        await stage.reload(target("a", **fields))
        after = stage.view("a").tally
        assert after is not before
        assert list(after.recent.cycles()) == (cycles if kept else [])
        assert (after.window is before.window) is kept
        assert (after.jitter is before.jitter) is kept
        await asyncio.sleep(60)
        assert (list(after.recent.cycles())[: len(cycles)] == cycles) is kept

    play(monkeypatch, WAY, (target("a"),), scene)


def test_other_labels_move_the_series_and_keep_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """At once every series has the new labels, none the old; the socket and the counts go on."""

    async def scene(stage: Stage) -> None:
        await asyncio.sleep(65)
        before, ports = stage.scrape(), stage.ports()
        await stage.reload(target("a", labels=(("site", "office"),)))
        scrape = stage.scrape()
        assert 'site="home"' not in scrape.text
        for metric, samples in before.samples.items():
            if metric.startswith(("ftr_target_", "ftr_hop_", "ftr_path_", "ftr_traces_")):
                assert len(scrape.all(metric, site="office")) == len(samples), metric
        assert stage.ports() == ports
        name = "ftr_traces_total"
        assert scrape.value(name, site="office") == before.value(name, site="home")
        await asyncio.sleep(60)
        assert stage.scrape().value(name, site="office") == before.value(name, site="home") + 6

    play(monkeypatch, WAY, (target("a", labels=(("site", "home"),)),), scene)


def test_another_interval_moves_the_schedule_and_keeps_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From ten seconds to two: five times as many cycles, over the same socket."""

    async def scene(stage: Stage) -> None:
        await asyncio.sleep(65)
        before, ports = stage.scrape(), stage.ports()
        await stage.reload(target("a", interval=2.0))
        await asyncio.sleep(60)
        after = stage.scrape()
        assert stage.ports() == ports
        assert_no_counter_fell(before, after, "a")
        traces = [each.value("ftr_traces_total", target="a") for each in (before, after)]
        assert traces[1] - traces[0] == pytest.approx(30, abs=1)
        state = stage.daemon.answers.target("a")
        assert state is not None
        assert state.target.module.interval == 2.0
        assert stage.view("a").target.module.interval == 2.0

    play(monkeypatch, WAY, (target("a"),), scene)


def test_a_family_that_is_no_longer_wanted_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both families of `localhost` are traced, then one: the series of the other end at once."""

    async def scene(stage: Stage) -> None:
        await asyncio.sleep(65)
        assert len(stage.scrape().all("ftr_target_reached")) == 2
        assert len(stage.network.sockets) == 2
        await stage.reload(_local(FamilyChoice.IPV6))
        assert 'family="ipv4"' not in stage.scrape().text
        await asyncio.sleep(60)
        assert 'family="ipv4"' not in stage.scrape().text
        assert stage.scrape().value("ftr_target_reached", family="ipv6") == 1
        assert len(stage.network.sockets) == 1

    play(monkeypatch, WAY, (_local(FamilyChoice.BOTH),), scene)


def test_auto_goes_on_with_the_family_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """A target of IPv6 alone is left to choose: it stays on show, and no counter begins anew."""

    async def scene(stage: Stage) -> None:
        await asyncio.sleep(65)
        before = stage.scrape()
        await stage.reload(_local(FamilyChoice.AUTO))
        assert_no_counter_fell(before, stage.scrape(), "local")
        await asyncio.sleep(60)
        after = stage.scrape()
        assert_no_counter_fell(before, after, "local")
        assert after.value("ftr_target_reached", family="ipv6") == 1
        assert 'family="ipv4"' not in after.text

    play(monkeypatch, WAY, (_local(FamilyChoice.IPV6),), scene)


def _local(family: FamilyChoice) -> Target:
    return replace(target("local", family=family), host="localhost")


def test_another_host_of_the_same_name_is_another_target(monkeypatch: pytest.MonkeyPatch) -> None:
    """The old one's series end at once; nothing of its figures is taken over."""

    async def scene(stage: Stage) -> None:
        await asyncio.sleep(65)
        await stage.reload(target("a", 9))
        assert 'target="a"' not in stage.scrape().text
        await asyncio.sleep(65)
        assert stage.scrape().labels("ftr_target_info")[0]["address"] == "192.0.2.9"
        assert stage.scrape().value("ftr_traces_total") == pytest.approx(7, abs=1)
        assert stage.ports().keys() == {"192.0.2.9"}

    play(monkeypatch, WAY, (target("a", 1),), scene)


def test_limits_apply_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Down to one probe a second: so many leave from then on, and up again."""

    async def scene(stage: Stage) -> None:
        for rate in (1.0, 2000.0):
            await stage.reload(target("a", interval=1.0), limits=Limits(rate, 1, 50))
            await asyncio.sleep(10)
            sent = stage.network.sent
            await asyncio.sleep(100)
            probes = stage.network.sent - sent
            assert probes == pytest.approx(100 if rate == 1.0 else 300, abs=5)

    play(monkeypatch, WAY, (target("a", interval=1.0),), scene)


def test_a_bad_file_changes_nothing_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller gets every fault, so does the log, and the metric says 0; then a good one: 1."""

    async def scene(stage: Stage) -> None:
        await asyncio.sleep(65)
        good, ports = stage.file, stage.ports()
        stage.file = ConfigError((Fault("c.yaml", 3, "a", "one"), Fault("c.yaml", 7, "b", "two")))
        with capture_logs() as logs, pytest.raises(ConfigError, match=r"yaml:7: b: two$"):
            await stage.daemon._supply.reload()
        assert [log["fault"] for log in logs if log["event"] == "config.fault"] == [
            "c.yaml:3: a: one",
            "c.yaml:7: b: two",
        ]
        await asyncio.sleep(60)
        scrape = stage.scrape()
        loaded_at = scrape.value("ftr_config_last_reload_success_timestamp_seconds")
        assert scrape.value("ftr_config_last_reload_successful") == 0
        assert scrape.value("ftr_target_reached", target="a") == 1
        assert stage.ports() == ports
        stage.file = good
        await stage.daemon._supply.reload()
        scrape = stage.scrape()
        assert scrape.value("ftr_config_last_reload_successful") == 1
        name = "ftr_config_last_reload_success_timestamp_seconds"
        assert scrape.value(name) == pytest.approx(loaded_at + 125, abs=1)

    play(monkeypatch, WAY, (target("a"),), scene)


def test_reloads_at_the_same_time_are_taken_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fifty at once: those that wait share one, the last file is the one in use."""

    async def scene(stage: Stage) -> None:
        loads = 0
        load = stage._load

        def counted() -> Config:
            nonlocal loads
            loads += 1
            return load()

        stage.daemon._supply._load = counted
        first = asyncio.create_task(stage.reload(target("a"), target("b", 2)))
        await until(lambda: loads)
        later = [asyncio.create_task(stage.reload(target("c", 3))) for _ in range(50)]
        await asyncio.sleep(0)
        later[0].cancel()
        results = await asyncio.gather(first, *later, return_exceptions=True)
        assert isinstance(results[1], asyncio.CancelledError)
        assert results[0] == "1 added, 0 removed, 0 changed"
        assert set(results[2:]) == {"1 added, 2 removed, 0 changed"}
        assert loads == 2
        assert [each.target.name for each in stage.daemon.answers.targets()] == ["c"]

    play(monkeypatch, WAY, (target("a"),), scene)
