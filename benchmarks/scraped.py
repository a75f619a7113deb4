"""Makes an exposition of a wished size out of finished traces, as `Source` for the real server."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from exporter.metrics.exposition import Exposition
from exporter.metrics.own import OwnMetrics
from exporter.model import (
    Family,
    Hop,
    HostInfo,
    Kind,
    Probe,
    Protocol,
    Response,
    StopReason,
    Trace,
)
from exporter.monitoring.view import View
from exporter.reading.path import follow
from exporter.server.events import Hub
from exporter.server.source import TargetState
from exporter.settings import Target
from exporter.statistics.tally import Tally

HOPS = 14
_STARTED = 1_769_860_800.0


class Source:
    """A daemon that has measured all of its targets; see `exporter.server.source.Source`."""

    def __init__(self, samples: int) -> None:
        self.exposition = Exposition(OwnMetrics(), 10_000, _failed)
        self.targets_made = 0
        empty = self.samples()
        self._add()
        each = self.samples() - empty
        while self.targets_made * each < samples:
            self._add()

    def _add(self) -> None:
        self.exposition.update(_view(self.targets_made))
        self.targets_made += 1

    def samples(self) -> int:
        """How many samples a scrape has, without those of the process and the interpreter."""
        found = b"".join(self.exposition.chunks(None, None, False)).split(b"\n")
        return sum(line.startswith(b"ftr_") for line in found)

    def is_ready(self) -> bool:
        """See `Source`."""
        return True

    def metrics_chunks(
        self, targets: Collection[str] | None, names: Collection[str] | None, openmetrics: bool
    ) -> Iterable[bytes]:
        """See `Source`."""
        return self.exposition.chunks(targets, names, openmetrics)

    def targets(self) -> Sequence[TargetState]:
        """See `Source`."""
        return ()

    def target(self, name: str) -> TargetState | None:
        """See `Source`."""
        return None

    async def incidents(self, name: str, limit: int) -> list[dict[str, object]]:
        """See `Source`."""
        return []

    @property
    def events(self) -> Hub:
        """See `Source`."""
        return Hub()

    def trace_now(self, name: str) -> bool:
        """See `Source`."""
        return False


def _view(number: int) -> View:
    target = Target(f"t{number}", f"t{number}.targets.example")
    trace = _trace(target, number)
    tally = Tally(target.module)
    tally.add(trace)
    infos = {
        address: HostInfo(f"r{number}.routers.example", 64510, "LAB-ROUTERS", "198.19.0.0/16", "DE")
        for hop in trace.hops
        for address in hop.addresses
    }
    path = follow((), trace)
    return View(target, Family.IPV4, Protocol.ICMP, trace, path, infos, tally)


def _trace(target: Target, number: int) -> Trace:
    end = f"198.18.{number >> 8 & 255}.{number & 255}"
    hops = tuple(
        Hop(
            ttl,
            3,
            tuple(_response(ttl, f"198.19.{ttl}.{number & 255}", round_) for round_ in range(3)),
        )
        for ttl in range(1, HOPS)
    )
    last = Hop(HOPS, 3, tuple(_response(HOPS, end, round_) for round_ in range(3)))
    return Trace(
        host=target.host,
        address=end,
        family=Family.IPV4,
        protocol=Protocol.ICMP,
        backend="linux-icmp",
        started_at=_STARTED,
        duration=2.0123,
        stop_reason=StopReason.DESTINATION,
        hops=(*hops, last),
        destination_sent=3,
        destination_rtts=tuple(response.rtt for response in last.responses),
    )


def _response(ttl: int, address: str, round_: int) -> Response:
    rtt = ttl * 0.0012345678 + round_ * 0.0000123
    kind = Kind.ECHO_REPLY if ttl == HOPS else Kind.TIME_EXCEEDED
    return Response(
        Probe(1, round_, ttl), address, kind, rtt, _STARTED, None, 255 - ttl, (), ttl == HOPS
    )


def _failed(view: View) -> None:
    raise RuntimeError(f"{view.target.name} could not be shown")
