"""The daemon on an imaginary internet, to look at with a browser: `python -m tests.lab.demo`.

Two processes. The outer one stays where it is, listens on loopback and relays to a Unix socket.
The inner one (`inside.py`) enters a namespace, from which no packet leaves, and runs the lab, a
name server and the daemon there. It ends when the outer one closes its standard input or dies.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.lab.relay import relay

ROOT = Path(__file__).parent.parent.parent
SOCKET = "web.sock"
PATIENCE = 60.0
WELCOME = """
  The daemon runs:  {url}/          all targets at a glance
                    {url}/metrics   what Prometheus scrapes
                    {url}/api/v1/targets

  Twelve targets on an imaginary internet; no packet leaves this machine. Worth a look:
    api       two balanced cores with MPLS labels, then four parallel fabrics
    shop      6 % of all probes are lost beyond a router that limits its own answers
    www       a silent rack switch
    intranet  a firewall says "administratively prohibited"
    circle    a routing loop        gone  a host that answers nothing
    storage, cdn-edge, tokyo        change their route, one of them every minute
  Ctrl-C ends it all.
"""


async def demo(host: str, port: int, path: Path) -> int:
    """Relay to `path` until interrupted or until the inner process ends; gives the exit status."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with relay(host, port, path) as bound:
        return await _beside_inner(path, f"http://{host}:{bound}", stop)


async def _beside_inner(path: Path, url: str, stop: asyncio.Event) -> int:
    inner = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.lab.inside", str(path)),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert inner.stdin is not None
    assert inner.stdout is not None
    stopped = asyncio.create_task(stop.wait())
    ready = asyncio.create_task(inner.stdout.readline())
    await asyncio.wait((stopped, ready), return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE)
    if ready.done() and ready.result():
        print(WELCOME.format(url=url), flush=True)
    ended = asyncio.create_task(inner.wait())
    await asyncio.wait((stopped, ended), return_when=asyncio.FIRST_COMPLETED)
    asked = stopped.done()
    for task in (stopped, ready):
        task.cancel()
    inner.stdin.close()
    status = await ended
    return 0 if asked else status or 1


def main(argv: Sequence[str] | None = None) -> int:
    """Read the flags and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.demo", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (%(default)s)")
    parser.add_argument("--port", type=int, default=10334, help="0 takes any (%(default)s)")
    arguments = parser.parse_args(argv)
    host, port = arguments.host, arguments.port
    with tempfile.TemporaryDirectory(prefix="ftr-demo-") as directory:
        Path(directory).chmod(0o711)
        path = Path(directory, "shared", SOCKET)
        try:
            return asyncio.run(demo(host, port, path))
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else error
            print(f"cannot listen on {host}:{port}: {reason}", file=sys.stderr)
            return 1


if __name__ == "__main__":
    sys.exit(main())
