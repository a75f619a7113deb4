"""What `/probe` has to say: the metrics of one trace, or how it came about in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from io import StringIO

from exporter.monitoring.view import View
from exporter.reading.words import errors_in_words
from exporter.report.base import Heading
from exporter.report.text import TextReport
from exporter.settings import Target


@dataclass(frozen=True, slots=True)
class Outcome:
    """A trace for one who asked. `steps` are seconds since the request, and what happened then.

    `cut_short` says that the time was over before the trace was.
    """

    target: Target
    views: tuple[View, ...]
    steps: tuple[tuple[float, str], ...]
    cut_short: bool


def explain(outcome: Outcome) -> str:
    """All of it in plain text: settings, steps, hops."""
    lines = [f"target {outcome.target.host}", "", "settings"]
    lines += _settings(outcome.target)
    lines += ["", "steps"]
    lines += [f"  {seconds:8.3f} s  {words}" for seconds, words in outcome.steps]
    for view in outcome.views:
        lines += ["", f"trace over {view.family}", *_trace(view)]
    return "\n".join(lines) + "\n"


def _settings(target: Target) -> Iterator[str]:
    for field in fields(target.module):
        value = getattr(target.module, field.name)
        if isinstance(value, tuple):
            value = ", ".join(f"{each:g}" for each in value)
        elif isinstance(value, float):
            value = f"{value:g}"
        elif isinstance(value, bytes):
            value = value.hex()
        elif isinstance(value, bool):
            value = str(value).lower()
        yield f"  {field.name}: {'' if value is None else value}".rstrip()


def _trace(view: View) -> Iterator[str]:
    trace = view.trace
    if trace is None:
        return
    out = StringIO()
    report = TextReport(out, colour=False, width=0)
    module = view.target.module
    report.start(
        Heading(
            host=trace.host,
            address=trace.address or "no address",
            family=view.family,
            protocol=view.protocol,
            backend=trace.backend or "no socket",
            max_hops=module.max_hops,
            rounds=module.probes,
            first_hop=module.first_hop,
        )
    )
    report.finish(trace, view.infos)
    yield from (f"  {line}" for line in out.getvalue().splitlines())
    yield from (f"  error: {words}" for words in errors_in_words(trace))
