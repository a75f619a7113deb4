"""Whether all parallel branches of a balanced segment are found, run after run."""

from __future__ import annotations

import asyncio

from exporter.model import Family, Protocol, Trace
from exporter.sockets.base import SocketRequest
from exporter.sockets.factory import open_probe_socket
from exporter.trace.branches import flows_wanted
from exporter.trace.flowset import FlowSet, Wiring
from exporter.trace.outcome import Subject, conclude
from exporter.trace.pacer import Pacer
from exporter.trace.plan import Plan
from exporter.trace.tracer import ResponseCounts

MOST_FLOWS = 128


async def trace_all_branches(address: str, family: Family, protocol: Protocol, name: str) -> Trace:
    """Trace with as many flows as the rule asks for; `name` decides which flows these are."""
    wiring = Wiring(open_probe_socket, Pacer(20_000), ResponseCounts(), lambda response: None)
    flows = FlowSet(name, SocketRequest(address, family, protocol), wiring)
    states, errors = await flows.trace(Plan(rounds=1))
    try:
        while True:
            subject = Subject(address, address, family, protocol)
            trace = conclude(subject, states, errors, 0.0, 0.0)
            if (wanted := flows_wanted(trace, MOST_FLOWS)) <= len(states):
                return trace
            more, errors = await flows.trace(Plan(rounds=1), wanted, first=len(states))
            states += more
    finally:
        flows.close()


def runs_that_found(address: str, protocol: Protocol, widths: list[int], runs: int) -> int:
    """How many of so many runs, each with flows of its own, found every branch at every hop."""

    async def all_runs() -> int:
        found = 0
        for number in range(runs):
            name = f"run {number}"
            trace = await trace_all_branches(address, Family.IPV4, protocol, name)
            found += [len(hop.addresses) for hop in trace.hops] == widths
        return found

    return asyncio.run(all_runs())
