"""Moves this process into a network namespace of its own, from which no packet leaves.

`enter()` comes before any thread, socket or test. With the right (CAP_SYS_ADMIN) it makes a
network namespace alone; otherwise it makes a user namespace around it, in which this user is
uid 0 and owns the network. Whether that works is tried in a child first, for there is no way
back from a namespace that turns out to be unusable (user_namespaces(7)).
"""

from __future__ import annotations

import ctypes
import os
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
        os.environ["FTR_LAB_NAMESPACE"] = _current()
        allow_ping_sockets(True)
        return
    raise NamespaceUnavailable(f"no network namespace: {'; '.join(reasons)}; {REMEDY}")


def allow_ping_sockets(allowed: bool) -> bool:
    """Open or close ICMP datagram sockets to every group; returns whether that was possible.

    Stock kernels forbid them (`1 0`). In a user namespace only mapped groups may be named.
    """
    everyone = "0 0" if in_user_namespace() else "0 2147483647"
    try:
        PING_GROUP_RANGE.write_text(everyone if allowed else "1 0")
    except OSError:
        return False
    return True


def _current() -> str:
    return os.readlink("/proc/self/ns/net")


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
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        number = ctypes.get_errno()
        what = "user and network" if flags & CLONE_NEWUSER else "network"
        raise OSError(number, f"unshare of the {what} namespace: {os.strerror(number)}")
    if flags & CLONE_NEWUSER:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    with Netlink() as netlink:
        netlink.up("lo")
