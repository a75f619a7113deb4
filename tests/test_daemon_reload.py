"""The installed daemon in the lab, reloaded while it runs: by signal, HTTP, files and URLs."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.authorities import NEEDS_OPENSSL, Authority
from tests.conftest import LabFactory
from tests.daemon import Daemon, Scrape, running
from tests.listserver import ListServer, answer, listing

HEAD = """
defaults: {interval: 500ms, timeout: 300ms, probes: 1, protocol: icmp}
modules: {datagrams: {protocol: udp}}
enrichment: {rdns: false, asn: {source: none}}
"""
SUCCESSFUL = "ftr_config_last_reload_successful"
CONFIG = HEAD + "targets: [{name: plain, host: 192.0.2.1}, {name: dark, host: 192.0.2.6}]\n"
OTHER = HEAD + "targets: [{name: new, host: 192.0.2.1}, {name: plain, host: 192.0.2.1}]\n"
BAD = HEAD + "targets:\n  - {name: plain, hots: 192.0.2.1}\n  - {host: a, probes: 0}\n"


def targets(scrape: Scrape) -> set[str]:
    """Names on show."""
    return {labels["target"] for labels in scrape.labels("ftr_target_info")}


def assert_nothing_fell(before: Scrape, after: Scrape, target: str) -> None:
    """Counters of a target that was not touched."""
    for name in ("ftr_traces_total", "ftr_target_probes_sent_total", "ftr_target_rtt_seconds_sum"):
        assert after.value(name, target=target) >= before.value(name, target=target)


def test_hangup_reloads(lab_factory: LabFactory) -> None:
    """A target goes, one comes, one stays; then a file with two faults: all goes on as before."""
    lab = lab_factory("troubled")
    with running(lab, CONFIG) as daemon:
        before = daemon.until_traced(3, "plain", "dark")
        daemon.configure(OTHER)
        daemon.process.send_signal(signal.SIGHUP)
        after = daemon.until(lambda s: targets(s) == {"plain", "new"})
        assert_nothing_fell(before, after, "plain")
        assert 'target="dark"' not in after.text
        daemon.until_traced(3, "new")
        daemon.configure(BAD)
        daemon.process.send_signal(signal.SIGHUP)
        failed = daemon.until(lambda s: s.value(SUCCESSFUL) == 0)
        assert targets(failed) == {"plain", "new"}
        faults = [line["fault"] for line in daemon.log if line["event"] == "config.fault"]
        assert [fault.partition(": ")[2].partition(":")[0] for fault in faults] == [
            "targets[0].host",
            "targets[0].hots",
            "targets[1].probes",
        ]
        daemon.configure(OTHER)
        daemon.process.send_signal(signal.SIGHUP)
        again = daemon.until(lambda s: s.value(SUCCESSFUL) == 1)
        assert_nothing_fell(after, again, "plain")
        assert daemon.stop() < 5


def test_post_reloads_where_it_is_enabled(lab_factory: LabFactory) -> None:
    """200 and what changed, 500 and every fault, 403 for another site's page, 405 for a link."""
    lab = lab_factory("troubled")
    with running(lab, CONFIG, "--web.enable-lifecycle") as daemon:
        daemon.until_traced(1, "plain", "dark")
        daemon.configure(OTHER)
        assert daemon.ask("/-/reload")[0] == 405
        assert daemon.ask("/-/reload", "POST", Origin="http://evil.example")[0] == 403
        assert "new" not in targets(daemon.scrape())
        assert daemon.ask("/-/reload", "POST") == (
            200,
            "reloaded: 1 added, 1 removed, 0 changed\n",
        )
        daemon.configure(BAD)
        status, text = daemon.ask("/-/reload", "PUT")
        assert status == 500
        assert "config.yaml:6: targets[0].hots: there is no such key" in text
        assert "config.yaml:7: targets[1].probes: found 0" in text
        scrape = daemon.until_traced(2, "new")
        assert (scrape.value(SUCCESSFUL), targets(scrape)) == (0, {"plain", "new"})
    with running(lab, CONFIG) as daemon:
        assert daemon.ask("/-/reload", "POST")[0] == 403


