"""Lays the link between the host and the simulator: a veth pair in this network namespace.

`lab0` is the host's end, with its addresses and both default routes; `lab1` is the far end. The
kernel sends frames to `lab0`'s own address, since the links resolve no neighbours, and so drops
them on `lab1` as somebody else's: nothing but the simulator ever answers.
"""

from __future__ import annotations

import socket
from pathlib import Path

from tests.lab.netlink import Netlink, offloads_off
from tests.lab.world import World

NEAR, FAR = "lab0", "lab1"
NEAR_MAC, FAR_MAC = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
#: What the kernel would do by itself. Where /proc/sys is read-only its defaults serve as well.
QUIET = {
    "net/ipv4/ip_forward": "0",
    "net/ipv4/conf/lab0/rp_filter": "0",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv6/conf/lab0/accept_ra": "0",
    "net/ipv6/conf/lab0/router_solicitations": "0",
    "net/ipv6/conf/lab1/disable_ipv6": "1",
}


def lay(world: World) -> None:
    """Make the link, in place of one left over. Raises `NetlinkError`."""
    with Netlink() as netlink:
        netlink.delete(NEAR)
        netlink.add_veth(NEAR, FAR, (NEAR_MAC, FAR_MAC), world.mtu)
        for name, value in QUIET.items():
            _write(Path("/proc/sys") / name, value)
        netlink.up(FAR, arp=False)
        netlink.up(NEAR, arp=False)
        for version, family in ((4, socket.AF_INET), (6, socket.AF_INET6)):
            address = world.host.of(version)
            if address is not None:
                netlink.add_address(NEAR, address)
                netlink.add_default_route(NEAR, family)
    offloads_off(NEAR)


def remove() -> None:
    """Take the link away; addresses, routes and learnt path MTUs go with it."""
    with Netlink() as netlink:
        netlink.delete(NEAR)


def _write(path: Path, value: str) -> None:
    try:
        path.write_text(value)
    except OSError:
        # Read-only in some containers; see QUIET.
        return
