"""Recorded cycles as short texts, and the traces that they stand for.

A cycle is one text, a word for each TTL: `a b c D`. A word stands for three rounds with the same
responder; `a|b|*` gives each round its own, `*` alone is a silent hop. `D` is the destination, `!b`
router b that says "unreachable". At the end, `loop` says how the trace stopped, `error` that it
could not be sent, `x5` that it came five times. `a b D & a c D` are two flows of one cycle.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from exporter.model import Family, Hop, HostInfo, Kind, Probe, Protocol, Response, StopReason, Trace

ROUNDS = 3
RECORDED = Path(__file__).parent / "recorded"


@dataclass(frozen=True, slots=True)
class Case:
    """A recorded sequence and what is to be concluded; cycles count from 1."""

    story: str
    cycles: tuple[tuple[str, dict[str, Any]], ...]
    confirm: int = 3
    changes: tuple[str, ...] = ()
    as_changes: tuple[str, ...] = ()
    suspicious: tuple[int, ...] | None = None
    outage: tuple[int, ...] = ()
    path: str | None = None
    as_path: str | None = None
    branches: int | None = None
    balancing: dict[int, str] = field(default_factory=dict)


def cases() -> list[Case]:
    """Every case of every file, those of a file in its order."""
    found = []
    for file in sorted(RECORDED.glob("*.yaml")):
        for entry in yaml.safe_load(file.read_text("utf-8")):
            entry["cycles"] = tuple(_cycles(entry["cycles"]))
            for key, value in entry.items():
                if key != "cycles" and isinstance(value, list):
                    entry[key] = tuple(value)
            found.append(Case(**entry))
    return found


def _cycles(entries: list[Any]) -> list[tuple[str, dict[str, Any]]]:
    """One (text, options) a cycle; options hold until others are given."""
    options: dict[str, Any] = {}
    cycles: list[tuple[str, dict[str, Any]]] = []
    for entry in entries:
        if isinstance(entry, dict):
            options = {**options, **entry}
            continue
        text, times = entry, 1
        if text.rpartition(" x")[2].isdigit():
            text, _, count = text.rpartition(" x")
            times = int(count)
        cycles += [(text, options)] * times
    return cycles


def infos(origins: dict[str, int] | None) -> dict[str, HostInfo]:
    """What is known of addresses, by their AS numbers alone."""
    return {address: HostInfo(asn=asn) for address, asn in (origins or {}).items()}


def traces(text: str) -> list[Trace]:
    """The trace of each flow of a cycle."""
    return [_trace(flow.split()) for flow in text.split(" & ")]


def _trace(words: list[str]) -> Trace:
    stop = StopReason.GAP
    if words[-1] in {"loop", "error", "max_hops"}:
        stop = StopReason(words.pop())
    hops = tuple(_hop(ttl, word) for ttl, word in enumerate(words, 1))
    answers = [each for hop in hops for each in hop.responses]
    rtts = tuple(each.rtt for each in answers if each.reached)
    if rtts:
        stop = StopReason.DESTINATION
    elif any(each.kind is Kind.UNREACHABLE for each in answers):
        stop = StopReason.UNREACHABLE
    return a_trace(hops, stop, rtts)


def a_trace(hops: tuple[Hop, ...], stop: StopReason, rtts: tuple[float, ...] = ()) -> Trace:
    """A trace with what tells paths apart; one probe a round was meant for the destination."""
    return Trace(
        *("host.example.net", "D", Family.IPV4, Protocol.ICMP, "linux-icmp", 0.0, 0.1, stop, hops),
        destination_sent=max((hop.sent for hop in hops), default=0),
        destination_rtts=rtts,
    )


def _hop(ttl: int, word: str) -> Hop:
    rounds = word.split("|")
    if len(rounds) == 1:
        rounds *= ROUNDS
    answers = [response(each, ttl, number) for number, each in enumerate(rounds) if each != "*"]
    return Hop(ttl, len(rounds), tuple(answers))


def response(name: str, ttl: int, number: int) -> Response:
    """The answer that a word stands for."""
    kind = Kind.ECHO_REPLY if name == "D" else Kind.TIME_EXCEEDED
    if name.startswith("!"):
        name, kind = name[1:], Kind.UNREACHABLE
    return Response(Probe(1, number, ttl), name, kind, 0.01, 0.0, reached=name == "D")
