"""One target over one address family: trace it, learn its path, publish what came of it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from exporter.errors import ErrorReason, ProbeError
from exporter.model import Family, HostInfo, Protocol, Response, Trace
from exporter.monitoring.memory import PathMemory
from exporter.monitoring.pace import pace_for
from exporter.monitoring.services import Services
from exporter.monitoring.view import View
from exporter.settings import Target
from exporter.sockets.base import SocketRequest
from exporter.statistics.tally import Tally
from exporter.trace.branches import flows_wanted
from exporter.trace.flowset import FlowSet, Wiring
from exporter.trace.mtuprobe import MtuProber
from exporter.trace.outcome import Subject, conclude, could_not_try, joined
from exporter.trace.plan import Plan


class PathMonitor:
    """One target over one address family: its socket, what it learnt, and its counters."""

    def __init__(self, target: Target, family: Family, services: Services) -> None:
        self._target = target
        self._family = family
        self._pace = pace_for(target.module)
        self._services = services
        self._flows: FlowSet | None = None
        self._mtu: MtuProber | None = None
        self._flow_count = 1
        self._backend = ""
        self._address: str | None = None
        self._seen: set[str] = set()
        self._memory = PathMemory(target.name, family, target.module.confirm, services.keeper)
        self._trace: Trace | None = None
        self._protocol = target.module.protocol
        if self._protocol is Protocol.AUTO:
            self._protocol = Protocol.ICMP
        self.tally = Tally(target.module)

    async def run(self, addresses: tuple[str, ...]) -> None:
        """Trace and publish; of several addresses the one already traced stays the choice.

        Where a cycle differs from what is known, short ones follow at once to confirm what it
        showed, or that it was chance. Sockets that had errors are opened anew in the next cycle.
        """
        address = self._address if self._address in addresses else addresses[0]
        if address != self._address:
            self._forget_path()
            self._address = address
            await self._memory.begin(address)
        await self._trace_until_sure(address)
        if self._mtu is not None and self._trace is not None and self._trace.reached:
            await self._measure_mtu(self._mtu, self._trace)

    async def _measure_mtu(self, prober: MtuProber, trace: Trace) -> None:
        mtu = await prober.measure(trace.path_hops, max(trace.destination_rtts))
        change = self._memory.measured(mtu, prober.settled)
        view = self._view(self._known())
        self._services.publish(view)
        if change is not None:
            self._services.mtu_changed(view, change)

    async def _trace_until_sure(self, address: str) -> None:
        pace, plan = self._pace, self._pace.cycle
        give_up_at = time.monotonic() + pace.latest
        cycle: Trace | None = None
        for pause in (*pace.pauses, None):
            try:
                cycle, suspicious = await self._trace_once(self._open(address), plan, cycle)
            except ProbeError as error:
                self._backend = ""
                self.fail(error.reason, str(error))
                return
            if not suspicious or pause is None or time.monotonic() + pause > give_up_at:
                return
            await asyncio.sleep(pause)
            plan = pace.confirming

    async def _trace_once(
        self, flows: FlowSet, plan: Plan, cycle: Trace | None
    ) -> tuple[Trace, bool]:
        """Trace all flows and publish, together with what this cycle has shown before.

        Gives all that the cycle has shown now, and whether it should be confirmed, or still be
        where the answer that matters was lost.
        """
        started_at, started = time.time(), time.monotonic()
        states, errors = await flows.trace(plan, self._flow_count)
        duration = time.monotonic() - started
        subject = self._subject()
        trace = conclude(subject, states, errors, started_at, duration)
        if errors.counts:
            self.close()
        parts = [trace]
        if len(states) > 1:
            parts = [conclude(subject, [each], errors, started_at, duration) for each in states]
        self._trace = trace if cycle is None else joined(cycle, trace)
        infos = self._known()
        verdict = self._memory.observe(parts, infos, f"{self._backend} {flows.identity}")
        self._flow_count = flows_wanted(trace, self._target.module.flows)
        if verdict.change is not None:
            self.tally.recent.cut()
        self.tally.add(trace, confirming=cycle is not None)
        self._services.publish(self._view(infos))
        if verdict.change is not None or verdict.as_change is not None:
            self._services.changed(self._target, self._family, verdict)
        is_open = verdict.suspicious or (cycle is not None and verdict.unsettled)
        return self._trace, is_open and not errors.counts

    def fail(self, reason: ErrorReason, message: str) -> None:
        """Publish a cycle in which nothing could be sent."""
        subject = self._subject()
        if reason is ErrorReason.RESOLVE:
            subject = replace(subject, address=None)
        self._trace = could_not_try(subject, reason, message, time.time())
        self.tally.add(self._trace)
        self._show()

    def skipped(self, cycles: int) -> None:
        """Count cycles that did not start, and show the count."""
        self.tally.skip(cycles)
        self._show()

    def adapt(self, target: Target) -> None:
        """Go on under these labels and this interval; all else of the target must be the same."""
        self._target = target
        self._pace = pace_for(target.module)
        if self._mtu is not None:
            self._mtu.set_interval(target.module.interval)
        if self.has_shown:
            self._show()

    def succeed(self, former: PathMonitor) -> None:
        """Take over what a monitor of the same host, which has ended, counted and has on show."""
        module, before = self._target.module, former._target.module
        alike = self._request("") == former._request("") and module.probes == before.probes
        self.tally = former.tally.going_on(module, alike=alike)
        self._memory = former._memory
        self._memory.confirm_by(module.confirm)
        self._trace = former._trace
        self._protocol, self._backend = former._protocol, former._backend
        if self.has_shown:
            self._show()

    def cut_short(self) -> None:
        """End the trace that runs with what it has; where nothing is on show yet, say why."""
        if self._flows is not None:
            self._flows.cut_short()
        elif not self.has_shown:
            self.fail(ErrorReason.RESOLVE, "the time was over before the name was resolved")

    @property
    def has_shown(self) -> bool:
        """Whether anything was published."""
        return self._trace is not None or self.tally.skipped > 0

    def end(self) -> None:
        """Give the sockets back for good, and let go of what refers to this monitor.

        The collector is spared in a daemon, so that what is gone must not hold itself alive.
        """
        self._forget_path()

    def close(self) -> None:
        """Give the sockets back; the next trace opens them anew."""
        if self._flows is not None:
            self._flows.close()

    def _open(self, address: str) -> FlowSet:
        if self._flows is None:
            name, request = f"{self._target.name}\0{self._family}", self._request(address)
            shared = self._services
            wiring = Wiring(shared.open_socket, shared.pacer, shared.counts, self._on_response)
            self._flows = FlowSet(name, request, wiring)
            if self._target.module.mtu:
                self._mtu = MtuProber(
                    name,
                    request,
                    wiring,
                    timeout=self._target.module.timeout,
                    interval=self._target.module.interval,
                )
        socket = self._flows.open()
        self._protocol, self._backend = socket.protocol, socket.backend
        return self._flows

    def _request(self, address: str) -> SocketRequest:
        module = self._target.module
        return SocketRequest(
            destination=address,
            family=self._family,
            protocol=module.protocol,
            port=module.port,
            source=module.source,
            interface=module.interface,
            dscp=module.dscp,
            packet_size=module.packet_size,
            payload=module.payload,
        )

    def _forget_path(self) -> None:
        self.close()
        self._flows = self._mtu = None
        self._seen = set()

    def _on_response(self, response: Response) -> None:
        self._services.recorded(time.monotonic() - response.received_at)
        if self._flows is not None and self._memory.is_surprising(response):
            self._flows.hurry(self._pace.urgent)
        if response.address not in self._seen:
            self._seen.add(response.address)
            self._services.info(response.address)
        self._services.heard(self._target, self._family, response)

    def _subject(self) -> Subject:
        return Subject(
            self._target.host, self._address, self._family, self._protocol, self._backend
        )

    def _show(self) -> None:
        self._services.publish(self._view(self._known()))

    def _known(self) -> dict[str, HostInfo]:
        """What is known of every address on show; they are what is looked up as soon as heard."""
        hops = () if self._trace is None else self._trace.hops
        self._seen = {address for hop in hops for address in hop.addresses}
        shown = self._seen.union(each for each in self._memory.path if each is not None)
        return {address: self._services.info(address) for address in shown}

    def _view(self, infos: dict[str, HostInfo]) -> View:
        return View(
            self._target,
            self._family,
            self._protocol,
            self._trace,
            self._memory.path,
            infos,
            self.tally,
            self._memory.facts,
        )
