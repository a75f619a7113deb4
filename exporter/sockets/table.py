"""Pure: which backend serves which platform, and what it cannot do. The one place that knows."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

from exporter.model import Family, Protocol
from exporter.sockets.base import SocketRequest

PLATFORM = sys.platform
"""Where this is, for messages."""
_OPTIONS = {
    "packet_size": "packet_size",
    "dscp": "dscp",
    "source": "source",
    "interface": "interface",
    "dont_fragment": "mtu",
}
"""What of a request a backend may be unable to honour, and how the configuration calls it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One backend; its module is imported only when it is tried.

    `platforms` are beginnings of `sys.platform`. `auto` says whether `protocol: auto` may choose
    it. `cannot` has the configuration's names of what it cannot honour, each with the reason.
    """

    backend: str
    protocol: Protocol
    module: str
    opener: str
    platforms: tuple[str, ...] = ("linux",)
    families: tuple[Family, ...] = tuple(Family)
    auto: bool = True
    cannot: tuple[tuple[str, str], ...] = ()

    def serves(self, protocol: Protocol, family: Family | None, platform: str) -> bool:
        """Whether it is one to try; None stands for any family."""
        wanted = self.auto if protocol is Protocol.AUTO else protocol is self.protocol
        return (
            wanted
            and (family is None or family in self.families)
            and platform.startswith(self.platforms)
        )

    def obstacles(self, options: frozenset[str]) -> tuple[str, ...]:
        """Why it cannot honour these options, in words; empty where it can."""
        return tuple(
            f"it cannot honour {name}: {reason}" for name, reason in self.cannot if name in options
        )


_SYN_IS_EMPTY = "a SYN carries no payload"
_RAW_ICMP = Candidate("raw-icmp", Protocol.ICMP, "exporter.sockets.raw_icmp", "open_raw_icmp")

CANDIDATES = (
    Candidate("linux-icmp", Protocol.ICMP, "exporter.sockets.linux_icmp", "open_linux_icmp"),
    Candidate(
        "macos-icmp",
        Protocol.ICMP,
        "exporter.sockets.macos_icmp",
        "open_macos_icmp",
        platforms=("darwin",),
    ),
    replace(_RAW_ICMP, platforms=("linux", "darwin")),
    replace(
        _RAW_ICMP,
        platforms=("freebsd", "openbsd", "netbsd", "dragonfly"),
        cannot=(
            ("interface", "the BSDs bind no raw socket to an interface"),
            ("mtu", "not every BSD lets a raw socket forbid fragments"),
        ),
    ),
    Candidate("linux-udp", Protocol.UDP, "exporter.sockets.linux_udp", "open_linux_udp"),
    Candidate(
        "windows-icmp",
        Protocol.ICMP,
        "exporter.sockets.windows_icmp",
        "open_windows_icmp",
        platforms=("win32",),
        cannot=(
            ("dscp", "Windows ignores the type of service of an echo request"),
            ("interface", "Windows sends by its routes; name an address to send from as source"),
            ("mtu", "Windows tells no MTU, and keeps to what it learnt of the path before"),
        ),
    ),
    Candidate(
        "linux-quic", Protocol.QUIC, "exporter.sockets.linux_quic", "open_linux_quic", auto=False
    ),
    Candidate(
        "linux-tcp",
        Protocol.TCP,
        "exporter.sockets.linux_tcp",
        "open_linux_tcp",
        auto=False,
        cannot=(("packet_size", _SYN_IS_EMPTY), ("mtu", _SYN_IS_EMPTY)),
    ),
)
"""In the order in which they are tried."""


def candidates(
    protocol: Protocol, family: Family | None = None, platform: str = sys.platform
) -> tuple[Candidate, ...]:
    """Backends for a protocol and a family on a platform, best first."""
    return tuple(each for each in CANDIDATES if each.serves(protocol, family, platform))


def options_of(request: SocketRequest) -> frozenset[str]:
    """The options that a request asks for, under the configuration's names."""
    return frozenset(name for field, name in _OPTIONS.items() if getattr(request, field))
