"""Pure: the path that a trace shows, its identity, its AS path and its links.

A path is one address per TTL, from the lowest TTL probed on; None stands for a hop that never
answered. Not to be confused with a trace: a path outlives the silence of its hops.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from exporter.model import NOTHING_KNOWN, Hop, HostInfo, Response, StopReason, Trace

Path = tuple[str | None, ...]
Link = tuple[int, str, str]

_ENDS = frozenset((StopReason.DESTINATION, StopReason.UNREACHABLE, StopReason.LOOP))


def follow(previous: Path, trace: Trace) -> Path:
    """The path as known after `trace`; `previous` is what was known before, of the same address.

    A hop with several responders keeps the one it had, else shows that of the lowest round. Silence
    is no news: a silent hop keeps its address as long as the path has the length it had. Where the
    end of the path was not heard, the rest stays as it was, unless a nearer hop contradicts. A
    trace that failed locally teaches nothing about a path that is known.
    """
    if previous and trace.stop_reason is StopReason.ERROR:
        return previous
    heard = _heard(previous, trace)
    if len(heard) != len(previous):
        ends_here = trace.stop_reason in _ENDS
        if ends_here or len(heard) > len(previous) or not _agree(heard, previous):
            return heard
    kept = previous[: len(heard)]
    merged = (now or before for now, before in zip(heard, kept, strict=True))
    return *merged, *previous[len(heard) :]


def _heard(previous: Path, trace: Trace) -> Path:
    """What this trace alone says, up to the last hop that answered."""
    answered = {hop.ttl: hop for hop in trace.hops if hop.responses}
    if not answered:
        return ()
    first = min(hop.ttl for hop in trace.hops)
    before = dict(enumerate(previous, first))
    return tuple(
        _responder(answered[ttl], before.get(ttl)) if ttl in answered else None
        for ttl in range(first, max(answered) + 1)
    )


def _responder(hop: Hop, before: str | None) -> str:
    flow = min(response.probe.flow for response in hop.responses)
    responses = [response for response in hop.responses if response.probe.flow == flow]
    if any(response.address == before for response in responses):
        return before or ""
    return min(responses, key=lambda response: response.probe.round).address


def _agree(heard: Path, previous: Path) -> bool:
    """Whether no hop shows another address than before."""
    pairs = zip(heard, previous, strict=False)
    return all(now is None or before is None or now == before for now, before in pairs)


def path_id(path: Path) -> str:
    """16 hexadecimal digits that name a path: the same on every machine and in every run."""
    text = " ".join(address or "*" for address in path)
    return sha256(text.encode("ascii", "replace")).hexdigest()[:16]


def as_path(path: Path, infos: Mapping[str, HostInfo]) -> tuple[int, ...]:
    """The AS numbers along a path; silent and unannounced hops are bridged, repeats collapsed."""
    numbers: list[int] = []
    for address in path:
        asn = infos.get(address, NOTHING_KNOWN).asn if address else None
        if asn is not None and (not numbers or numbers[-1] != asn):
            numbers.append(asn)
    return tuple(numbers)


def links(trace: Trace) -> tuple[Link, ...]:
    """The edges of the path: (TTL of the far end, near address, far address), nearest first.

    Hops that stayed silent throughout are bridged. Parallel branches are told apart by round: two
    responders are linked if one round heard both, so that a diamond shows no edge that no probe
    took. Where losses left a far responder without such a round, it is linked to the near hop's
    first responder. An address that answers at neighbouring TTLs has no link to itself.
    """
    found: list[Link] = []
    near: Hop | None = None
    before: tuple[str, ...] = ()
    for hop in trace.hops:
        if not hop.responses:
            continue
        here = hop.addresses
        if near is not None:
            one_each = len(before) == len(here) == 1
            edges = ((before[0], here[0]),) if one_each else _edges(near, hop)
            found += [(hop.ttl, a, b) for a, b in edges if a != b]
        near, before = hop, here
    return tuple(found)


def _same_burst(response: Response) -> tuple[int, int, int]:
    """Probes that share this went out together and took the same way."""
    return response.probe.trace, response.probe.flow, response.probe.round


def _edges(near: Hop, far: Hop) -> dict[tuple[str, str], None]:
    by_probe = {_same_burst(response): response.address for response in near.responses}
    edges: dict[tuple[str, str], None] = {}
    unlinked = dict.fromkeys(far.addresses)
    for response in far.responses:
        source = by_probe.get(_same_burst(response))
        if source is not None:
            edges[source, response.address] = None
            unlinked.pop(response.address, None)
    for address in unlinked:
        edges[near.responses[0].address, address] = None
    return edges
