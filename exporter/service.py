"""The daemon as a process: configuration, log, signals, descriptors, exit status."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import Callable
from functools import partial

import structlog

from exporter import __version__
from exporter.app import Daemon, Options
from exporter.config.load import load_config
from exporter.errors import ConfigError, FtrError
from exporter.log import configure

log = structlog.get_logger("daemon")


def serve(options: argparse.Namespace) -> int:
    """Run the daemon until it is told to stop; returns the exit status."""
    configure(options.log_level, options.log_format, sys.stderr)
    try:
        config = load_config(options.config_file)
    except ConfigError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        return 1
    _allow_many_sockets()
    log.info("daemon.starting", version=__version__, config=options.config_file)
    web = Options(
        tuple(options.listen or (":10334",)),
        options.telemetry_path,
        lifecycle=options.enable_lifecycle,
        probe=options.enable_probe,
    )
    load = partial(load_config, options.config_file)
    try:
        asyncio.run(_run(lambda: Daemon(config, options.storage_path, load), web))
    except FtrError as error:
        log.error("daemon.failed", error=str(error))
        return 1
    log.info("daemon.stopped")
    return 0


async def _run(make: Callable[[], Daemon], options: Options) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:
            # The event loops of Windows have no signal handlers of their own.
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    daemon = make()
    with contextlib.suppress(AttributeError, NotImplementedError):  # Windows has no SIGHUP
        loop.add_signal_handler(signal.SIGHUP, daemon.request_reload)
    _spare_the_collector()
    await daemon.run(options, stop)


def _spare_the_collector() -> None:
    """What lives since the start lives on: looking through it again and again stalls the loop."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


def _allow_many_sockets() -> None:
    """Raise the soft limit of open files to the hard one: every target keeps a socket."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
