"""Runs the traces of `/probe`: few at a time, each within its time, nothing of them is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from enum import StrEnum

from exporter.config.layers import conflicts, host_family, settle
from exporter.config.shown import shown
from exporter.errors import FtrError
from exporter.model import HostInfo
from exporter.monitoring.services import Services
from exporter.monitoring.slots import Slots
from exporter.monitoring.target import TargetMonitor
from exporter.monitoring.view import Key, View
from exporter.probe.allow import Rules
from exporter.probe.outcome import Outcome
from exporter.probe.run import ENDING_SECONDS, Log, Views, apart, trace_once
from exporter.settings import Config, Module, Target

QUEUE = 100
"""Requests that may wait for their turn; more are turned away at once."""
_LEAST_SECONDS = 0.05
_NAMES_SECONDS = 1.0
"""The longest wait for names and origins once the trace has ended."""


class Refusal(StrEnum):
    """Why a request was turned away: values of the label `result` of the metric that counts."""

    DENIED = "denied"
    INVALID = "invalid"
    BUSY = "busy"


class ProbeRefused(FtrError):
    """A request that is not served; says why, for whoever asked."""

    def __init__(self, refusal: Refusal, message: str) -> None:
        super().__init__(message)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Names:
    """What is known of addresses, and how to wait for it: `settled(addresses, seconds)`."""

    info: Callable[[str], HostInfo]
    settled: Callable[[Iterable[str], float], Awaitable[None]]


class Prober:
    """`services` are those of all measurements; what is published is kept apart from theirs.

    `counted` is told the result of each request.
    """

    def __init__(
        self, config: Config, services: Services, names: Names, counted: Callable[[str], None]
    ) -> None:
        self._services = services
        self._names = names
        self._counted = counted
        self._slots = Slots(config.probe.concurrency)
        self.use(config)

    def use(self, config: Config) -> None:
        """Serve by this configuration from now on; what runs goes on."""
        self._rules = Rules(config.probe.allow)
        self._modules = dict(config.modules)
        self._slots.resize(config.probe.concurrency)

    async def probe(self, host: str, module: str, seconds: float) -> Outcome:
        """Trace a host once, within so many seconds; `host` is as `parse_host` gives it.

        Raises `ProbeRefused`. Cancelling it ends the trace.
        """
        try:
            outcome = await self._probe(host, module, seconds)
        except ProbeRefused as refused:
            self._counted(refused.refusal)
            raise
        self._counted("cut_short" if outcome.cut_short else "done")
        return outcome

    async def _probe(self, host: str, name: str, seconds: float) -> Outcome:
        log = Log()
        entry = self._rules.permit(host)
        if entry is None:
            message = f"the configuration does not allow {shown(host)}; see probe.allow"
            raise ProbeRefused(Refusal.DENIED, message)
        log.add(f'allowed by "{entry}"; {seconds:g} s to answer')
        module = self._module(name, host)
        deadline = log.started + seconds
        async with AsyncExitStack() as stack:
            await self._enter(stack, deadline)
            left = deadline - log.now()
            target = Target(host, host, _fitted(module, left))
            log.add(f"a slot is free; {left:.3g} s left")
            views = Views(log)
            monitor = TargetMonitor(target, apart(self._services, views, log))
            stack.callback(monitor.close)
            cut_short = await trace_once(monitor, log, deadline - 2 * ENDING_SECONDS)
            known = await self._named(views.by_key, min(_NAMES_SECONDS, deadline - log.now()))
            log.add("done")
        return Outcome(target, known, tuple(log.steps), cut_short)

    def _module(self, name: str, host: str) -> Module:
        module = self._modules.get(name)
        if module is None:
            known = ", ".join(shown(each) for each in self._modules)
            message = f'there is no module named "{shown(name)}"; there are {known}'
            raise ProbeRefused(Refusal.INVALID, message)
        family = host_family(host)
        module = settle(module, family)
        problems = [conflict.message for conflict in conflicts(module)]
        if family is not None and module.family.value != family.value:
            problems.append(f"the host is an address of {family}, the family is {module.family}")
        if problems:
            raise ProbeRefused(Refusal.INVALID, f'module "{shown(name)}": {"; ".join(problems)}')
        return module

    async def _enter(self, stack: AsyncExitStack, deadline: float) -> None:
        if self._slots.waiting >= QUEUE:
            message = f"too many requests: {QUEUE} wait for a trace already"
            raise ProbeRefused(Refusal.BUSY, message)
        try:
            async with asyncio.timeout_at(deadline - _LEAST_SECONDS):
                await stack.enter_async_context(self._slots)
        except TimeoutError:
            message = "too many requests: no trace could begin in the time there was"
            raise ProbeRefused(Refusal.BUSY, message) from None

    async def _named(self, views: Mapping[Key, View], seconds: float) -> tuple[View, ...]:
        """The views with what is known of their addresses once the look-ups are done."""
        addresses = {address for view in views.values() for address in view.infos}
        await self._names.settled(addresses, max(0.0, seconds))
        found = (views.get(key) for key in sorted(views))
        return tuple(
            replace(view, infos={each: self._names.info(each) for each in view.infos})
            for view in found
            if view is not None
        )


def _fitted(module: Module, seconds: float) -> Module:
    """The module for one cycle that has so many seconds: they take the place of its interval."""
    return replace(
        module, interval=min(module.interval, seconds), timeout=min(module.timeout, seconds)
    )