def test_files_are_watched(lab_factory: LabFactory) -> None:
    """They come, change, break, are put right and go, and nobody tells the daemon."""
    lab = lab_factory("troubled")
    directory = lab.shared / "targets.d"
    directory.mkdir(mode=0o777)
    config = HEAD + "targets: [{name: plain, host: 192.0.2.1}]\ntarget_files: ['targets.d/*.yml']\n"
    file = directory / "a.yml"
    file.write_text("- {targets: [192.0.2.6], labels: {rack: r1, __name: dark}}\n")
    with running(lab, config) as daemon:
        before = daemon.until(lambda s: targets(s) == {"plain", "dark"})
        assert before.labels("ftr_target_info", target="dark")[0]["rack"] == "r1"
        group = "- {targets: [192.0.2.1], labels: {__name: two, __module: datagrams}}\n"
        replace(file, group)
        scrape = daemon.until(lambda s: targets(s) == {"plain", "two"})
        assert scrape.labels("ftr_target_info", target="two")[0]["protocol"] == "udp"
        assert_nothing_fell(before, scrape, "plain")
        replace(file, group + "- {targets: [http://a]}\n")
        name = "ftr_discovery_last_refresh_successful"
        broken = daemon.until(lambda s: s.value(name) == 0)
        assert targets(broken) == {"plain", "two"}
        assert broken.value("ftr_discovery_failures_total", source=str(file)) == 1
        assert broken.value("ftr_discovery_targets", source=str(file)) == 1
        assert broken.value(SUCCESSFUL) == 1
        (fault,) = [line["fault"] for line in daemon.log if line["event"] == "config.fault"]
        assert f"{file}:2: [1].targets[0]: found" in fault
        replace(file, "[]\n")
        healed = daemon.until(lambda s: targets(s) == {"plain"})
        assert healed.value(name) == 1
        file.unlink()
        gone = daemon.until(lambda s: s.all("ftr_discovery_targets") == {})
        assert_nothing_fell(before, gone, "plain")


