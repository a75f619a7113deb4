"""The pages in a real Chromium in front of the daemon, which traces a world that we change."""

from __future__ import annotations

import asyncio
import json
import signal
import time

from tests.browser import Browser, Page
from tests.conftest import LabFactory
from tests.daemon import Daemon, running
from tests.paging import needs_chromium, opened, own, watch

pytestmark = needs_chromium

QUIET = "enrichment: {rdns: false, asn: {source: none}}\n"


async def click(page: Page, label: str) -> None:
    """Press the button with this label."""
    await page.run(
        "[...document.querySelectorAll('button')].find((each) => each.textContent === "
        f"{label!r}).click()"
    )


def test_changed_route_appears_without_reload(lab_factory: LabFactory) -> None:
    """A router is replaced: both pages show it within two seconds of the cycle that confirmed it,
    and the old path can be held against the new one."""
    lab = lab_factory("troubled")
    lab.set_hop("leaky", loss=0)
    config = QUIET + (
        "defaults: {interval: 3s, timeout: 1s, probes: 2}\n"
        "targets: [{name: lossy, host: 192.0.2.3}]\n"
    )

    async def scene(browser: Browser, daemon: Daemon) -> None:
        base = f"http://{daemon.address}"
        home = await opened(browser, base, "tr.row .spark")
        page = await opened(browser, f"{base}/targets/lossy", ".graph")
        await page.run("window.same = true")
        assert "203.0.113.21" in await page.run("document.querySelector('.hops').innerText")
        await asyncio.to_thread(lab.set_target, "lossy", path=["home", "gw", "core2", "edge"])
        await page.until("document.querySelector('.events').innerText.includes('path changed')")
        seen = time.time()
        await home.until("document.querySelector('tr.row .c-change time') !== null", 2)
        text = await asyncio.to_thread(daemon.scrape)
        confirmed = text.value("ftr_path_last_change_timestamp_seconds", target="lossy")
        assert seen - confirmed < 2
        assert "203.0.113.2\n" in await page.run("document.querySelector('.hops').innerText")
        differs = "document.querySelector('.diff .differs').innerText"
        assert (await page.run(differs)).split() == ["3≠", "203.0.113.21", "203.0.113.2"]
        assert await page.run("window.same")
        assert page.problems == home.problems == []
        assert own(page, base)

    with running(lab, config) as daemon:
        daemon.until_traced(5, "lossy")
        watch(lambda browser: scene(browser, daemon))


def test_trace_on_demand_shows_hops_as_they_arrive(lab_factory: LabFactory) -> None:
    """Traced every ten minutes: a button gives a trace now, hop by hop; a second click too soon
    is refused in words."""
    lab = lab_factory("small")
    config = QUIET + (
        "defaults: {interval: 10m, timeout: 500ms}\n"
        "targets: [{name: web/1, host: 192.0.2.1}, {name: here, host: 127.0.0.1}]\n"
    )

    async def scene(browser: Browser, daemon: Daemon) -> None:
        page = await opened(browser, f"http://{daemon.address}/targets/web/1", ".graph")
        await page.until("document.getElementById('live').textContent === 'live'")
        before = daemon.scrape().value("ftr_traces_total", target="web/1")
        await click(page, "Trace now")
        await page.until("document.querySelectorAll('.ticker li').length >= 4")
        await page.until("document.querySelector('.said').textContent.startsWith('traced in')")
        said = await page.run("document.querySelector('.said').textContent")
        assert "reached, 4 hops" in said
        assert daemon.scrape().value("ftr_traces_total", target="web/1") == before + 1
        first = await page.run("document.querySelector('.ticker li').innerText")
        assert "ms" in first
        await click(page, "Trace now")
        await page.until("document.querySelector('.said').textContent.includes('wait')")
        assert [each for each in page.problems if "429" not in each] == []
        near = await opened(browser, f"http://{daemon.address}/targets/here", ".graph")
        await near.until("document.getElementById('live').textContent === 'live'")
        await click(near, "Trace now")
        await near.until("document.querySelector('.said').textContent.endsWith(': reached, 1 hop')")

    with running(lab, config) as daemon:
        daemon.until_traced(1, "web/1")
        watch(lambda browser: scene(browser, daemon))


