"""Targets as models: whom to trace, and how."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from exporter import settings
from exporter.config import rules
from exporter.config.strict import Strict, key
from exporter.model import FamilyChoice, Protocol

_MODULE: Final = settings.Module()


class ModuleFields(Strict):
    """How to probe. What is left out comes from the layer below."""

    protocol: Annotated[Protocol, Field(strict=False)] = key(
        _MODULE.protocol,
        "What to send. `auto` takes ICMP where the kernel permits it, else UDP.",
        "icmp",
    )
    port: Annotated[int | None, rules.whole(1, 65535)] = key(
        _MODULE.port,
        "Destination port. Left out: 443 for `tcp` and `quic`, the traceroute ports for `udp`, one "
        "for each TTL. A port given for `udp` makes all TTLs one flow; on 53, 123 and 443 it asks "
        "the service there (DNS, NTP, QUIC), which answers. ICMP has none: beside "
        "`protocol: icmp` it is refused, inherited it has no effect.",
        443,
    )
    payload: Annotated[bytes | None, rules.PAYLOAD] = key(
        _MODULE.payload,
        "What `udp` says to `port`, in hexadecimal digits. Left out: what the service is known to "
        "answer, else words of our own.",
        "0d0a0d0a",
    )
    family: Annotated[FamilyChoice, Field(strict=False)] = key(
        _MODULE.family,
        "Address family of a name that has both. `both` gives two traces; `auto` takes one, "
        "that of `source` where there is one.",
        "ipv4",
    )
    interval: Annotated[float, rules.duration(0.1, 86400)] = key(
        _MODULE.interval, "Time from the start of one cycle to the start of the next.", "30s"
    )
    timeout: Annotated[float, rules.duration(0.01, 60)] = key(
        _MODULE.timeout,
        "Longest wait for the answer to a probe; no longer than `interval`. "
        "TCP waits 0.9 s at most.",
        "1s",
    )
    probes: Annotated[int, rules.whole(1, 100)] = key(
        _MODULE.probes, "Probes per hop and cycle.", 3
    )
    first_hop: Annotated[int, rules.whole(1, 255)] = key(
        _MODULE.first_hop, "TTL of the nearest hop to probe; no higher than `max_hops`.", 1
    )
    max_hops: Annotated[int, rules.whole(1, 255)] = key(
        _MODULE.max_hops, "TTL of the farthest hop to probe.", 30
    )
    flows: Annotated[int, rules.whole(1, 128)] = key(
        _MODULE.flows, "Flows to probe with, each of which a load balancer may send another way.", 4
    )
    packet_size: Annotated[int | None, rules.whole(28, 9000)] = key(
        _MODULE.packet_size,
        "Bytes of a probe with its IP header. IPv6 needs 48, QUIC 1228 (IPv6: 1248). "
        "Left out: as small as the protocol allows.",
        64,
    )
    dscp: Annotated[int, rules.whole(0, 63)] = key(
        _MODULE.dscp, "Differentiated services code point of the probes.", 46
    )
    source: Annotated[str | None, rules.SOURCE] = key(
        _MODULE.source, "Address to send from. Left out: the kernel chooses.", "192.0.2.10"
    )
    interface: Annotated[str | None, rules.NAME] = key(
        _MODULE.interface, "Network interface to send from. Left out: the kernel chooses.", "eth0"
    )
    mtu: bool = key(_MODULE.mtu, "Whether to discover the path MTU.", True)
    rtt_buckets: Annotated[tuple[float, ...], rules.BUCKETS] = key(
        _MODULE.rtt_buckets, "Upper bounds of the buckets of RTT histograms.", ["1ms", "10ms", 0.1]
    )
    hop_histograms: bool = key(
        _MODULE.hop_histograms, "Whether each hop has an RTT histogram too: many series.", True
    )
    confirm: Annotated[int, rules.whole(1, 100)] = key(
        _MODULE.confirm, "Cycles that must agree before a change of path counts.", 3
    )


Labels = dict[Annotated[str, rules.LABEL_NAME], Annotated[str, rules.LABEL_VALUE]]


class TargetFields(ModuleFields):
    """One host to trace. Any module field may stand here too and wins over the module."""

    host: Annotated[str, rules.HOST] = Field(
        description="Address or name to trace. A name is resolved again every cycle.",
        examples=["192.0.2.1", "www.example.net"],
    )
    name: Annotated[str | None, rules.NAME] = key(
        None, "Value of the label `target`; unique. Left out: the host.", "example"
    )
    module: Annotated[str | None, rules.NAME] = key(
        None, "Which of `modules` to use. Left out: `defaults` alone.", "tcp-443"
    )
    labels: Labels | None = key(
        None, "Labels for this target's series; values are text.", {"site": "home"}
    )


class GroupFields(Strict):
    """A group of targets in a file of `target_files` or in the answer of a URL."""

    targets: list[Annotated[str, rules.HOST]] = Field(
        description="Hosts to trace.", examples=[["www.example.net"]]
    )
    labels: Labels | None = key(None, "Labels of these targets.", {"site": "home"})
