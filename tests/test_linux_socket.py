"""Options and errors of Linux datagram sockets, from the real kernel in the lab."""

from __future__ import annotations

import errno
import subprocess
from pathlib import Path

import pytest

from exporter.errors import ErrorReason, SendBlocked
from exporter.model import Family, Probe, Protocol
from exporter.sockets.base import SocketRequest
from exporter.sockets.errqueue import Origin, QueuedError
from exporter.sockets.linux_socket import local_error, open_socket
from exporter.sockets.local_errors import is_own_address, send_error
from tests.conftest import LabFactory
from tests.probing import WEB, Backend, Recorder, each_backend, run

LOOPBACK = {Family.IPV4: "127.0.0.1", Family.IPV6: "::1"}
NEIGHBOURS = {
    Family.IPV4: Path("/proc/sys/net/ipv4/neigh"),
    Family.IPV6: Path("/proc/sys/net/ipv6/neigh"),
}
each_family = pytest.mark.parametrize("family", list(Family))


@each_backend
def test_next_hop_that_does_not_answer_is_a_local_failure(
    lab_factory: LabFactory, backend: Backend
) -> None:
    """The kernel takes the probes, finds no neighbour on the link, and drops them: this host says

    so itself, and that is no answer of a router and no loss.
    """
    lab = lab_factory("small")
    settings = NEIGHBOURS[backend.family] / "lab0"
    try:
        (settings / "mcast_solicit").write_text("1")
        (settings / "retrans_time_ms").write_text("20")
    except OSError:
        pytest.skip("/proc/sys is read-only; a writable one would let the kernel give up sooner")
    subprocess.run(["ip", "link", "set", "lab0", "arp", "on"], check=True)

    async def test() -> None:
        recorder = Recorder()
        socket = backend.open(backend.request(WEB[backend.family]), recorder)
        for ttl in (1, 2, 3):
            socket.send(Probe(1, 0, ttl))
        await recorder.until(lambda: len(recorder.failures) == 3)
        socket.close()
        assert sorted(probe.ttl for probe, _ in recorder.failures) == [1, 2, 3]
        assert {error.reason for _, error in recorder.failures} == {ErrorReason.UNREACHABLE_NETWORK}
        assert recorder.responses == []
        assert recorder.strangers == 0

    run(test())
    assert lab.truth().sent == 0


@each_family
def test_local_port_is_taken_where_it_is_free(family: Family) -> None:
    """The same port after a restart; another one where somebody has it, and no failure."""
    request = SocketRequest(LOOPBACK[family], family, Protocol.UDP, local_port=0)
    with open_socket(request, 17) as first:
        port = first.getsockname()[1]
        taken = SocketRequest(LOOPBACK[family], family, Protocol.UDP, local_port=port)
        with open_socket(taken, 17) as second:
            assert second.getsockname()[1] not in (0, port)
    with open_socket(taken, 17) as again:
        assert again.getsockname()[1] == port


@each_family
def test_port_in_place_of_a_taken_one_is_the_same_each_time(family: Family) -> None:
    """Two targets want one port, and both are closed and opened again and again, as after errors or
    a restart: the second one's flow, too, stays what it was."""
    wanted = 34_567
    request = SocketRequest(LOOPBACK[family], family, Protocol.UDP, local_port=wanted)
    found = []
    for _ in range(3):
        with open_socket(request, 17) as first, open_socket(request, 17) as second:
            assert first.getsockname()[1] == wanted
            found.append(second.getsockname()[1])
    assert len(set(found)) == 1
    assert wanted not in found


@each_family
def test_own_address_is_known(family: Family) -> None:
    """Loopback is ours; an address of documentation is not, nor is what is no address."""
    other = {Family.IPV4: "192.0.2.99", Family.IPV6: "2001:db8::99"}
    assert is_own_address(family, LOOPBACK[family])
    assert not is_own_address(family, other[family])
    assert not is_own_address(family, "not an address")


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EAGAIN, ErrorReason.SEND),
        (errno.ENOBUFS, ErrorReason.SEND),
        (errno.ENOMEM, ErrorReason.SEND),
        (errno.ENETUNREACH, ErrorReason.UNREACHABLE_NETWORK),
        (errno.EHOSTUNREACH, ErrorReason.UNREACHABLE_NETWORK),
        (errno.EHOSTDOWN, ErrorReason.UNREACHABLE_NETWORK),
        (errno.ENETDOWN, ErrorReason.UNREACHABLE_NETWORK),
        (errno.EADDRNOTAVAIL, ErrorReason.UNREACHABLE_NETWORK),
        (errno.EPERM, ErrorReason.PERMISSION),
        (errno.EACCES, ErrorReason.PERMISSION),
        (errno.EINVAL, ErrorReason.SEND),
        (errno.EMSGSIZE, ErrorReason.SEND),
    ],
)
def test_error_numbers_have_reasons(number: int, reason: ErrorReason) -> None:
    """At the send or later by the error queue, in the system's words; full buffers may pass."""
    queued = QueuedError(number, Origin.LOCAL, 0, 0, 0, 0, None)
    for error in (
        send_error(OSError(number, "words"), "192.0.2.1"),
        local_error(queued, "192.0.2.1"),
    ):
        assert error.reason is reason
        assert str(error).startswith("cannot send to 192.0.2.1: ")
        blocked = number in (errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM)
        assert isinstance(error, SendBlocked) is blocked
    assert "?" not in str(local_error(queued, "192.0.2.1"))
