"""The pages in a real Chromium, in front of the real server with a small imaginary world."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from urllib.parse import quote

from exporter.model import HostInfo
from exporter.monitoring.view import PathFacts
from exporter.server.api import event_json
from exporter.server.events import EventKind
from exporter.settings import Target
from exporter.trace.mtu import PathMtu
from exporter.watch.verdict import Knowledge
from tests.asking import WEB
from tests.browser import Browser
from tests.paging import CONTRAST, browse, needs_chromium, opened, own
from tests.serving import FAILED, REACHED, REFUSED, World, state
from tests.test_recent import trace

pytestmark = needs_chromium

CHANGE = {
    "at": "2026-01-31T12:02:00.000Z",
    "address": "192.0.2.1",
    "since": "2026-01-31T12:01:58.000Z",
    "words": "hop 1: 198.51.100.1 instead of 198.51.100.77",
    "first_ttl": 1,
    "old_path": ["198.51.100.77", None, "192.0.2.1"],
    "new_path": ["198.51.100.1", None, "192.0.2.1"],
    "old_as_path": [64500],
    "new_as_path": [64500, 64501],
    "differences": [{"ttl": 1, "old": ["198.51.100.77"], "new": ["198.51.100.1"]}],
}
LIST, PATH = "tr.row", ".graph"


def small_world() -> World:
    """A target with a past, one that is refused, one that failed, one that is new."""
    shown = state(WEB, REACHED)
    view = shown.views[0]
    for number in range(40):
        view.tally.add(trace(number, (0.01, 0.012, 0.02)[: 3 - number % 4 // 3], hops=3))
    known = Knowledge(
        path=view.path,
        hops=3,
        branches=2,
        addresses={1: ("198.51.100.1", "198.51.100.9", "198.51.100.10")},
    )
    facts = PathFacts(known=known, changes=1, changed_at=1_769_860_920.0, history=(CHANGE,))
    return World(
        [
            replace(shown, views=(replace(view, facts=facts),)),
            state(Target("shut", "192.0.2.1"), REFUSED),
            state(Target("lost", "www.example.net"), FAILED),
            state(Target("new", "192.0.2.3")),
        ]
    )


def test_pages_open_without_complaints() -> None:
    """Light and dark, wide and on a phone: nothing on the console, no policy violated, enough
    contrast, nothing wider than the screen, and nobody else asked for anything."""

    async def scene(browser: Browser, base: str) -> None:
        for path, ready in (("/", LIST), ("/targets/web", PATH), ("/targets/lost", ".remedy")):
            page = await opened(browser, base + path, ready)
            for dark in (False, True):
                for width, phone in ((1280, False), (360, True)):
                    await page.look(width=width, height=800, dark=dark, phone=phone)
                    await page.until(f"innerWidth === {width}")
                    wide = "document.documentElement.scrollWidth <= innerWidth"
                    assert await page.run(wide), f"{path} is wider than {width}"
                    assert await page.run(CONTRAST) == [], f"{path}, dark: {dark}"
            odd = "(document.body.innerText.match(/undefined|NaN|null|\\[object/g) || []).join()"
            assert await page.run(odd) == "", f"{path} shows what is no text"
            assert page.problems == []
            assert own(page, base)

    browse(small_world(), scene)


def test_hostile_names_are_text() -> None:
    """Markup in a target's name, a label, a host name, an AS name and an error stays text."""
    evil = '"><img src=x onerror="window.hit=1"><script>window.hit=1</script>'
    target = Target(evil, "www.example.net", labels=(("label", evil),))
    shown = state(target, REACHED, replace(FAILED, message=evil))
    infos = {
        each: HostInfo(evil, 64500, evil, evil, evil) for each in ("198.51.100.1", "192.0.2.1")
    }
    view = replace(shown.views[0], infos=infos)
    facts = PathFacts(known=Knowledge(path=view.path), history=({**CHANGE, "words": evil},))
    world = World([replace(shown, views=(replace(view, facts=facts), shown.views[1]))])

    async def scene(browser: Browser, base: str) -> None:
        for path, ready in (("/", LIST), (f"/targets/{quote(evil, safe='')}", PATH)):
            page = await opened(browser, base + path, ready)
            assert await page.run(f"document.body.innerText.includes({evil!r})")
            assert await page.run("document.querySelectorAll('img, script:not([src])').length") == 0
            assert await page.run("window.hit") is None
            assert page.problems == []

    browse(world, scene)


