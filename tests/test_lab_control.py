"""The lab while it runs: changes, programs in it, and what is left when it ends."""

from __future__ import annotations

import socket
import sys

import pytest

from tests.conftest import LabFactory
from tests.lab.control import ControlError
from tests.lab.prober import Prober
from tests.lab.small import WAY, WEB, ask
from tests.lab.world_file import parse_world


def test_a_route_changes_while_probes_are_under_way(lab_factory: LabFactory) -> None:
    """Probes before the change saw the old path, those after it the new one."""
    lab = lab_factory("small")
    with Prober(WEB[4]) as prober:
        assert ask(prober, 3).address == WAY[4][2]
        lab.set_target("web", path=["gw", "a", "b", "edge"], delay="1ms")
        assert [ask(prober, ttl).address for ttl in (3, 5)] == ["203.0.113.12", WEB[4]]
    assert lab.truth().path() == ((WAY[4][2], "203.0.113.12"), (WEB[4],))


def test_another_world_takes_over(lab_factory: LabFactory) -> None:
    """After the change the old target was unknown and the new one answered."""
    lab = lab_factory("small")
    new = {"hops": {}, "targets": {"near": {"ipv4": "192.0.2.99", "path": []}}}
    lab.change_world(parse_world(new))
    with Prober("192.0.2.99", icmp=True) as near, Prober(WEB[4]) as far:
        far.send(1)
        assert ask(near, 1).address == "192.0.2.99"
    assert sorted(each.fate for each in lab.truth()) == ["answered", "unknown"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ({"set": {"hop": "nobody", "loss": 0}}, "nobody"),
        ({"set": {"hop": "gw", "los": 0}}, "unknown key los"),
        ({"set": {"target": "web", "path": ["nowhere"]}}, "nowhere"),
        ({"inject": "zz"}, "hexadecimal"),
        ({"forge": {"source": "192.0.2.9", "type": 11, "code": 0}}, "no probe to quote"),
        ({"world": "/nonexistent.yaml"}, "nonexistent"),
        ({"dance": True}, "dance"),
        ({}, "unpack"),
    ],
)
def test_a_wrong_command_is_refused_and_changes_nothing(
    lab_factory: LabFactory, command: dict[str, object], message: str
) -> None:
    """The simulator said what was wrong and went on."""
    lab = lab_factory("small")
    with pytest.raises(ControlError, match=message):
        lab._client.command(**command)
    with Prober(WEB[4]) as prober:
        assert ask(prober, 1).address == WAY[4][0]


def test_ping_sockets_can_be_forbidden(lab_factory: LabFactory) -> None:
    """A program without privilege got its ping socket where allowed, and not where forbidden."""
    lab = lab_factory("small", ping_sockets=False)
    code = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)"
    assert "PermissionError" in lab.run([sys.executable, "-c", code]).stderr
    lab.allow_ping_sockets(True)
    assert lab.run([sys.executable, "-c", code]).returncode == 0


def test_programs_run_without_privilege_and_share_files(lab_factory: LabFactory) -> None:
    """The child had no capability, reached the lab, and wrote into the shared directory."""
    lab = lab_factory("small")
    code = (
        "import pathlib, socket, sys\n"
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        f"pathlib.Path(sys.argv[1], 'status').write_text(status)\n"
        f"socket.create_connection(('{WEB[4]}', 443), 2)\n"
        "try: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)\n"
        "except PermissionError: print('no raw socket')\n"
    )
    done = lab.run([sys.executable, "-c", code, str(lab.shared)])
    assert (done.stdout, done.stderr) == ("no raw socket\n", "")
    status = (lab.shared / "status").read_text()
    assert "CapEff:\t0000000000000000" in status
    assert "CapBnd:\t0000000000000000" in status


def test_a_lab_leaves_nothing_behind(lab_factory: LabFactory) -> None:
    """After the lab its links, its files and what it had started were gone."""
    lab = lab_factory("small")
    child = lab.popen(["sleep", "1000"])
    directory = lab.directory
    lab_factory("small")
    assert child.returncode is not None
    assert not directory.exists()
    assert socket.if_nametoindex("lab0") != 0


def test_a_simulator_that_dies_is_reported(lab_factory: LabFactory) -> None:
    """Killed from outside, it made the lab fail by name instead of hanging."""
    lab = lab_factory("small")
    lab.simulator.kill()
    with pytest.raises(ControlError):
        lab.ping()
    with pytest.raises(ControlError, match="the simulator failed"):
        lab_factory("small")
    assert "lab0" not in [name for _, name in socket.if_nameindex()]
