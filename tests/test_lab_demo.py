"""The demonstration: its window into the namespace, and the whole of it where the daemon is."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import WHY_NO_LAB
from tests.lab import inside, unprivileged
from tests.lab.lab import ROOT, find_world
from tests.lab.relay import relay
from tests.lab.world_file import change_target


async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Give back in capitals all that comes until the end."""
    data = await reader.read()
    writer.write(data.upper())
    await writer.drain()
    writer.close()


def test_the_relay_passes_bytes_both_ways_and_each_end(tmp_path: Path) -> None:
    """Half a megabyte went in, the end of it too, and came back changed."""

    async def scenario() -> bytes:
        server = await asyncio.start_unix_server(shout, tmp_path / "far")
        async with server, relay("127.0.0.1", 0, tmp_path / "far") as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"word " * 100_000)
            writer.write_eof()
            answer = await reader.read()
            writer.close()
            return answer

    assert asyncio.run(scenario()) == b"WORD " * 100_000


def test_the_relay_closes_what_it_cannot_pass_on(tmp_path: Path) -> None:
    """Nobody listened on the far side: the connection ended at once, the relay went on."""

    async def scenario() -> list[bytes]:
        answers = []
        async with relay("127.0.0.1", 0, tmp_path / "nobody") as port:
            for _ in range(2):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                answers.append(await reader.read())
                writer.close()
        return answers

    assert asyncio.run(scenario()) == [b"", b""]


def test_the_relay_ends_with_connections_open(tmp_path: Path) -> None:
    """A client that only waited was cut off, and no task was left."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        await reader.read()
        writer.close()

    async def scenario() -> int:
        server = await asyncio.start_unix_server(greet, tmp_path / "far")
        async with server, relay("127.0.0.1", 0, tmp_path / "far") as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await reader.readexactly(5) == b"hello"
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        server.close()
        return len(asyncio.all_tasks()) - 1

    assert asyncio.run(scenario()) == 0


def test_a_port_in_use_is_told_in_words() -> None:
    """The demonstration did not start, and said why."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "tests.lab.demo", f"--port={port}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == f"cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_every_change_of_route_fits_the_world() -> None:
    """Both ways of each target lead over hops that are there, and the second is the usual one."""
    world = find_world("demo")
    for name, ways in inside.ROUTES.items():
        for way in ways:
            change_target(world.targets[name], {"path": way}, world.hops)
        usual = change_target(world.targets[name], {"path": ways[1]}, world.hops)
        assert usual == world.targets[name]
    turns = inside.changes()
    assert [next(turns)[0] for _ in range(6)] == [*inside.ROUTES, *inside.ROUTES]


def test_the_daemon_is_told_every_target() -> None:
    """A dozen targets by name; those without IPv6 are traced by IPv4 alone."""
    world = find_world("demo")
    targets = inside.configuration(world)["targets"]
    assert isinstance(targets, list)
    assert [each["name"] for each in targets] == list(world.targets)
    assert {each["family"] for each in targets if each["name"] == "office"} == {"ipv4"}
    assert len(targets) == 12


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory for temporary files of every user."""
    with tempfile.TemporaryDirectory(prefix="ftr-test-") as directory:
        path = Path(directory)
        path.chmod(0o777)
        yield path


def reached(url: str) -> bool:
    """Whether the daemon has traced the nearest target, in both families, to its end."""
    with urllib.request.urlopen(f"{url}api/v1/targets/resolver", timeout=10) as answer:
        families = json.load(answer)["families"]
    return [family["reached"] for family in families] == [True, True]


@pytest.mark.skipif(bool(WHY_NO_LAB), reason=WHY_NO_LAB or "-")
@pytest.mark.parametrize("ordinary", [False, True], ids=["root", "ordinary user"])
def test_the_whole_demonstration_runs_and_ends(ordinary: bool, open_directory: Path) -> None:
    """Its page was there, a target was traced to its end, and Ctrl-C left nothing behind."""
    environment = {key: value for key, value in os.environ.items() if key != "FTR_LAB_NAMESPACE"}
    environment["TMPDIR"] = str(open_directory)
    prefix = unprivileged.prefix() if ordinary else ()
    process = subprocess.Popen(
        [*prefix, sys.executable, "-m", "tests.lab.demo", "--port=0"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        text = ""
        while "Ctrl-C" not in text:
            line = process.stdout.readline()
            if not line:
                errors = process.stderr.read()
                if ordinary and "user.max_user_namespaces" in errors:
                    pytest.skip(errors)
                pytest.fail(errors)
            text += line
        url = text.split("The daemon runs:")[1].split()[0]
        # The daemon tells of each target on its log when it is first reached.
        for line in process.stderr:
            if "target=resolver" in line and reached(url):
                break
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=15)
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert list(open_directory.iterdir()) == []