def test_path_mtu_names_who_limits_it() -> None:
    """A router says what fits; another path drops large packets without a word."""
    told, silent = (state(Target(name, "192.0.2.1"), REACHED) for name in ("told", "silent"))
    known = PathFacts(mtu=PathMtu(1400, "198.51.100.9"))
    told = replace(told, views=(replace(told.views[0], facts=known),))
    known = PathFacts(mtu=PathMtu(1280, black_hole=True))
    silent = replace(silent, views=(replace(silent.views[0], facts=known),))
    world = World([told, silent])

    async def scene(browser: Browser, base: str) -> None:
        for name, words in (
            ("told", "1400 B, says 198.51.100.9"),
            ("silent", "1280 B, black hole"),
        ):
            page = await opened(browser, f"{base}/targets/{name}", PATH)
            assert await page.run(f"document.querySelector('.facts').innerText.includes({words!r})")
            assert page.problems == []

    browse(world, scene)


def test_ten_thousand_rows_scroll_and_filter() -> None:
    """Only what is in view is in the page; the end is reached, and each letter takes no time."""
    states = [state(Target(f"target-{number}", "192.0.2.1"), REACHED) for number in range(10_000)]

    async def scene(browser: Browser, base: str) -> None:
        page = await opened(browser, base, LIST)
        rows = "document.querySelectorAll('tr.row').length"
        assert await page.run(rows) < 100
        assert await page.run("document.querySelector('table').ariaRowCount") == "10001"
        await page.run("scrollTo(0, document.documentElement.scrollHeight)")
        await page.until("document.body.innerText.includes('target-9999')")
        assert await page.run(rows) < 100
        await page.run("scrollTo(0, 0)")
        took = await page.run(
            "(() => { const start = performance.now(); const box = document.getElementById("
            "'filter'); for (const text of ['t', 'ta', 'target-99', 'target-998']) { box.value ="
            " text; box.dispatchEvent(new Event('input')); } return performance.now() - start; })()"
        )
        assert took / 4 < 250
        assert await page.run(rows) == 11
        assert await page.run("document.querySelector('.count').textContent") == "11 of 10000"
        assert page.problems == []

    browse(World(states), scene)


def test_a_page_can_be_used_by_keyboard_alone() -> None:
    """Skip, filter, move through the rows, open a target, read the chart, choose a moment."""

    async def scene(browser: Browser, base: str) -> None:
        page = await opened(browser, base, LIST)
        await page.press("Tab")
        assert await page.run("document.activeElement.className") == "skip"
        await page.press("Enter")
        assert await page.run("document.activeElement.id") == "main"
        await page.press("/")
        assert await page.run("document.activeElement.id") == "filter"
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert await page.run(outline) == "solid"
        await page.press("Escape")
        await page.press("ArrowDown")
        assert await page.run("document.activeElement.textContent") == "lost"
        await page.press("ArrowDown")
        await page.press("End")
        assert await page.run("document.activeElement.textContent") == "new"
        await page.press("ArrowUp")
        assert await page.run("document.activeElement.textContent") == "web"
        assert await page.run(outline) == "solid"
        await page.press("Enter")
        await page.until(
            "location.pathname === '/targets/web' && document.querySelector('.graph') !== null"
        )
        for _ in range(60):
            await page.press("Tab")
            if await page.run("document.activeElement.role === 'slider'"):
                break
        await page.press("ArrowLeft")
        spoken = await page.run("document.activeElement.getAttribute('aria-valuetext')")
        assert "median 12.0 ms" in spoken
        await page.press("Enter")
        assert "at=2026-01-31T12:3" in await page.run("location.search")
        assert page.problems == []

    browse(small_world(), scene)


def test_a_moment_has_an_address_of_its_own() -> None:
    """Before the change the old router was on the path; the way back to now is a button."""

    async def scene(browser: Browser, base: str) -> None:
        url = f"{base}/targets/web?at=2026-01-31T12:01:00Z"
        page = await opened(browser, url, ".banner:not([hidden])")
        text = await page.run("document.querySelector('.hops').innerText")
        assert "198.51.100.77" in text
        assert "nearest cycle" in await page.run("document.querySelector('.banner').innerText")
        await page.run("document.querySelector('.banner button').click()")
        await page.until("!document.querySelector('.hops').innerText.includes('198.51.100.77')")
        assert await page.run("location.search") == ""
        await page.run("history.back()")
        await page.until("document.querySelector('.hops').innerText.includes('198.51.100.77')")
        assert page.problems == []

    browse(small_world(), scene)


