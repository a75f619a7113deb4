"""The command `ftr-exporter`: arguments in, exit status out. Imports only what a command needs."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import signal
import sys
from collections.abc import Sequence

from exporter import __version__

_EPILOG = """commands:
  ftr-exporter trace HOST...   trace once and print every hop as it becomes known
  ftr-exporter check FILE...   check configuration files
  ftr-exporter sockets         show which ways to probe this user may use on this host
"""
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What a disk says that cannot take our output."""


def run() -> None:
    """The console script."""
    sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit status."""
    try:
        status = _run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does; keep the interpreter from complaining.
        sys.stderr.close()
        return 0
    except OSError as error:
        if error.errno not in _DISK:
            raise
        print(f"cannot write the output: {error.strerror}", file=sys.stderr)
        # What is left in the buffer would fail once more at the interpreter's end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2


def _run(arguments: Sequence[str]) -> int:
    command = arguments[0] if arguments else ""
    if command in ("trace", "check", "sockets") and sys.stdout is None:  # 1>&- of a shell
        print("cannot write the output: the standard output is closed", file=sys.stderr)
        return 2
    if command == "trace":
        from exporter.commands.trace import main as trace

        return trace(arguments[1:])
    if command == "check":
        return _check(arguments[1:])
    if command == "sockets":
        from exporter.commands.sockets import main as sockets

        return sockets(arguments[1:])
    if command and not command.startswith("-"):
        words = f"there is no command {command!r}; there are trace, check and sockets"
        daemon_parser().error(words)
    return _daemon(arguments)


def _check(arguments: Sequence[str]) -> int:
    parser = check_parser()
    options = parser.parse_args(arguments)
    if not options.files and not options.web_files:
        parser.error("there is no FILE to check")
    from exporter.commands.check import check

    return check(options.files, sys.stdout, sys.stderr, web_files=options.web_files)


def check_parser() -> argparse.ArgumentParser:
    """The flags of `check`."""
    parser = argparse.ArgumentParser(
        prog="ftr-exporter check", description="Check configuration files; report every fault."
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="a configuration")
    parser.add_argument(
        "--web.config.file",
        dest="web_files",
        action="append",
        default=[],
        metavar="FILE",
        help="a web configuration; repeatable",
    )
    return parser


def daemon_parser() -> argparse.ArgumentParser:
    """The flags of the daemon, named as the official exporters name theirs."""
    parser = argparse.ArgumentParser(
        prog="ftr-exporter",
        description="Trace the paths to many targets, always, and serve them to Prometheus.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--config.file",
        dest="config_file",
        default="config.yaml",
        metavar="FILE",
        help="configuration (default: %(default)s)",
    )
    parser.add_argument(
        "--web.listen-address",
        dest="listen",
        action="append",
        metavar="ADDRESS",
        help="address to listen on, as :10334, 127.0.0.1:0, [::1]:10334 or unix:/path; "
        "repeatable (default: :10334)",
    )
    parser.add_argument(
        "--web.telemetry-path",
        dest="telemetry_path",
        default="/metrics",
        metavar="PATH",
        help="where metrics are served (default: %(default)s)",
    )
    parser.add_argument(
        "--web.config.file",
        dest="web_config",
        metavar="FILE",
        help="TLS, client certificates, passwords and rate limit, in the format of "
        "exporter-toolkit (default: plain HTTP for everyone)",
    )
    parser.add_argument(
        "--web.systemd-socket",
        dest="systemd_socket",
        action="store_true",
        help="serve on the sockets that systemd opened, instead of listen addresses",
    )
    parser.add_argument(
        "--web.enable-lifecycle",
        dest="enable_lifecycle",
        action="store_true",
        help="reload the configuration on POST or PUT to /-/reload",
    )
    parser.add_argument(
        "--web.enable-probe",
        dest="enable_probe",
        action="store_true",
        help="trace on request to /probe, the hosts that the configuration allows",
    )
    parser.add_argument(
        "--storage.path",
        dest="storage_path",
        metavar="FILE",
        help="SQLite file that keeps path histories over a restart (default: memory only)",
    )
    parser.add_argument(
        "--log.level",
        dest="log_level",
        default="info",
        choices=("debug", "info", "warn", "error"),
        help="least severity to log (default: %(default)s)",
    )
    parser.add_argument(
        "--log.format",
        dest="log_format",
        default="logfmt",
        choices=("logfmt", "json", "console"),
        help="form of a log line (default: %(default)s)",
    )
    parser.add_argument("--version", action="version", version=f"ftr-exporter {__version__}")
    return parser


def _daemon(arguments: Sequence[str]) -> int:
    _hold_reloads()
    options = daemon_parser().parse_args(arguments)
    from exporter.daemon.service import serve

    return serve(options)


def _hold_reloads() -> None:
    """Let the kernel keep a SIGHUP, which would end us, until `daemon.service` can reload."""
    with contextlib.suppress(AttributeError):  # Windows has no SIGHUP
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
