"""The daemon as a process: configuration, log, signals, descriptors, exit status."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import structlog

from exporter import __version__
from exporter.config.load import load_config
from exporter.daemon.app import Daemon, Options
from exporter.errors import ConfigError, FtrError
from exporter.process.collector import COLLECTOR
from exporter.process.exhaustion import Exhaustion, is_exhausted
from exporter.process.log import configure
from exporter.process.systemd import inherited_sockets
from exporter.sockets.readiness import runner

if TYPE_CHECKING:
    from exporter.server.guard import Guard

log = structlog.get_logger("daemon")

_MACOS_OPEN_MAX = 10240


def serve(options: argparse.Namespace) -> int:
    """Run the daemon until it is told to stop; returns the exit status."""
    configure(options.log_level, options.log_format, sys.stderr)
    try:
        guard = None if options.web_config is None else _guard(options.web_config)
        config = load_config(options.config_file)
    except ConfigError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        return 1
    _allow_many_sockets()
    log.info("daemon.starting", version=__version__, config=options.config_file)
    load = partial(load_config, options.config_file)
    try:
        web = _web_options(options, guard)
        _run_daemon(lambda: Daemon(config, options.storage_path, load), web)
    except FtrError as error:
        log.error("daemon.failed", error=str(error))
        return 1
    log.info("daemon.stopped")
    return 0


def _guard(web_config: str) -> Guard:
    """What the web configuration asks for, with the libraries that nothing else needs."""
    from exporter.server.guard import Guard
    from exporter.server.webfile import WebFile

    return Guard(WebFile(web_config))


def _web_options(options: argparse.Namespace, guard: Guard | None) -> Options:
    """Where and how to serve. Raises `NoSockets`."""
    given = options.systemd_socket
    return Options(
        () if given else tuple(options.listen or (":10334",)),
        options.telemetry_path,
        lifecycle=options.enable_lifecycle,
        probe=options.enable_probe,
        guard=guard,
        sockets=tuple(inherited_sockets()) if given else (),
    )


def _run_daemon(make: Callable[[], Daemon], options: Options) -> None:
    exhaustion = Exhaustion()
    with runner() as prepared:
        exhaustion.watch(prepared.get_loop())
        try:
            prepared.run(_run(make, options))
        except Exception as error:
            # Before the runner cancels what is left, for which there may be no memory either.
            if is_exhausted(error):
                exhaustion.end()
            raise


async def _run(make: Callable[[], Daemon], options: Options) -> None:
    stop = asyncio.Event()
    stop_on_signals(stop)
    daemon = make()
    with contextlib.suppress(AttributeError, NotImplementedError):  # Windows has no SIGHUP
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, daemon.request_reload)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # held since the very start
    COLLECTOR.spare()
    collecting = asyncio.create_task(COLLECTOR.run(), name="collector")
    try:
        await daemon.run(options, stop)
    finally:
        collecting.cancel()


def stop_on_signals(stop: asyncio.Event) -> None:
    """Set `stop` when this process is told to end; Windows has Ctrl-Break for that besides."""
    loop = asyncio.get_running_loop()
    try:
        for number in stop_signals():
            loop.add_signal_handler(number, stop.set)
    except NotImplementedError:
        # The event loops of Windows have no signal handlers of their own.
        for number in stop_signals():
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
        # A full pipe wakes the loop as well: nothing to print a warning into the log for.
        signal.set_wakeup_fd(signal.set_wakeup_fd(-1), warn_on_full_buffer=False)


def stop_signals() -> list[signal.Signals]:
    """Those of them that this system has."""
    named = [getattr(signal, name, None) for name in ("SIGTERM", "SIGINT", "SIGBREAK")]
    return [number for number in named if number is not None]


def _allow_many_sockets() -> None:
    """Raise the soft limit of open files to the hard one: every target keeps a socket."""
    with contextlib.suppress(ImportError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        for wanted in (hard, max(soft, _MACOS_OPEN_MAX)):
            # macOS says that the hard limit is infinite, and refuses it.
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
                return