def test_what_is_no_moment_is_told() -> None:
    """Somebody mistyped the moment in the address: now is shown, and the page says so."""

    async def scene(browser: Browser, base: str) -> None:
        page = await opened(browser, f"{base}/targets/web?at=zzz%3Cb%3E", ".banner:not([hidden])")
        text = await page.run("document.querySelector('.banner').innerText")
        assert "“zzz<b>” in the address is no moment, as 2026-01-31T12:00:00Z is" in text
        assert "198.51.100.77" not in await page.run("document.querySelector('.hops').innerText")
        await page.run("document.querySelector('.banner button').click()")
        await page.until("document.querySelector('.banner').hidden")
        assert await page.run("location.search") == ""
        assert page.problems == []

    browse(small_world(), scene)


def test_a_path_can_be_copied_for_a_ticket() -> None:
    """As text, JSON, Markdown and as a link; also where the browser has no clipboard to offer."""

    async def scene(browser: Browser, base: str) -> None:
        grant = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"], "origin": base}
        await browser.send("Browser.grantPermissions", grant)
        page = await opened(browser, f"{base}/targets/web", PATH)
        copied = {}
        for form in ("JSON", "Markdown", "link", "text"):
            if form == "text":
                await page.run("navigator.clipboard.writeText = undefined")
            await page.run(
                "[...document.querySelectorAll('button')].find((each) => each.textContent === "
                f"'Copy {form}').click()"
            )
            await page.until(f"document.querySelector('.said').textContent === 'Copied {form}.'")
            copied[form] = await page.run("navigator.clipboard.readText()")
        lines = copied["text"].splitlines()
        assert lines[0].startswith("Path to web (192.0.2.1) by icmp over ipv4, 2026-01-31T12:00:00")
        assert any("gw.example.net" in line and "AS64500 EXAMPLE" in line for line in lines)
        assert any(line.split()[:3] == ["2", "no", "answer"] for line in lines)
        assert '"stop_reason": "destination"' in copied["JSON"]
        assert (
            "| 1 | gw.example.net | 198.51.100.1 MPLS 24017 | AS64500 EXAMPLE |"
            in (copied["Markdown"])
        )
        assert copied["link"].startswith(f"{base}/targets/web?at=20")
        assert page.problems == []

    browse(small_world(), scene)


def test_a_lost_connection_goes_on_without_a_gap() -> None:
    """The stream breaks, a target goes down meanwhile: the row says so, nothing is reloaded."""
    world = small_world()

    async def scene(browser: Browser, base: str) -> None:
        page = await opened(browser, base, LIST)
        await page.until("document.getElementById('live').textContent === 'live'")
        loads = count()
        asked = len([url for url in page.requests if "/targets?" in url])
        for listener in list(world.events._listeners):
            listener.close()
        down = replace(world.states[0].views[0], trace=REFUSED)
        world.events.emit(EventKind.STATE, "web", event_json(down))
        await page.until(
            "[...document.querySelectorAll('tr.row')].some((row) => row.innerText.includes('web')"
            " && row.innerText.includes('unreachable: host unreachable'))"
        )
        assert len([url for url in page.requests if "/targets?" in url]) == asked + next(loads)
        # A connection that broke off is nothing that a console should keep quiet about.
        assert [each for each in page.problems if "ERR_" not in each] == []

    browse(world, scene)


def test_without_scripts_the_tables_are_there() -> None:
    """As the server has written them."""

    async def scene(browser: Browser, base: str) -> None:
        page = await browser.page()
        await page.send("Emulation.setScriptExecutionDisabled", value=True)
        await page.send("Page.navigate", url=base)
        for text in ("unreachable: host unreachable by 198.51.100.7", "web"):
            await page.until(f"document.body?.innerText.includes({text!r})")
        await page.send("Page.navigate", url=f"{base}/targets/web")
        await page.until("document.body?.innerText.includes('gw.example.net')")
        assert page.problems == []

    browse(small_world(), scene)
