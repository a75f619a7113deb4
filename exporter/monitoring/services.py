"""What all measurements share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from exporter.model import Family, HostInfo, Response
from exporter.monitoring.memory import Keeper
from exporter.monitoring.view import View
from exporter.names.families import Resolve
from exporter.settings import Target
from exporter.trace.flowset import Open
from exporter.trace.pacer import Pacer
from exporter.trace.tracer import ResponseCounts
from exporter.watch.mtuwatch import MtuChange
from exporter.watch.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Services:
    """What all measurements share.

    `info` gives what is known of an address and starts to look it up; `recorded` gets the seconds
    from the kernel's receive stamp to now; `heard` gets each answer on a path at once; `publish`
    takes the outcome of a cycle; `withdraw` ends what was published under a key; `changed` is told
    each confirmed change of path, once, and `mtu_changed` each of the path MTU;
    `keeper` keeps what is known of paths over a restart.
    """

    resolve: Resolve
    open_socket: Open
    pacer: Pacer
    counts: ResponseCounts
    info: Callable[[str], HostInfo]
    recorded: Callable[[float], None]
    heard: Callable[[Target, Family, Response], None]
    publish: Callable[[View], None]
    withdraw: Callable[[tuple[str, Family]], None]
    changed: Callable[[Target, Family, Verdict], None]
    mtu_changed: Callable[[View, MtuChange], None]
    keeper: Keeper
