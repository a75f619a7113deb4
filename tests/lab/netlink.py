"""Makes links, addresses and routes by rtnetlink(7), so that the lab needs no command of its own.

Everything acts on the network namespace of this process. See also veth(4) and ethtool's ioctl.
"""

from __future__ import annotations

import array
import errno
import os
import socket
import struct
from ipaddress import ip_address

from exporter.errors import FtrError

NLM_F_REQUEST, NLM_F_ACK, NLM_F_EXCL, NLM_F_CREATE = 0x1, 0x4, 0x200, 0x400
NLMSG_ERROR = 2
RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR, RTM_NEWROUTE = 16, 17, 20, 24
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINKINFO, IFLA_AF_SPEC = 1, 3, 4, 18, 26
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER = 1, 2, 1
IFLA_INET6_ADDR_GEN_MODE, ADDR_GEN_MODE_NONE = 8, 1
IFA_ADDRESS, IFA_LOCAL, IFA_F_NODAD = 1, 2, 0x02
RTA_OIF, RT_TABLE_MAIN, RTPROT_STATIC, RTN_UNICAST, RT_SCOPE_LINK = 4, 254, 4, 1, 253
IFF_UP, IFF_NOARP = 0x1, 0x80
SIOCETHTOOL = 0x8946
ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO = 0x17, 0x1F, 0x24


class NetlinkError(FtrError):
    """The kernel refused a change of a link, an address or a route."""

    def __init__(self, number: int, what: str) -> None:
        super().__init__(f"{what}: {os.strerror(number)}")
        self.errno = number


def _attribute(kind: int, value: bytes) -> bytes:
    padding = -len(value) % 4
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(padding)


def _link(index: int = 0, flags: int = 0) -> bytes:
    return struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, flags, flags)


def _name(name: str) -> bytes:
    return _attribute(IFLA_IFNAME, name.encode() + b"\0")


def _index(name: str) -> int:
    try:
        return socket.if_nametoindex(name)
    except OSError as error:
        raise NetlinkError(error.errno or errno.ENODEV, f"interface {name}") from error


class Netlink:
    """A connection to the kernel's routing tables; every call waits for its acknowledgement."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.bind((0, 0))
        self._sequence = 0

    def __enter__(self) -> Netlink:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def up(self, name: str, *, arp: bool = True) -> None:
        """Set a link up; without `arp` it resolves no neighbours, IPv6 ones neither."""
        flags = IFF_UP if arp else IFF_UP | IFF_NOARP
        self._request(RTM_NEWLINK, _link(_index(name), flags), f"{name} up")

    def add_veth(self, name: str, peer: str, macs: tuple[bytes, bytes], mtu: int) -> None:
        """Make a pair of virtual Ethernet links, without IPv6 link-local addresses."""
        size = _attribute(IFLA_MTU, struct.pack("=I", mtu))
        far = _link() + _name(peer) + _attribute(IFLA_ADDRESS, macs[1]) + size
        info = _attribute(IFLA_INFO_KIND, b"veth") + _attribute(
            IFLA_INFO_DATA, _attribute(VETH_INFO_PEER, far)
        )
        near = _link() + _name(name) + _attribute(IFLA_ADDRESS, macs[0]) + size
        body = near + _attribute(IFLA_LINKINFO, info)
        self._request(RTM_NEWLINK, body, f"veth {name}", NLM_F_CREATE | NLM_F_EXCL)
        mode = _attribute(IFLA_INET6_ADDR_GEN_MODE, bytes([ADDR_GEN_MODE_NONE]))
        spec = _attribute(IFLA_AF_SPEC, _attribute(socket.AF_INET6, mode))
        for link in (name, peer):
            self._request(RTM_NEWLINK, _link(_index(link)) + spec, f"addrgenmode of {link}")

    def delete(self, name: str) -> bool:
        """Remove a link and its peer; returns whether there was one."""
        try:
            self._request(RTM_DELLINK, _link() + _name(name), f"delete {name}")
        except NetlinkError as error:
            if error.errno == errno.ENODEV:
                return False
            raise
        return True

    def add_address(self, name: str, address: str) -> None:
        """Give the link one host address (/32 or /128), usable at once."""
        ip = ip_address(address)
        family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
        flags = IFA_F_NODAD if ip.version == 6 else 0
        body = struct.pack("=BBBBI", family, ip.max_prefixlen, flags, 0, _index(name))
        body += _attribute(IFA_LOCAL, ip.packed) + _attribute(IFA_ADDRESS, ip.packed)
        self._request(RTM_NEWADDR, body, f"address {address}", NLM_F_CREATE | NLM_F_EXCL)

    def add_default_route(self, name: str, family: socket.AddressFamily) -> None:
        """Send all that has no other route out of this link."""
        scope = RT_SCOPE_LINK if family == socket.AF_INET else 0
        body = struct.pack(
            "=BBBBBBBBI", family, 0, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, scope, RTN_UNICAST, 0
        )
        body += _attribute(RTA_OIF, struct.pack("=i", _index(name)))
        self._request(RTM_NEWROUTE, body, f"default route by {name}", NLM_F_CREATE)

    def _request(self, kind: int, body: bytes, what: str, flags: int = 0) -> None:
        self._sequence += 1
        flags |= NLM_F_REQUEST | NLM_F_ACK
        header = struct.pack("=IHHII", 16 + len(body), kind, flags, self._sequence, 0)
        self._socket.send(header + body)
        answer = self._socket.recv(65536)
        (found,) = struct.unpack_from("=H", answer, 4)
        if found != NLMSG_ERROR:
            raise NetlinkError(errno.EPROTO, what)
        (code,) = struct.unpack_from("=i", answer, 16)
        if code != 0:
            raise NetlinkError(-code, what)


def offloads_off(name: str) -> None:
    """Have the kernel write whole checksums and packets, for quotes show them as they are sent."""
    import fcntl  # Windows, where tests may join a lab of another process, has none

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for command in (ETHTOOL_SGSO, ETHTOOL_STSO, ETHTOOL_STXCSUM):
            value = array.array("I", [command, 0])
            request = struct.pack("16sP", name.encode(), value.buffer_info()[0])
            fcntl.ioctl(control, SIOCETHTOOL, request.ljust(40, b"\0"))