def replace(file: Path, text: str) -> None:
    """Write a file as one should: whole, under another name, then moved."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)


@contextmanager
def in_a_thread(server: ListServer, authority: Authority) -> Iterator[None]:
    """Serve lists over TLS while the test does something else."""
    ready, stop, loop = threading.Event(), asyncio.Event(), asyncio.new_event_loop()

    async def serve() -> None:
        async with server.serve(authority.server_context()):
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=[serve()])
    thread.start()
    try:
        assert ready.wait(10)
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


@NEEDS_OPENSSL
def test_urls_are_asked_again_and_again(lab_factory: LabFactory) -> None:
    """A list over TLS with a token: it changes, then the server fails: the last good list stays."""
    lab = lab_factory("troubled")
    authority, token = Authority(lab.shared), lab.shared / "token"
    token.write_text("s3cret\n")
    server = ListServer(answer(listing("192.0.2.1", rack="r7", __name="web")))
    with in_a_thread(server, authority):
        config = (
            HEAD + "targets: [{name: dark, host: 192.0.2.6}]\n"
            f"target_urls: [{{url: '{server.url}', refresh_interval: 1s, tls: {{ca_file: ca.pem}}, "
            "authorization: {credentials_file: token}}]\n"
        )
        with running(lab, config, "--web.enable-lifecycle") as daemon:
            before = daemon.until(lambda s: targets(s) == {"dark", "web"})
            assert before.labels("ftr_target_info", target="web")[0]["rack"] == "r7"
            assert server.requests[-1].headers["Authorization"] == "Bearer s3cret"
            server.answer = answer(listing("192.0.2.1", "192.0.2.3"))
            daemon.until(lambda s: targets(s) == {"dark", "192.0.2.1", "192.0.2.3"})
            server.answer = answer(b"[]", status=500)
            name = "ftr_discovery_failures_total"
            failing = daemon.until(lambda s: s.value(name, source=server.url) >= 3)
            assert targets(failing) == {"dark", "192.0.2.1", "192.0.2.3"}
            failures = [line for line in daemon.log if line["event"] == "discovery.failed"]
            assert len(failures) == 1
            daemon.configure(config.replace("probes: 1", "probes: 2"))
            assert daemon.ask("/-/reload", "POST")[1] == "reloaded: 0 added, 0 removed, 3 changed\n"
            server.answer = answer(b"[]")
            healed = daemon.until(lambda s: targets(s) == {"dark"})
            assert healed.value("ftr_discovery_last_refresh_successful") == 1
            assert daemon.stop() < 5


def test_a_thousand_targets_come_and_go(lab_factory: LabFactory) -> None:
    """Twice, on real sockets: descriptors and series are as before, memory stops growing."""
    lab = lab_factory("troubled")
    file = lab.shared / "many.json"
    config = CONFIG.replace("500ms", "10s") + "target_files: [many.json]\n"
    with running(lab, config, "--web.enable-lifecycle") as daemon:
        daemon.until_traced(2, "plain", "dark")
        states = []
        for turn in range(2):
            first = 1000 * turn
            groups = [
                {"targets": ["192.0.2.1"], "labels": {"__name": f"t{number}"}}
                for number in range(first, first + 1000)
            ]
            file.write_text(json.dumps(groups))
            assert "1000 added" in daemon.ask("/-/reload", "POST")[1]
            deadline = time.monotonic() + 60
            while (reached := reached_now(daemon)) < 1001:
                assert time.monotonic() < deadline, f"{reached} of 1001 are reached"
                time.sleep(0.2)
            assert open_files(daemon) > 1000
            file.write_text("[]")
            assert "1000 removed" in daemon.ask("/-/reload", "POST")[1]
            time.sleep(1)
            states.append(daemon.scrape())
        assert len({len(state.labels("ftr_target_info")) for state in states}) == 1
        descriptors = [state.value("process_open_fds") for state in states]
        assert max(descriptors) - min(descriptors) <= 4
        assert max(descriptors) < 60
        memory = [state.value("process_resident_memory_bytes") for state in states]
        assert memory[1] - memory[0] < 8e6


def reached_now(daemon: Daemon) -> int:
    """How many targets are reached; a whole scrape of a thousand takes long to parse."""
    return daemon.get("/metrics?name[]=ftr_target_reached").count("} 1\n")


def open_files(daemon: Daemon) -> float:
    """Descriptors of the daemon."""
    return Scrape(daemon.get("/metrics?name[]=process_open_fds")).value("process_open_fds")


@pytest.mark.parametrize("name", ["a.yml", "b.json"])
def test_a_bad_target_file_stops_no_start(lab_factory: LabFactory, name: str) -> None:
    """It is told; what the configuration itself lists is traced."""
    lab = lab_factory("troubled")
    (lab.shared / name).write_text("[{")
    with running(lab, CONFIG + f"target_files: [{name}]\n") as daemon:
        scrape = daemon.until_traced(1, "plain", "dark")
        assert scrape.value("ftr_discovery_last_refresh_successful") == 0
        assert daemon.get("/-/ready") == "Ready\n"


def test_log_level_of_faults(lab_factory: LabFactory) -> None:
    """A name that is taken is a warning, and the first one wins."""
    lab = lab_factory("troubled")
    (lab.shared / "a.yml").write_text("- {targets: [192.0.2.3], labels: {__name: plain}}")
    with running(lab, CONFIG + "target_files: [a.yml]\n") as daemon:
        daemon.until_traced(1, "plain")
        (line,) = [line for line in daemon.log if line["event"] == "discovery.collision"]
        assert line["level"] == "warn"
        assert "the name 'plain' is taken by a target in the configuration file" in line["message"]
        assert _host(daemon) == "192.0.2.1"


def _host(daemon: Daemon) -> str:
    return daemon.scrape().labels("ftr_target_info", target="plain")[0]["host"]
