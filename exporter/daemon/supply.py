"""Where the targets come from, and what is done when that changes: reload, files, URLs.

All changes are taken up one after the other. What works on the disk or takes long runs in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial

import structlog

from exporter.discovery.files import scan
from exporter.discovery.http import FetchError
from exporter.discovery.sources import Source, merge
from exporter.discovery.urls import UrlWatch
from exporter.errors import ConfigError, Fault
from exporter.settings import Config, Target, UrlSource

log = structlog.get_logger("config")

POLL_SECONDS = 5.0
"""How often files that list targets are looked at."""
_MOST_FAULTS = 100

Use = Callable[[Config, tuple[Target, ...]], Awaitable[str]]
"""Takes a configuration and all its targets into use; says in words what that changed."""


class Supply:
    """Keeps what every source lists, and gives all of it to `use` whenever it is another.

    `load` reads the configuration file again. `loaded` is told how that went.
    """

    def __init__(
        self, config: Config, load: Callable[[], Config], use: Use, loaded: Callable[[bool], None]
    ) -> None:
        self._config = config
        self._load = load
        self._use = use
        self._loaded = loaded
        self._files: dict[str, Source] = {}
        self._urls: dict[UrlSource, Source] = {}
        self._watch = UrlWatch(self._answered)
        self._collisions: tuple[str, ...] = ()
        self._lock = asyncio.Lock()
        self._waiting: asyncio.Task[str] | None = None
        self._reloads: set[asyncio.Task[str]] = set()

    def sources(self) -> Iterator[Source]:
        """What is known of every file and URL."""
        yield from self._files.values()
        yield from self._urls.values()

    async def begin(self) -> None:
        """Take into use what the configuration and the files list; URLs follow by `run`."""
        async with self._lock:
            await self._take(self._config, await self._scanned(self._config, anew=True))
        self._loaded(True)

    async def run(self) -> None:
        """Look at files and ask URLs until cancelled; then a reload under way ends too."""
        try:
            async with self._lock:
                await self._watch.watch(self._urls.keys())
            while True:
                await asyncio.sleep(POLL_SECONDS)
                if self._config.target_files:
                    await self._look_at_files()
        finally:
            for reload in self._reloads:
                reload.cancel()
            await asyncio.gather(*self._reloads, return_exceptions=True)
            await self._watch.close()

    async def reload(self) -> str:
        """Read the configuration again; says what changed. Raises `ConfigError`: nothing has.

        Calls that come while another waits for its turn share what that one brings. A caller
        that gives up stops nothing.
        """
        return await asyncio.shield(self._reloading())

    def request_reload(self) -> None:
        """Reload in a moment; the log and the metrics tell how it went."""
        self._reloading().add_done_callback(_retrieve)

    def _reloading(self) -> asyncio.Task[str]:
        if self._waiting is None:
            self._waiting = asyncio.create_task(self._reload(), name="reload")
            self._reloads.add(self._waiting)
            self._waiting.add_done_callback(self._reload_ended)
        return self._waiting

    def _reload_ended(self, reload: asyncio.Task[str]) -> None:
        self._reloads.discard(reload)
        if not reload.cancelled() and isinstance(error := reload.exception(), MemoryError):
            context = {"message": "no memory for a reload", "exception": error}
            reload.get_loop().call_exception_handler(context)

    async def _reload(self) -> str:
        async with self._lock:
            self._waiting = None
            try:
                config = await asyncio.to_thread(self._load)
            except ConfigError as error:
                self._loaded(False)
                _tell_faults("config.rejected", error.faults)
                raise
            files = await self._scanned(config, anew=True)
            self._urls = await asyncio.to_thread(partial(_reread, self._urls, config))
            changes = await self._take(config, files)
            await self._watch.watch(self._urls.keys())
            self._loaded(True)
            return changes

    async def _look_at_files(self) -> None:
        async with self._lock:
            files = await self._scanned(self._config, anew=False)
            if files != self._files:
                await self._take(self._config, files)

    async def _scanned(self, config: Config, *, anew: bool) -> dict[str, Source]:
        if not config.target_files:
            return {}
        return await asyncio.to_thread(partial(scan, config, self._files, anew=anew))

    async def _answered(self, source: UrlSource, answer: str | FetchError) -> None:
        async with self._lock:
            before = self._urls[source]
            if isinstance(answer, FetchError):
                after = before.failed((Fault(source.url, 0, "", str(answer)),))
            elif answer == before.text and not before.faults:
                return
            else:
                changed = replace(before, text=answer)
                read = partial(changed.read, answer, self._config, json=True)
                after = await asyncio.to_thread(read)
            self._urls[source] = after
            _tell(before, after)
            if after.targets != before.targets:
                await self._take(self._config, self._files)

    async def _take(self, config: Config, files: dict[str, Source]) -> str:
        """Take a configuration, and what its sources list, into use."""
        for name, source in files.items():
            _tell(self._files.get(name), source)
        known = {source.url: state for source, state in self._urls.items()}
        self._config, self._files = config, files
        self._urls = {each: known.get(each.url, Source(each.url)) for each in config.target_urls}
        merged = merge(config.targets, self.sources())
        for message in sorted(set(merged.collisions).difference(self._collisions))[:_MOST_FAULTS]:
            log.warning("discovery.collision", message=message)
        self._collisions = merged.collisions
        changes = await self._use(config, merged.targets)
        log.info("config.in_use", targets=len(merged.targets), changes=changes)
        return changes


def _retrieve(task: asyncio.Task[str]) -> None:
    """A rejected file is in the log already; anything else is a bug, and goes there too."""
    if not task.cancelled():
        error = task.exception()
        if error is not None and not isinstance(error, ConfigError):
            log.error("reload.failed", exc_info=error)


def _reread(urls: dict[UrlSource, Source], config: Config) -> dict[UrlSource, Source]:
    """What URLs gave last, under the modules of this configuration."""
    return {
        source: state if state.text is None else state.read(state.text, config, json=True)
        for source, state in urls.items()
    }


def _tell(before: Source | None, after: Source) -> None:
    """Log what is wrong with a source when that is new, and when it is right again."""
    if after.faults == (before.faults if before else ()):
        return
    if after.faults:
        _tell_faults("discovery.failed", after.faults, source=after.name, kept=len(after.targets))
    else:
        log.info("discovery.recovered", source=after.name, targets=len(after.targets))


def _tell_faults(event: str, faults: tuple[Fault, ...], **details: object) -> None:
    for fault in faults[:_MOST_FAULTS]:
        log.error("config.fault", fault=str(fault))
    log.error(event, faults=len(faults), **details)
