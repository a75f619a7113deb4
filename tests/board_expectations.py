"""What each query of each dashboard must answer after the run of `tests/vantage.py`.

By dashboard and panel (and query, where a panel has several): the labels of its series, how many
series, between which values, and the unit that the panel shows them in. A label with `?` is not on
every series, as what is unknown of a hop is not. Where a panel of one path is not about `web`, `on`
says about what.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

WHO = "job instance target family protocol"
BY = "job instance"
WHOSE = "hop address hostname? asn as_name country prefix mpls?"
NODE = (
    "id title subtitle? address hop? hostname? asn? as_name? country? prefix? mpls? "
    "instance? icon? secondarystat? detail__address detail__hop? detail__mpls? "
    "detail__prefix? detail__country?"
)


@dataclass(frozen=True, slots=True)
class Expected:
    """Answers to a query: labels, least and most series, least and greatest value, unit."""

    labels: str
    least: int
    most: int
    low: float
    high: float
    unit: str = "short"
    on: str = "web"
    gaps: bool = False
    """Whether some values may be NaN."""


def one(
    low: float, high: float, unit: str = "short", *, labels: str = "", on: str = "web"
) -> Expected:
    """A single series."""
    return Expected(labels, 1, 1, low, high, unit, on)


def each(count: int, labels: str, low: float, high: float, unit: str = "short") -> Expected:
    """So many series."""
    return Expected(labels, count, count, low, high, unit)


def exporters(low: float, high: float, unit: str = "short") -> Expected:
    """A series of each of the two exporters."""
    return each(2, BY, low, high, unit)


# Nine series of paths: web twice from two exporters; mail, shop, files, gone, nowhere from one.
# nowhere has no address, so nothing is sent to it; gone never answers.
OVERVIEW = {
    "Traced": one(9, 9),
    "Not reached": one(2, 2),
    "Losing over 5 %": one(2, 2),
    "Path changes": one(4, 4),
    "AS path changes": one(4, 4),
    "Exporters down": one(0, 0),
    "Targets/state": each(9, WHO, 0, 1),
    "Targets/why": Expected(WHO + " meaning", 1, 3, 1, 1),
    "Targets/rtt": each(7, WHO, 0.002, 0.1, "s"),
    "Targets/loss": each(8, WHO, 0, 1, "percentunit"),
    "Targets/hops": each(8, WHO, 3, 6),
    "Targets/path": each(8, WHO + " as_path", 1, 1),
    "Targets/changes": each(9, WHO, 0, 1),
    "Targets/since": each(4, WHO, 0, 60, "dtdurations"),
    "Worst loss": Expected(WHO, 2, 8, 0.001, 1, "percentunit"),
    "Worst RTT": each(7, WHO, 0.002, 0.2, "s"),
    "Most changes": each(4, WHO, 1, 1),
    "Unreachable": Expected(WHO, 2, 3, 0, 1),
    "Round trip (median)": each(7, WHO, 0.002, 0.1, "s"),
    "Loss": each(8, WHO, 0, 1, "percentunit"),
    "Errors on the exporter's side": one(5, 100, labels=WHO + " reason"),
}
PATH = {
    "State": one(1, 1),
    "RTT": one(0.002, 0.1, "s"),
    "Jitter": one(0, 0.1, "s"),
    "Loss": one(0, 0.6, "percentunit", labels=WHO),
    "Length": one(4, 4),
    "Branches": one(2, 2, on="mail"),
    "MTU": one(1400, 1400, "bytes", on="files"),
    "Changes": one(1, 1),
    "Last change": one(0, 60, "dtdurations"),
    # gw, core1, a or b or both, edge, mail, and the exporter.
    "Path/nodes": Expected(NODE, 6, 7, 0.2, 60, "ms", on="mail", gaps=True),
    "Path/edges": Expected("id source destination target color?", 5, 5, 0, 100, "%", on="shop"),
    "Hops/info": Expected(WHOSE, 5, 6, 1, 1, on="mail"),
    "Hops/loss": Expected("hop address?", 6, 6, 0, 1, "percentunit", on="shop"),
    "Hops/confirmed": Expected("hop address?", 6, 6, 0, 0.6, "percentunit", on="shop"),
    "Hops/sent": each(4, "hop address", 20, 200),
    "Hops/last": each(4, "hop address", 0.0002, 0.1, "s"),
    "Hops/mean": each(4, "hop address", 0.0002, 0.1, "s"),
    "Hops/best": each(4, "hop address", 0.0002, 0.1, "s"),
    "Hops/worst": each(4, "hop address", 0.0002, 0.5, "s"),
    "Hops/deviation": each(4, "hop address", 0, 0.2, "s"),
    "Hops/back": each(4, "hop address", 1, 4),
    "Where loss starts": Expected(
        "hop address hostname asn as_name", 2, 2, 0.01, 0.6, "percentunit", on="shop"
    ),
    "Round trips": each(13, "le", 0, 500, "s"),
    "Round trip and jitter": one(0.002, 0.2, "s"),
    "Round trip and jitter/B": one(0.002, 0.5, "s"),
    "Round trip and jitter/C": one(0, 0.2, "s"),
    "Loss over time": Expected(WHO, 1, 1, 0, 1, "percentunit", on="shop"),
    "Reached": one(0, 0, on="gone"),
    # Those of two ways: the one in the middle has another address after the change.
    "Round trip of each hop": each(5, "hop address", 0.0002, 0.2, "s"),
    "Loss at each hop": Expected("hop", 6, 6, 0, 1, "percentunit", on="shop"),
    "Confirmed loss, and where it starts": Expected("hop", 6, 6, 0, 0.6, "percentunit", on="shop"),
    "Paths": each(2, "path_id", 1, 1),
    "AS paths": each(2, "as_path", 1, 1),
    "Hops and branches": one(4, 5),
    "Hops and branches/B": one(1, 2, on="mail"),
    "Path MTU": one(1400, 1400, "bytes", on="files"),
    "Errors on the exporter's side": one(0, 50, labels="reason", on="nowhere"),
}
EXPORTER = {
    "Exporters down": one(0, 0),
    "Configurations refused": one(0, 0),
    "Worst lag": one(0, 5, "s"),
    "Cycles skipped": one(0, 20),
    "Series dropped": one(0, inf),
    "Storage errors": one(0, 0),
    "Exporters/build": each(2, BY + " version pythonversion", 1, 1),
    "Exporters/targets": exporters(1, 6),
    "Exporters/uptime": exporters(10, 300, "dtdurations"),
    "Exporters/config": exporters(1, 1),
    "Exporters/loaded": exporters(10, 300, "dtdurations"),
    "Exporters/samples": exporters(100, 5000),
    "Scheduler lag": exporters(0, 5, "s"),
    "Response processing": exporters(0, 0.5, "s"),
    "Response processing/B": exporters(0, 2.5, "s"),
    "Cycles": exporters(0.1, 20, "cps"),
    "Cycles/B": exporters(0, 5, "cps"),
    "Duration of a trace": exporters(0.01, 5, "s"),
    "Duration of a trace/B": exporters(0.01, 5, "s"),
    "Errors by reason": one(0, 5, "cps", labels=BY + " reason"),
    "Late and unmatched answers": exporters(0, 20, "cps"),
    "Late and unmatched answers/B": exporters(0, 20, "cps"),
    "Series dropped over time": exporters(0, inf, "cps"),
    "Storage errors over time": exporters(0, 0, "cps"),
    "Lists of targets/listed": one(0, 0, labels=BY + " source"),
    "Lists of targets/state": one(1, 1, labels=BY + " source"),
    "Lists of targets/failures": one(0, 0, labels=BY + " source"),
    "Traces on request": Expected(BY + " result", 1, 10, 0, 5, "cps"),
    "Look-ups": Expected(BY + " kind result", 4, 20, 0, 100, "cps"),
    "Duration of a look-up": Expected(BY + " kind", 4, 10, 0, 2, "s"),
    "Look-ups remembered": Expected(BY + " kind", 4, 10, 1, 100),
    "CPU": exporters(0, 1, "percentunit"),
    "Memory": exporters(2e7, 5e8, "bytes"),
    "Open files": exporters(5, 200),
    "Duration of a scrape": exporters(0, 2, "s"),
}
EXPECTED = {"ftr-overview": OVERVIEW, "ftr-path": PATH, "ftr-exporter": EXPORTER}

# By annotation: how many events; on which path, where the dashboard is about one.
EVENTS = {
    ("ftr-overview", "Path changes"): (4, ""),
    ("ftr-path", "Path changes"): (1, "web"),
    ("ftr-path", "Outages"): (1, "gone"),
    ("ftr-exporter", "Restarts"): (2, ""),
    ("ftr-exporter", "Reloads"): (2, ""),
}
