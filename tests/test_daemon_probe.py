"""`/probe` of the installed daemon in the lab: what Prometheus gets, and what strangers try."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from tests.conftest import LabFactory
from tests.daemon import Daemon, Scrape, running

CONFIG = """
defaults: {protocol: icmp}
modules:
  datagrams: {protocol: udp, probes: 1}
  slow: {probes: 5, timeout: 5s}
enrichment: {rdns: false, asn: {source: none}}
targets: []
probe: {allow: [192.0.2.0/24, "2001:db8::/32", "*.example.net"], concurrency: 3}
"""
FLAG = "--web.enable-probe"
TIMEOUT = "X-Prometheus-Scrape-Timeout-Seconds"


def probe(daemon: Daemon, query: str, **headers: str) -> Scrape:
    """The answer, which must be good."""
    return Scrape(daemon.get(f"/probe?{query}", **headers))


def counts(daemon: Daemon) -> dict[str, float]:
    """Requests by their result, those that there were."""
    found = daemon.scrape().samples["ftr_probe_requests_total"]
    return {dict(labels)["result"]: count for labels, count in found.items() if count}


def test_one_trace_and_its_metrics_alone(lab_factory: LabFactory) -> None:
    """By address, in both families and by another module: the path as it is, a target's metrics,

    nothing of the exporter itself; and the exporter's own page shows nothing of it.
    """
    lab = lab_factory("troubled")
    with running(lab, CONFIG, FLAG) as daemon:
        scrape = probe(daemon, "target=192.0.2.1")
        assert scrape.value("ftr_target_reached", target="192.0.2.1", protocol="icmp") == 1
        assert scrape.value("ftr_target_probes_sent_total") == 3
        hops = scrape.labels("ftr_hop_loss_ratio")
        assert [hop["hop"] for hop in hops] == [str(ttl) for ttl in range(1, len(hops) + 1)]
        assert hops[-1]["address"] == "192.0.2.1"
        assert {name.partition("_")[0] for name in scrape.samples} == {"ftr"}
        assert "ftr_targets" not in scrape.samples
        other = probe(daemon, "target=192.0.2.1&module=datagrams")
        assert other.value("ftr_target_reached", protocol="udp") == 1
        v6 = lab.world.targets["plain"].node.addresses.of(6)
        assert probe(daemon, f"target={v6}").value("ftr_target_reached", family="ipv6") == 1
        assert daemon.scrape().all("ftr_target_info") == {}
        assert counts(daemon) == {"done": 3}
        openmetrics = daemon.get(
            "/probe?target=192.0.2.1", Accept="application/openmetrics-text; version=1.0.0"
        )
        assert openmetrics.endswith("# EOF\n")
        assert daemon.stop() < 5


def test_debug_explains(lab_factory: LabFactory) -> None:
    """Settings, steps, hops, and the metrics behind them."""
    lab = lab_factory("troubled")
    with running(lab, CONFIG, FLAG) as daemon:
        text = daemon.get("/probe?target=192.0.2.1&debug=true")
        for words in (
            *("settings\n  protocol: icmp\n", "\n  mtu: false\n"),
            *("steps\n", 'allowed by "192.0.2.0/24"', "ipv4: destination, 7 hops\n"),
        ):
            assert words in text
        assert "192.0.2.1 reached in" in text
        assert "\nmetrics\n# HELP ftr_target_info" in text


@pytest.mark.parametrize("seconds", ["1", "2.5"])
def test_the_answer_comes_before_the_scraper_gives_up(
    lab_factory: LabFactory, seconds: str
) -> None:
    """The destination is silent and the module patient: what is known by then, in time."""
    lab = lab_factory("troubled")
    dark = lab.world.targets["dark"].node.addresses.of(4)
    with running(lab, CONFIG, FLAG) as daemon:
        started = time.monotonic()
        scrape = probe(daemon, f"target={dark}&module=slow", **{TIMEOUT: seconds})
        assert time.monotonic() - started < float(seconds)
        assert scrape.value("ftr_target_reached") == 0
        assert scrape.labels("ftr_hop_info")[0]["address"] == "10.1.1.1"


def test_names_that_do_not_resolve_are_errors(lab_factory: LabFactory) -> None:
    """No name server answers: no loss, an error with its reason, in time."""
    lab = lab_factory("troubled")
    config = CONFIG + "resolver: {nameservers: [127.0.0.1], port: 1, timeout: 60s}\n"
    with running(lab, config, FLAG) as daemon:
        scrape = probe(daemon, "target=www.example.net", **{TIMEOUT: "1"})
        assert scrape.value("ftr_target_reached", target="www.example.net") == 0
        assert scrape.value("ftr_errors_total", reason="resolve") == 1
        assert scrape.value("ftr_target_probes_sent_total") == 0


REFUSED = (
    *(("", 400), ("target=", 400), ("target=192.0.2.1&target=192.0.2.2", 400)),
    *(("target=192.0.2.1&module=web", 400), ("target=192.0.2.1&debug=yes", 400)),
    *(("target=192.0.2.1&module=a&module=b", 400), ("Target=192.0.2.1", 400)),
    *(("target=198.51.100.1", 403), ("target=127.0.0.1", 403), ("target=localhost", 403)),
    *(("target=example.net", 403), ("target=www.example.net.evil.org", 403)),
    *(("target=%31%32%37.0.0.1", 403), ("target=::1", 403)),
    *(("target=0x7f.1", 400), ("target=2130706433", 400), ("target=::ffff:192.0.2.1", 400)),
    *(("target=192.0.2.1%00", 400), ("target=192.0.2.1%0d%0aX:%20y", 400)),
    *(("target=192.0.2.1/24", 400), ("target=http://192.0.2.1/", 400)),
    *(("target=192.0.2.1:80", 400), ("target=%C3%A4.example.net", 400)),
    *(("target=fe80::1%25lo0", 400), ("target=192.0.2.255%20", 400), ("target=%ff", 400)),
    ("target=" + "a." * 2000 + "example.net", 400),
    ("target=192.0.2.1&module=" + quote("<script>alert(1)</script>"), 400),
)


def test_hostile_queries_send_nothing(shared: Daemon) -> None:
    """Refused in one short line."""
    for query, status in REFUSED:
        found, text = shared.ask(f"/probe?{query}")
        assert found == status, (query, text)
        assert text.count("\n") == 1, query
        assert len(text) < 500, query


def test_a_senseless_timeout_is_refused(shared: Daemon) -> None:
    """The scraper's header is no number of seconds."""
    for timeout in ("0", "-1", "nan", "inf", "1e999", "soon", "", "1,5"):
        assert shared.ask("/probe?target=192.0.2.1", **{TIMEOUT: timeout})[0] == 400, timeout


