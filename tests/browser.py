"""A real Chromium without a window, driven over its DevTools protocol; it never leaves loopback."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

PATIENCE = 30.0
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--no-proxy-server",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
WHY_NONE = "Chromium is missing; install it (Debian: apt-get install chromium)"


def find() -> str | None:
    """Where Chromium is; None where it is not installed."""
    return shutil.which("chromium")


class Page:
    """One tab. `problems` has what its console complained about, violated policies too."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session
        self.problems: list[str] = []
        self.requests: list[str] = []

    async def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the DevTools protocol."""
        return await self._browser.send(method, parameters, self._session)

    async def open(self, url: str) -> None:
        """Go there; gives back when the page has loaded."""
        await self.send("Page.navigate", url=url)
        await self.until(
            f"location.href.startsWith({json.dumps(url)}) && document.readyState === 'complete'"
        )

    async def run(self, script: str) -> Any:
        """What an expression gives, as JSON has it."""
        got = await self.send(
            "Runtime.evaluate",
            expression=script,
            returnByValue=True,
            awaitPromise=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in got, got["exceptionDetails"]
        return got["result"].get("value")

    async def until(self, condition: str, seconds: float = PATIENCE) -> Any:
        """Wait until an expression holds; gives its value."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while loop.time() < deadline:
            value = await self.run(condition)
            if value:
                return value
            await asyncio.sleep(0.02)
        text = await self.run("document.body.innerText")
        raise AssertionError(
            f"never so: {condition}; problems: {self.problems}; page: {text[:800]}"
        )

    async def press(self, key: str, code: int = 0, text: str = "", modifiers: int = 0) -> None:
        """Press and release a key, as `Tab`, `Enter` or `a`."""
        known = {"Tab": 9, "Enter": 13, "Escape": 27, "End": 35, "Home": 36, "PageDown": 34}
        known |= {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, " ": 32}
        text = text or ("\r" if key == "Enter" else key if len(key) == 1 else "")
        number = code or known.get(key, ord(key.upper()) if len(key) == 1 else 0)
        for kind in ("keyDown", "keyUp"):
            await self.send(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                windowsVirtualKeyCode=number,
                modifiers=modifiers,
                **({"text": text} if text and kind == "keyDown" else {}),
            )

    async def type(self, text: str) -> None:
        """Type a text."""
        for each in text:
            await self.press(each)

    async def look(
        self, *, width: int, height: int, dark: bool = False, phone: bool = False
    ) -> None:
        """How large the screen is, and what its user prefers."""
        await self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=phone,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.send("Emulation.setEmulatedMedia", features=[scheme])

    async def screenshot(self, *, height: int | None = None) -> bytes:
        """A picture of the page from its top, as PNG; the screen alone unless told how high."""
        clip: Mapping[str, Any] = {}
        if height is not None:
            width = await self.run("innerWidth")
            box = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
            clip = {"clip": box, "captureBeyondViewport": True}
        got = await self.send("Page.captureScreenshot", format="png", **clip)
        return base64.b64decode(got["data"])

    def hear(self, method: str, parameters: dict[str, Any]) -> None:
        """An event of this tab."""
        if method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning"):
            values = [each.get("value", each.get("description")) for each in parameters["args"]]
            self.problems.append(f"console: {values}")
        elif method == "Runtime.exceptionThrown":
            self.problems.append(f"exception: {parameters['exceptionDetails']}")
        elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            entry = parameters["entry"]
            self.problems.append(f"log: {entry['text']} {entry.get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])


class Browser:
    """The connection to a running Chromium."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._pages: dict[str, Page] = {}

    async def page(self) -> Page:
        """A new tab."""
        target = await self.send("Target.createTarget", {"url": "about:blank"})
        attach = {"targetId": target["targetId"], "flatten": True}
        session = (await self.send("Target.attachToTarget", attach))["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            await page.send(f"{domain}.enable")
        await page.look(width=1280, height=800)
        return page

    async def send(
        self, method: str, parameters: Mapping[str, Any], session: str | None = None
    ) -> dict[str, Any]:
        """A command, answered."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        form = {"id": number, "method": method, "params": parameters}
        await self._socket.send_json(form | ({"sessionId": session} if session else {}))
        return await asyncio.wait_for(answer, PATIENCE)

    async def listen(self) -> None:
        """Take in what the browser says, until it ends."""
        async for message in self._socket:
            form = json.loads(message.data)
            if "id" not in form:
                page = self._pages.get(form.get("sessionId", ""))
                if page is not None:
                    page.hear(form["method"], form["params"])
                continue
            answer = self._answers.pop(form["id"])
            if answer.done():
                continue
            if "error" in form:
                answer.set_exception(AssertionError(form["error"]["message"]))
            else:
                answer.set_result(form["result"])


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A Chromium of its own, with a fresh profile; nothing of it is left afterwards."""
    path = find()
    assert path is not None, WHY_NONE
    with tempfile.TemporaryDirectory(prefix="ftr-chromium-", ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            *(path, *FLAGS, f"--user-data-dir={profile}", "about:blank"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={"HOME": profile, "PATH": "/usr/bin:/bin"},
        )
        try:
            address = await asyncio.to_thread(_address, Path(profile, "DevToolsActivePort"))
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(address, max_msg_size=0) as socket,
            ):
                browser = Browser(socket)
                listening = asyncio.create_task(browser.listen())
                yield browser
                listening.cancel()
                with suppress(asyncio.CancelledError):
                    await listening
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


def _address(file: Path) -> str:
    """Where it listens, which it writes down as soon as it does."""
    deadline = time.monotonic() + PATIENCE
    while not file.exists() or file.read_text().count("\n") < 1:
        assert time.monotonic() < deadline, "Chromium did not start"
        time.sleep(0.02)
    port, path = file.read_text().split("\n")
    return f"ws://127.0.0.1:{port}{path}"
