"""A browser in front of a server: what every test of the pages begins with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from exporter.server import make_app, start_server
from tests.browser import WHY_NONE, Browser, Page, chromium, find
from tests.serving import World

needs_chromium = pytest.mark.skipif(find() is None, reason=WHY_NONE)

Scene = Callable[[Browser, str], Awaitable[None]]

# Every text that can be seen, with its contrast to what is painted behind it (WCAG 2.2, 1.4.3).
CONTRAST = """
(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const parse = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const light = (rgb) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = rgb.map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    for (let each = node; each; each = each.parentElement) {
      const [r, g, b, a] = parse(getComputedStyle(each).backgroundColor);
      if (a > 0.99) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const bad = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    const text = walker.currentNode.data.trim();
    if (!text || !node.checkVisibility() || node.closest("noscript, .skip, script")) continue;
    const style = getComputedStyle(node);
    const ink = node.closest("svg") ? style.fill : style.color;
    const [one, two] = [light(parse(ink).slice(0, 3)), light(ground(node))];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (ratio < 4.5) bad.push(`${text.slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return bad;
})()
"""


@asynccontextmanager
async def served(world: World) -> AsyncIterator[str]:
    """The real server; gives its address."""
    server = await start_server(make_app(world), ["127.0.0.1:0"])
    try:
        yield f"http://{server.addresses[0]}"
    finally:
        await server.stop(0.1)


def browse(world: World, scene: Scene) -> None:
    """Play a scene with a browser and the server of this world."""

    async def main() -> None:
        async with served(world) as base, chromium() as browser:
            await scene(browser, base)

    asyncio.run(main())


def watch(scene: Callable[[Browser], Awaitable[None]]) -> None:
    """Play a scene with a browser alone."""

    async def main() -> None:
        async with chromium() as browser:
            await scene(browser)

    asyncio.run(main())


async def opened(browser: Browser, url: str, ready: str) -> Page:
    """A tab that shows this page, with an element that says that its script has drawn it."""
    page = await browser.page()
    await page.open(url)
    await page.until(f"document.querySelector({ready!r}) !== null")
    return page


def own(page: Page, base: str) -> bool:
    """Whether it asked nobody but this server."""
    return all(url.startswith((base, "data:", "about:")) for url in page.requests)
