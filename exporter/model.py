"""The words of the field as types: what is probed, what answered, and what a trace is.

Addresses are `str` in the canonical form of inet_ntop(3): the kernel hands them over so, and
labels and JSON want them so. Durations are seconds as `float`. Everything is immutable.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Family(StrEnum):
    """Address family of one trace."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"


class FamilyChoice(StrEnum):
    """Which families a target wants traced; `both` gives two traces."""

    AUTO = "auto"
    IPV4 = "ipv4"
    IPV6 = "ipv6"
    BOTH = "both"


class Protocol(StrEnum):
    """How to probe; `auto` leaves it to what the kernel permits."""

    AUTO = "auto"
    ICMP = "icmp"
    UDP = "udp"
    TCP = "tcp"
    QUIC = "quic"


class Kind(StrEnum):
    """What a response is."""

    TIME_EXCEEDED = "time_exceeded"
    ECHO_REPLY = "echo_reply"
    UNREACHABLE = "unreachable"
    CONNECTED = "connected"
    REFUSED = "refused"
    DATAGRAM = "datagram"
    VERSION_NEGOTIATION = "version_negotiation"


class StopReason(StrEnum):
    """Why a trace ended."""

    DESTINATION = "destination"
    UNREACHABLE = "unreachable"
    MAX_HOPS = "max_hops"
    GAP = "gap"
    LOOP = "loop"
    ERROR = "error"


class Probe(NamedTuple):
    """One packet to send: `trace` numbers the traces of a socket, `round` those of a trace.

    `flow` numbers the flows that a target is traced with; the fields that routers hash differ
    between flows and never within one. `size` is that of the whole packet in bytes, None leaves it
    to the socket.
    """

    trace: int
    round: int
    ttl: int
    flow: int = 0
    size: int | None = None


class MplsEntry(NamedTuple):
    """One entry of an MPLS label stack (RFC 3032, RFC 4950); `bottom` is the S bit."""

    label: int
    exp: int
    bottom: bool
    ttl: int


class ExtensionObject(NamedTuple):
    """An ICMP extension object (RFC 4884 section 7.1) with its undecoded payload."""

    class_number: int
    c_type: int
    payload: bytes


class Response(NamedTuple):
    """What answered a probe.

    `rtt` is in seconds, from kernel stamps where both were given. `received_at` is when the kernel
    had it, in seconds of the monotonic clock. `code` is the ICMP code of an `unreachable`,
    `reply_ttl` the TTL left in the answer; both are None where unknown. `mtu` is that of the next
    link in bytes, where a router said that the probe is too big for it. `translated` says that the
    answer quotes another destination than ours: something on the way rewrote it.
    """

    probe: Probe
    address: str
    kind: Kind
    rtt: float
    received_at: float
    code: int | None = None
    reply_ttl: int | None = None
    extensions: tuple[ExtensionObject, ...] = ()
    reached: bool = False
    mtu: int | None = None
    translated: bool = False


class Hop(NamedTuple):
    """All that one TTL showed in a trace: `responses` in the order of their rounds."""

    ttl: int
    sent: int
    responses: tuple[Response, ...] = ()

    @property
    def lost(self) -> int:
        """Probes sent and not answered."""
        return self.sent - len(self.responses)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Distinct responders, in the order first seen."""
        if len(self.responses) == 1:
            return (self.responses[0].address,)
        return tuple(dict.fromkeys([response.address for response in self.responses]))


@dataclass(frozen=True, slots=True)
class Trace:
    """One finished cycle over one path. `started_at` is wall-clock time, seconds since the epoch.

    `destination_sent` and `destination_lost` count end to end, one probe a round.
    `code` is the ICMP code where the reason to stop is `unreachable`.
    `errors` holds what failed locally, with how often: those probes count as neither sent nor lost;
    `message` says in words what the latest failure was.
    """

    host: str
    address: str | None
    family: Family
    protocol: Protocol
    backend: str
    started_at: float
    duration: float
    stop_reason: StopReason
    hops: tuple[Hop, ...] = ()
    code: int | None = None
    destination_sent: int = 0
    destination_rtts: tuple[float, ...] = ()
    errors: tuple[tuple[str, int], ...] = ()
    message: str | None = None

    @property
    def reached(self) -> bool:
        """Whether the destination itself answered."""
        return self.stop_reason is StopReason.DESTINATION

    @property
    def destination_lost(self) -> int:
        """Rounds that the destination left unanswered."""
        return self.destination_sent - len(self.destination_rtts)

    @property
    def path_hops(self) -> int:
        """TTL of the destination; of the last hop that answered, where it was not reached."""
        return next((hop.ttl for hop in reversed(self.hops) if hop.responses), 0)


@dataclass(frozen=True, slots=True)
class HostInfo:
    """What DNS and the routing registry say of an address, checked and fit for a label."""

    hostname: str | None = None
    asn: int | None = None
    as_name: str | None = None
    prefix: str | None = None
    country: str | None = None


NOTHING_KNOWN = HostInfo()
