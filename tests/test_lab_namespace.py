"""Namespaces and links: nothing of the machine's network is left in them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.conftest import WHY_NO_LAB
from tests.lab import link, namespace, unprivileged
from tests.lab.generate import Shape, generate
from tests.lab.lab import ROOT, Lab
from tests.lab.netlink import Netlink, NetlinkError

needs_namespace = pytest.mark.skipif(bool(WHY_NO_LAB), reason=WHY_NO_LAB or "-")
TRY = """
import sys
from tests.lab import namespace
try:
    namespace.enter()
except namespace.NamespaceUnavailable as error:
    sys.exit(str(error))
import socket
from tests.lab.lab import Lab
print(socket.if_nameindex(), namespace.in_user_namespace(), namespace.entered())
PING = [sys.executable, "-c", "import socket as s; s.socket(s.AF_INET, s.SOCK_DGRAM, 1)"]
for allowed in (True, False, True):
    with Lab("small", ping_sockets=allowed) as lab:
        print(lab.run(PING).returncode, len(socket.if_nameindex()))
print(socket.if_nameindex())
"""


@pytest.fixture
def wires() -> Iterator[Netlink]:
    """A connection to the kernel, and no links left afterwards."""
    with Netlink() as netlink:
        yield netlink
        netlink.delete("wire0")


@needs_namespace
def test_the_whole_test_run_lives_on_a_loopback_alone() -> None:
    """No link but `lo` was there, and it was up."""
    assert namespace.entered()
    assert [name for _, name in socket.if_nameindex()] == ["lo"]
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), 1).close()


@needs_namespace
def test_nothing_outside_can_be_reached() -> None:
    """The kernel had no route to anywhere."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe,
        pytest.raises(OSError, match="Network is unreachable"),
    ):
        probe.connect(("192.0.2.1", 33434))


@needs_namespace
def test_an_ordinary_user_gets_a_namespace_too() -> None:
    """Without any privilege, but with user namespaces, labs worked too, with and without ping."""
    environment = {key: value for key, value in os.environ.items() if key != "FTR_LAB_NAMESPACE"}
    done = subprocess.run(
        [*unprivileged.prefix(), sys.executable, "-c", TRY],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        assert "user.max_user_namespaces" in done.stderr
        pytest.skip(done.stderr)
    assert done.stdout.splitlines() == [
        "[(1, 'lo')] True True",
        *("0 3", "1 3", "0 3"),
        "[(1, 'lo')]",
    ]


@needs_namespace
def test_a_program_in_the_lab_is_in_the_namespace_already() -> None:
    """The child asked to enter and stayed where it was."""
    code = (
        "import os; from tests.lab import namespace; before = os.readlink('/proc/self/ns/net');"
        "namespace.enter(); assert os.readlink('/proc/self/ns/net') == before"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_without_a_namespace_there_is_no_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lab refused to touch the machine's own network."""
    monkeypatch.setattr(namespace._State, "entered", False)
    monkeypatch.delenv("FTR_LAB_NAMESPACE", raising=False)
    with pytest.raises(namespace.NamespaceUnavailable, match="enter"), Lab("small"):
        pass


@needs_namespace
def test_the_kernel_says_why_it_refuses_a_link(wires: Netlink) -> None:
    """A name twice, a link that is not there, an address twice: each an error by name."""
    macs = (link.NEAR_MAC, link.FAR_MAC)
    wires.add_veth("wire0", "wire1", macs, 1500)
    with pytest.raises(NetlinkError, match="veth wire0: File exists"):
        wires.add_veth("wire0", "wire2", macs, 1500)
    with pytest.raises(NetlinkError, match="interface nowhere"):
        wires.up("nowhere")
    wires.add_address("wire0", "10.9.9.9")
    with pytest.raises(NetlinkError, match=r"address 10\.9\.9\.9: File exists"):
        wires.add_address("wire0", "10.9.9.9")
    with pytest.raises(NetlinkError, match="default route by wire0: Network is down"):
        wires.add_default_route("wire0", socket.AF_INET)
    assert wires.delete("wire0")
    assert not wires.delete("wire0")


@needs_namespace
def test_a_link_left_over_is_replaced(lab_free: None) -> None:
    """A lab whose process was killed did not stand in the way of the next."""
    world = generate(1, Shape(min_hops=1, max_hops=1))
    link.lay(world)
    link.lay(world)
    names = [name for _, name in socket.if_nameindex()]
    assert sorted(names) == ["lab0", "lab1", "lo"]


@pytest.fixture
def lab_free() -> Iterator[None]:
    """No link is left afterwards."""
    yield
    link.remove()
