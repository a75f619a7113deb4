"""Moves this process into a network namespace of its own, from which no packet leaves.

`enter()` comes before any thread, socket or test. With the right (CAP_SYS_ADMIN) it makes a
network namespace alone; otherwise it makes a user namespace around it, in which this user is
uid 0 and owns the network. Whether that works is tried in a child first, for there is no way
back from a namespace that turns out to be unusable (user_namespaces(7)).
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from exporter.errors import FtrError
from tests.lab.netlink import Netlink, NetlinkError

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
PING_GROUP_RANGE = Path("/proc/sys/net/ipv4/ping_group_range")
REMEDY = (
    "run as root with CAP_SYS_ADMIN, or allow user namespaces: sysctl user.max_user_namespaces,"
    " kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0"
)


class NamespaceUnavailable(FtrError):
    """This process may not have a network namespace of its own."""


class _State:
    entered = False
    own_user = False


def entered() -> bool:
    """Whether this process, or the one that started it in the lab, called `enter` with success."""
    return _State.entered or os.environ.get("FTR_LAB_NAMESPACE") == _current()


def in_user_namespace() -> bool:
    """Whether only the one group of this user exists here, so that no other user can be had."""
    lines = Path("/proc/self/gid_map").read_text().split()
    return lines[2:3] != ["4294967295"]


def enter() -> None:
    """Enter a new network namespace and bring `lo` up; does nothing where already done.

    Raises `NamespaceUnavailable` with the reasons; the process is then where it was before.
    """
    if sys.platform != "linux":
        raise NamespaceUnavailable("network namespaces are to be had on Linux only")
    if entered():
        return
    reasons = []
    for flags in (CLONE_NEWNET, CLONE_NEWUSER | CLONE_NEWNET):
        reason = _tried_in_child(flags)
        if reason:
            reasons.append(reason)
            continue
        _unshare(flags)
        _State.entered = True
        _tell_children()
        allow_ping_sockets(True)
        return
    raise NamespaceUnavailable(f"no network namespace: {'; '.join(reasons)}; {REMEDY}")


def allow_ping_sockets(allowed: bool) -> bool:
    """Open or close ICMP datagram sockets to every group; returns whether that was possible.

    Stock kernels forbid them (`1 0`). A user namespace can only name its own group, so there they
    cannot be forbidden again; only a new network namespace forbids them (`renew`).
    """
    everyone = "0 0" if in_user_namespace() else "0 2147483647"
    try:
        PING_GROUP_RANGE.write_text(everyone if allowed else "1 0")
    except OSError:
        return False
    return True


def renew() -> int:
    """Enter a fresh network namespace of the same user namespace; gives the way back."""
    former = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    _unshare(CLONE_NEWNET)
    _tell_children()
    return former


def go_back(former: int) -> None:
    """Return to the namespace from which `renew` came."""
    _checked(_libc().setns(former, CLONE_NEWNET), "return to the network namespace")
    os.close(former)
    _tell_children()


def _tell_children() -> None:
    os.environ["FTR_LAB_NAMESPACE"] = _current()


def _current() -> str:
    return os.readlink("/proc/thread-self/ns/net")


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _tried_in_child(flags: int) -> str:
    """Try in a forked child; returns why it failed, or nothing."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        reason = "the child died"
        try:
            _unshare(flags)
            reason = ""
        except (OSError, NetlinkError) as error:
            reason = str(error)
        finally:
            os.write(writing, reason.encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read().decode()
    os.waitpid(child, 0)
    return answer


def _unshare(flags: int) -> None:
    uid, gid = os.geteuid(), os.getegid()
    what = "user and network" if flags & CLONE_NEWUSER else "network"
    _checked(_libc().unshare(flags), f"unshare of the {what} namespace")
    if flags & CLONE_NEWUSER:
        _map("setgroups", "deny")
        _map("uid_map", f"0 {uid} 1")
        _map("gid_map", f"0 {gid} 1")
    with Netlink() as netlink:
        netlink.up("lo")


def _map(name: str, text: str) -> None:
    try:
        Path("/proc/self", name).write_text(text)
    except OSError as error:
        raise OSError(error.errno, f"/proc/self/{name}: {error.strerror}") from error
