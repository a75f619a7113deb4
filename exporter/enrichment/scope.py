"""Which addresses may be asked for outside: those that mean the same to everyone.

The prefixes for documentation and benchmarks are among them, so that examples and labs work;
`ipaddress` calls them private, which is why its properties are of no use here.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_LOCAL4 = tuple(
    IPv4Network(prefix)
    for prefix in (
        "0.0.0.0/8",  # this network, RFC 1122
        "10.0.0.0/8",  # private, RFC 1918
        "100.64.0.0/10",  # shared, RFC 6598
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, RFC 3927
        "172.16.0.0/12",  # private
        "192.0.0.0/29",  # DS-Lite, RFC 6333
        "192.168.0.0/16",  # private
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_LOCAL6 = tuple(
    IPv6Network(prefix)
    for prefix in (
        "::/127",  # unspecified and loopback
        "64:ff9b:1::/48",  # local NAT64, RFC 8215
        "fc00::/7",  # unique local, RFC 4193
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local, RFC 3879
        "ff00::/8",  # multicast
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")


def public_address(text: str) -> IPv4Address | IPv6Address | None:
    """The address that may be asked for; None for local ones and for what is no address.

    A v4-mapped address stands for the IPv4 address in it. An address that carries an IPv4
    address (NAT64, 6to4) is as local as that one.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return address if _is_public6(address) else None
        address = address.ipv4_mapped
    return address if _is_public4(address) else None


def _is_public4(address: IPv4Address) -> bool:
    return not any(address in network for network in _LOCAL4)


def _is_public6(address: IPv6Address) -> bool:
    if address.scope_id is not None or any(address in network for network in _LOCAL6):
        return False
    inner = address.sixtofour
    if address in _NAT64:
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return inner is None or _is_public4(inner)