def test_other_sites_pages_and_methods_send_nothing(shared: Daemon) -> None:
    """An image in a stranger's page, a form, a crawler's HEAD."""
    path = "/probe?target=192.0.2.1"
    assert shared.ask(path, **{"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert shared.ask(path, Referer="http://evil.example/")[0] == 403
    assert shared.ask(path, "POST")[0] == 405
    assert shared.ask(path, "HEAD")[0] == 405
    assert "done" not in counts(shared)


@pytest.fixture
def shared(lab_factory: LabFactory) -> Iterator[Daemon]:
    """A daemon that answers `/probe`."""
    lab = lab_factory("troubled")
    with running(lab, CONFIG, FLAG) as daemon:
        yield daemon
        assert not lab.truth().records


def test_off_by_default(lab_factory: LabFactory) -> None:
    """Without the flag, and with it but without an entry: 403 that says what is missing."""
    lab = lab_factory("troubled")
    with running(lab, CONFIG) as daemon:
        status, text = daemon.ask("/probe?target=192.0.2.1")
        assert (status, FLAG in text) == (403, True)
    with running(lab, "targets: []", FLAG) as daemon:
        status, text = daemon.ask("/probe?target=192.0.2.1")
        assert (status, "probe.allow" in text) == (403, True)


def test_load_is_bounded_and_nobody_waits_too_long(lab_factory: LabFactory) -> None:
    """Forty scrapers at once for three slots: each gets its answer in time, a trace or "busy";

    afterwards no socket is left.
    """
    lab = lab_factory("troubled")
    dark = lab.world.targets["dark"].node.addresses.of(4)
    with running(lab, CONFIG, FLAG) as daemon:
        before = daemon.scrape().value("process_open_fds")

        def scrape(number: int) -> tuple[int, float]:
            started = time.monotonic()
            host = dark if number % 2 else "192.0.2.1"
            status, _ = daemon.ask(f"/probe?target={host}", **{TIMEOUT: "8"})
            return status, time.monotonic() - started

        with ThreadPoolExecutor(40) as pool:
            found = list(pool.map(scrape, range(40)))
        assert {status for status, _ in found} == {200, 503}
        assert max(seconds for _, seconds in found) < 8
        result = counts(daemon)
        assert sum(result.values()) == 40
        assert result["busy"] == len([status for status, _ in found if status == 503])
        daemon.until(lambda s: s.value("process_open_fds") <= before + 2)


def test_a_scraper_that_goes_away_ends_the_trace(lab_factory: LabFactory) -> None:
    """Three with a patient trace each hang up; the slots are free at once for the next."""
    lab = lab_factory("troubled")
    dark = lab.world.targets["dark"].node.addresses.of(4)
    with running(lab, CONFIG, FLAG) as daemon:
        before = daemon.scrape().value("process_open_fds")
        host, _, port = daemon.address.rpartition(":")
        clients = [socket.create_connection((host, int(port))) for _ in range(3)]
        for client in clients:
            client.sendall(
                f"GET /probe?target={dark}&module=slow HTTP/1.1\r\nHost: x\r\n"
                f"{TIMEOUT}: 60\r\n\r\n".encode()
            )
        daemon.until(lambda s: s.value("process_open_fds") >= before + 6)
        for client in clients:
            client.close()
        started = time.monotonic()
        assert probe(daemon, "target=192.0.2.1&module=datagrams").value("ftr_target_reached") == 1
        assert time.monotonic() - started < 5
        daemon.until(lambda s: s.value("process_open_fds") <= before + 2)
        assert daemon.stop() < 5
