"""Pure: the state of a trace in progress as rows of plain cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from exporter.model import (
    NOTHING_KNOWN,
    Family,
    HostInfo,
    Kind,
    Response,
    Trace,
)
from exporter.reading.interfaces import InterfaceInfo, interface_info
from exporter.reading.words import unreachable_mark
from exporter.report.base import Heading
from exporter.sockets.extensions import mpls_stack
from exporter.trace.findings import Findings

_MOST_COLUMNS = 4
_RTT_WIDTH = 6


@dataclass(frozen=True, slots=True)
class Row:
    """One line: all that one address answered at one TTL. The TTL stands on its first line only.

    `added` is what a router said beside its answer: labels and interfaces. `enters` says that its
    AS is another than that of the hop before.
    """

    ttl: str
    host: str
    origin: str = ""
    rtts: str = ""
    mark: str = ""
    added: str = ""
    enters: bool = False


class Table:
    """What is known of a trace so far, hop by hop."""

    def __init__(self, heading: Heading) -> None:
        self._family = heading.family
        self._rounds = heading.rounds
        self._infos: dict[str, HostInfo] = {}
        self._looked_up: set[str] = set()
        self._hops: dict[int, list[Response]] = {}
        self._lost: dict[int, int] = {}
        self._round = 0
        self._found = Findings()
        self.first = heading.first_hop

    @property
    def last(self) -> int:
        """The highest TTL to show; below the first where there is none."""
        end = self._found.end or self._found.loop
        return end or max(self._hops, default=self.first - 1)

    def add(self, response: Response, info: HostInfo | None) -> None:
        """Take an answer in. What answers beyond the end of the path or a loop is no hop."""
        probe = response.probe
        self._round = max(self._round, probe.round)
        self._hops.setdefault(probe.ttl, []).append(response)
        self._found.add(response)
        self._found.look_for_loop(probe.ttl)
        if info is not None:
            self.know(response.address, info, complete=True)

    def know(self, address: str, info: HostInfo, *, complete: bool) -> None:
        """Take in what was found out about an address; `complete` where no more will come."""
        self._infos[address] = info
        if complete:
            self._looked_up.add(address)

    def finish(self, trace: Trace, infos: Mapping[str, HostInfo]) -> None:
        """Put the finished trace in place of what was gathered."""
        self._infos.update(infos)
        self._hops = {hop.ttl: list(hop.responses) for hop in trace.hops}
        self._lost = {hop.ttl: hop.lost for hop in trace.hops}
        self._found = Findings()
        if trace.hops:
            self.first = min(self.first, trace.hops[0].ttl)

    def heard(self, ttl: int) -> bool:
        """Whether anything answered at this TTL."""
        return bool(self._hops.get(ttl))

    def settled(self, ttl: int) -> bool:
        """Whether nothing more is expected of a hop.

        Rounds follow one another: once the last one runs, a hop is settled when it has answered
        in it and is looked up, and silent when it has not answered in any before.
        """
        responses = self._hops.get(ttl)
        if not responses:
            return self._round >= max(1, self._rounds - 1)
        in_last_round = any(each.probe.round >= self._rounds - 1 for each in responses)
        return in_last_round and self._looked_up.issuperset(each.address for each in responses)

    def rows(self, ttl: int) -> list[Row]:
        """The lines of one hop: one for each responder, in the order first seen."""
        responses = self._hops.get(ttl, ())
        if not responses:
            return [Row(str(ttl), "*")]
        by_address: dict[str, list[Response]] = {}
        for response in responses:
            by_address.setdefault(response.address, []).append(response)
        answered = {response.probe.round for response in responses}
        silent = [number for number in range(self._rounds) if number not in answered]
        lost = silent[: self._lost.get(ttl, 0)]
        rows: list[Row] = []
        before = self._numbers_before(ttl)
        for address, answers in by_address.items():
            row = self._row(str(ttl) if not rows else "", address, answers, lost)
            asn = self._infos.get(address, NOTHING_KNOWN).asn
            rows.append(replace(row, enters=bool(before) and asn is not None and asn not in before))
            lost = []
        return rows

    def _numbers_before(self, ttl: int) -> set[int]:
        """The AS numbers of the nearest hop in front of which any is known."""
        for near in range(ttl - 1, self.first - 1, -1):
            infos = [self._infos.get(each.address) for each in self._hops.get(near, ())]
            numbers = {info.asn for info in infos if info is not None and info.asn is not None}
            if numbers:
                return numbers
        return set()

    def all_rows(self) -> list[Row]:
        """The lines of every hop up to the last."""
        return [row for ttl in range(self.first, self.last + 1) for row in self.rows(ttl)]

    def _row(self, ttl: str, address: str, answers: list[Response], lost: list[int]) -> Row:
        info = self._infos.get(address, NOTHING_KNOWN)
        latest = answers[-1]
        unreachable = latest.kind is Kind.UNREACHABLE
        return Row(
            ttl,
            f"{address} ({info.hostname})" if info.hostname else address,
            origin(info),
            self._rtts(answers, lost),
            unreachable_mark(self._family, latest.code) if unreachable else "",
            _added(latest),
        )

    def _rtts(self, answers: list[Response], lost: list[int]) -> str:
        """One column for each round; for many rounds the least, the mean and the most."""
        if self._rounds > _MOST_COLUMNS:
            rtts = [each.rtt for each in answers]
            figures = (min(rtts), sum(rtts) / len(rtts), max(rtts))
            return "".join(f"{milliseconds(each):>{_RTT_WIDTH}} " for each in figures) + "ms"
        columns = dict.fromkeys(range(self._rounds), "")
        columns.update(dict.fromkeys(lost, "*"))
        for each in answers:
            columns[each.probe.round] = milliseconds(each.rtt)
        return "".join(f"{text:>{_RTT_WIDTH}} " for text in columns.values()) + "ms"


def _added(response: Response) -> str:
    found = response.extensions
    labels = (
        f"[MPLS: {entry.label} exp {entry.exp} ttl {entry.ttl}]" for entry in mpls_stack(found)
    )
    interfaces = map(interface_text, interface_info(found))
    translated = ["[destination translated]"] if response.translated else []
    return " ".join((*labels, *interfaces, *translated))


def interface_text(info: InterfaceInfo) -> str:
    """`[incoming: ge-0/0/1, index 5, 198.51.100.1, MTU 1500]`, as far as known."""
    facts = (
        info.name,
        None if info.index is None else f"index {info.index}",
        info.address,
        None if info.mtu is None else f"MTU {info.mtu}",
    )
    known = ", ".join(fact for fact in facts if fact)
    role = info.role.replace("_", " ")
    return f"[{role}: {known}]" if known else f"[{role}]"


def origin(info: HostInfo) -> str:
    """`AS64500 EXAMPLE`, as far as known."""
    number = "" if info.asn is None else f"AS{info.asn}"
    return f"{number} {info.as_name or ''}".strip() if number else ""


def milliseconds(seconds: float) -> str:
    """An RTT in ms with three significant digits, but never finer than a microsecond."""
    value = seconds * 1000
    digits = 3 if value < 0.9995 else 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f}"


def title(heading: Heading) -> str:
    """The line above the table."""
    family = "IPv4" if heading.family is Family.IPV4 else "IPv6"
    probes = "1 probe" if heading.rounds == 1 else f"{heading.rounds} probes"
    figures = ", RTTs: least, mean, most" if heading.rounds > _MOST_COLUMNS else ""
    literal = heading.host == heading.address
    where = heading.host if literal else f"{heading.host} ({heading.address})"
    return (
        f"trace to {where} by {heading.protocol.value} over {family}, "
        f"{heading.backend}, at most {heading.max_hops} hops, {probes} each{figures}"
    )
