"""Takes the pictures of the documentation: `python -m tests.screenshots`, some three minutes.

The daemon runs on the imaginary internet of `make demo`; a route changes before the pictures.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import yaml

from tests.browser import WHY_NONE, chromium, find
from tests.daemon import Daemon, running
from tests.lab import namespace
from tests.lab.inside import ROUTES, configuration
from tests.lab.lab import ROOT, Lab
from tests.picture import small
from tests.test_daemon import names

IMAGES = ROOT / "docs" / "images"
SECONDS = 70
PICTURES = {"targets": ("/", "tr.row .spark", 760), "target": ("/targets/storage", ".graph", 1500)}


def main() -> int:
    """Take them all."""
    if find() is None:
        print(WHY_NONE, file=sys.stderr)
        return 1
    namespace.enter()
    with ExitStack() as stack:
        lab = stack.enter_context(Lab("demo"))
        port = stack.enter_context(names(lab))
        config = configuration(lab.world)
        config["resolver"] = {"nameservers": ["127.0.0.1"], "port": port}
        config["defaults"] = {"interval": "3s", "timeout": "1s", "flows": 6}
        daemon = stack.enter_context(running(lab, yaml.safe_dump(config)))
        for name in ("cdn-edge", "storage"):
            time.sleep(SECONDS)
            lab.set_target(name, path=ROUTES[name][0])
        time.sleep(SECONDS)
        asyncio.run(take(daemon))
    return 0


async def take(daemon: Daemon) -> None:
    """Both pages, light and dark."""
    async with chromium() as browser:
        for name, (path, ready, height) in PICTURES.items():
            for scheme in ("light", "dark"):
                page = await browser.page()
                await page.look(width=1200, height=height, dark=scheme == "dark")
                await page.open(f"http://{daemon.address}{path}")
                await page.until(f"document.querySelector({ready!r}) !== null")
                write(IMAGES / f"{name}-{scheme}.png", await page.screenshot(height=height))


def write(path: Path, png: bytes) -> None:
    """Keep a picture, small."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(small(png))
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (namespace.NamespaceUnavailable, subprocess.SubprocessError) as error:
        print(error, file=sys.stderr)
        sys.exit(1)