# A tab in the background, as far as its page can tell.
HIDDEN = """
Object.defineProperty(document, "hidden", { get: () => !window.shown });
window.show = (shown) => {
  window.shown = shown;
  document.dispatchEvent(new Event("visibilitychange"));
};
"""


def test_tabs_in_the_background_take_no_connection(lab_factory: LabFactory) -> None:
    """Nine tabs are opened behind the one on show, where a browser has six connections: each has
    its path, and one that comes to the front is live and shows what it has missed."""
    lab = lab_factory("small")
    config = QUIET + (
        "defaults: {interval: 1s, timeout: 500ms}\ntargets: [{name: web, host: 192.0.2.1}]\n"
    )
    sign = "document.getElementById('live').textContent"

    async def scene(browser: Browser, daemon: Daemon) -> None:
        pages = []
        for _ in range(9):
            page = await browser.page()
            await page.send("Page.addScriptToEvaluateOnNewDocument", source=HIDDEN)
            await page.open(f"http://{daemon.address}/targets/web")
            await page.until("document.querySelector('.graph') !== null")
            assert await page.run(sign) == "paused"
            pages.append(page)
        page = pages[0]
        sent = "Number(document.querySelector('.hops tbody').innerText.match(/%\\t(\\d+)/)[1])"
        before = await page.run(sent)
        daemon.until_traced(int(before) + 2, "web")
        await page.run("show(true)")
        await page.until(f"{sign} === 'live'")
        await page.until(f"{sent} > {before}")
        await page.run("show(false)")
        await page.until(f"{sign} === 'paused'")
        assert all(page.problems == [] for page in pages)

    with running(lab, config) as daemon:
        daemon.until_traced(1, "web")
        watch(lambda browser: scene(browser, daemon))


def test_a_reload_shows_without_one(lab_factory: LabFactory) -> None:
    """A target goes, another comes by SIGHUP: both pages say so, nobody reloads them."""
    lab = lab_factory("small")
    config = (
        QUIET + "defaults: {interval: 1s, timeout: 500ms}\ntargets: [{name: %s, host: 192.0.2.1}]\n"
    )

    async def scene(browser: Browser, daemon: Daemon) -> None:
        home = await opened(browser, f"http://{daemon.address}", "tr.row .spark")
        page = await opened(browser, f"http://{daemon.address}/targets/old", ".graph")
        (lab.shared / "config.yaml").write_text(config % "new")
        daemon.process.send_signal(signal.SIGHUP)
        await home.until("document.querySelector('tr.row a').textContent === 'new'")
        assert await home.run("document.querySelectorAll('tr.row').length") == 1
        await page.until("document.querySelector('.banner').innerText.includes('no target named')")
        assert home.problems == []

    with running(lab, config % "old") as daemon:
        daemon.until_traced(1, "old")
        watch(lambda browser: scene(browser, daemon))


def test_history_and_events_of_a_real_run(lab_factory: LabFactory) -> None:
    """What the API keeps agrees with the counters, for each cycle and each hop."""
    lab = lab_factory("small")
    config = QUIET + "targets: [{name: web, host: 192.0.2.1, interval: 1s, timeout: 500ms}]\n"
    with running(lab, config) as daemon:
        daemon.until_traced(4, "web")
        (family,) = json.loads(daemon.get("/api/v1/history?target=web"))["families"]
        assert len(family["cycles"]) >= 4
        assert all((each["sent"], each["lost"]) == (3, 0) for each in family["cycles"])
        assert all(len(each["rtt_seconds"]) == 3 for each in family["cycles"])
        (span,) = family["spans"]
        assert [hop["ttl"] for hop in span["hops"]] == [1, 2, 3, 4]
        assert span["hops"][0]["sent"] == 3 * len(family["cycles"])
        assert daemon.stop() < 5
