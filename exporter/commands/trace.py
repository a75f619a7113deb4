"""`ftr-exporter trace HOST...`: one trace for each host, every hop printed once it is known.

Start-up is part of the waiting, so what is not needed for the first probe is imported later.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from exporter.commands.traceflags import parse_trace_flags
from exporter.enrichment.enricher import Enricher
from exporter.errors import ErrorReason, ProbeError, ResolveError
from exporter.model import Family, Protocol, Response, StopReason, Trace
from exporter.names.families import first_family
from exporter.names.resolver import Resolver
from exporter.report import Heading, JsonLinesReport, JsonReport, Report, TextReport
from exporter.settings import EnrichmentSettings, ResolverSettings
from exporter.sockets.base import SocketRequest
from exporter.sockets.factory import open_probe_socket
from exporter.sockets.readiness import run
from exporter.trace.branches import flows_wanted
from exporter.trace.flowset import FlowSet, Wiring
from exporter.trace.outcome import Subject, conclude, could_not_try
from exporter.trace.pacer import Pacer
from exporter.trace.plan import Plan
from exporter.trace.tracer import ResponseCounts

_PROBES_PER_SECOND = 1000
_PATIENCE_SECONDS = 0.1
_MULTIPLE = 2.5
"""With what was sent a little later, a whole trace takes less than three times the slowest RTT."""
_NAMES_SECONDS = 2.0

REACHED, NOT_REACHED, COULD_NOT_TRY = 0, 1, 2


def main(arguments: Sequence[str]) -> int:
    """Exit status 0: all reached; 1: one was not; 2: one could not be tried."""
    options = parse_trace_flags(arguments)
    return run(_trace_all(options, _report(options)))


def _report(options: argparse.Namespace) -> Report:
    if options.json:
        return JsonReport(sys.stdout)
    if options.jsonl:
        return JsonLinesReport(sys.stdout)
    terminal = sys.stdout.isatty()
    size = shutil.get_terminal_size()
    colour = terminal and not os.environ.get("NO_COLOR")
    height = size.lines if terminal else 0
    return TextReport(
        sys.stdout, colour=colour, width=size.columns if terminal else 0, height=height
    )


async def _trace_all(options: argparse.Namespace, report: Report) -> int:
    nameservers = tuple(options.nameserver or ())
    resolver = Resolver(ResolverSettings(nameservers, options.nameserver_port))
    asked = EnrichmentSettings(not options.numeric, "none" if options.numeric else "cymru")
    enricher = Enricher(asked, resolver, on_update=lambda address: tell(address))

    def tell(address: str) -> None:
        info, pending = enricher.info(address), enricher.pending(address)
        reader.told(lambda: report.info(address, info, complete=not pending))

    reader = _Reader()
    worst = REACHED
    try:
        for host in options.hosts:
            command = _Command(options, report, reader, resolver, enricher, host)
            worst = max(worst, await command.run())
    except asyncio.CancelledError:
        if reader.gone is not None:
            raise reader.gone from None
        raise
    finally:
        await enricher.close()
    return worst


class _Reader:
    """Whoever reads our output: where it has gone, as `head` does, the command ends."""

    def __init__(self) -> None:
        self.gone: BrokenPipeError | None = None
        self._command = asyncio.current_task()

    def told(self, write: Callable[[], None]) -> None:
        """Write from a callback of the event loop, which must not raise."""
        try:
            write()
        except BrokenPipeError as error:
            self.gone = error
            if self._command is not None:
                self._command.cancel()


class _Command:
    """The trace of one host."""

    def __init__(
        self,
        options: argparse.Namespace,
        report: Report,
        reader: _Reader,
        resolver: Resolver,
        enricher: Enricher,
        host: str,
    ) -> None:
        self._options = options
        self._report = report
        self._reader = reader
        self._resolver = resolver
        self._enricher = enricher
        self._host = host
        self._lookups: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> int:
        """Trace, print, and give the exit status of this host alone."""
        options = self._options
        protocol = Protocol(options.protocol)
        subject = Subject(self._host, None, options.family or Family.IPV4, protocol)
        families = [options.family] if options.family else list(Family)
        try:
            family, addresses = await first_family(self._resolver.addresses, self._host, families)
        except ResolveError as error:
            return self._gave_up(subject, ErrorReason.RESOLVE, str(error))
        subject = replace(subject, address=addresses[0], family=family)
        wiring = Wiring(
            open_probe_socket, Pacer(_PROBES_PER_SECOND), ResponseCounts(), self._responded
        )
        flows = FlowSet(self._host, self._request(addresses[0], family), wiring)
        try:
            socket = flows.open()
        except ProbeError as error:
            return self._gave_up(subject, error.reason, str(error))
        subject = replace(subject, protocol=socket.protocol, backend=socket.backend)
        self._report.start(self._heading(subject, addresses[0]))
        try:
            return await self._finish(await self._trace(flows, subject))
        finally:
            flows.close()

    async def _trace(self, flows: FlowSet, subject: Subject) -> Trace:
        """Trace flow 0, then as many more as the branches found so far call for."""
        started_at, started = time.time(), time.monotonic()
        states, errors = await flows.trace(self._plan())
        while True:
            duration = time.monotonic() - started
            trace = conclude(subject, states, errors, started_at, duration)
            wanted = flows_wanted(trace, self._options.flows)
            if wanted <= len(states) or errors.counts:
                return trace
            more, errors = await flows.trace(self._plan(), wanted, first=len(states))
            states += more

    def _heading(self, subject: Subject, address: str) -> Heading:
        return Heading(
            host=self._host,
            address=address,
            family=subject.family,
            protocol=subject.protocol,
            backend=subject.backend,
            max_hops=self._options.max_hops,
            rounds=max(self._options.probes, self._options.flows),
            first_hop=self._options.first_hop,
        )

    def _request(self, address: str, family: Family) -> SocketRequest:
        options = self._options
        return SocketRequest(
            destination=address,
            family=family,
            protocol=Protocol(options.protocol),
            port=options.port,
            source=options.source,
            interface=options.interface,
            dscp=options.dscp,
            packet_size=options.packet_size,
        )

    def _plan(self) -> Plan:
        options = self._options
        return Plan(
            first_hop=options.first_hop,
            max_hops=options.max_hops,
            rounds=options.probes,
            timeout=options.timeout,
            patience=min(_PATIENCE_SECONDS, options.timeout),
            multiple=_MULTIPLE,
        )

    def _responded(self, response: Response) -> None:
        info = self._enricher.info(response.address)
        pending = self._enricher.pending(response.address)
        self._reader.told(lambda: self._report.response(response, None if pending else info))
        if pending and response.address not in self._lookups:
            lookup = self._tell_when_settled(response.address)
            self._lookups[response.address] = asyncio.create_task(lookup)

    async def _tell_when_settled(self, address: str) -> None:
        await self._enricher.settled([address], _NAMES_SECONDS)
        info = self._enricher.info(address)
        self._reader.told(lambda: self._report.info(address, info, complete=True))

    def _gave_up(self, subject: Subject, reason: ErrorReason, message: str) -> int:
        self._report.finish(could_not_try(subject, reason, message, time.time()), {})
        return COULD_NOT_TRY

    async def _finish(self, trace: Trace) -> int:
        addresses = {address for hop in trace.hops for address in hop.addresses}
        await asyncio.gather(*self._lookups.values())
        self._report.finish(trace, {each: self._enricher.info(each) for each in addresses})
        if trace.reached:
            return REACHED
        return COULD_NOT_TRY if trace.stop_reason is StopReason.ERROR else NOT_REACHED
