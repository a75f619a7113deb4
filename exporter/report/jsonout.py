"""Reports for programs: one JSON object for each trace, or one line for each event."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TextIO

from exporter.model import HostInfo, Response, Trace
from exporter.reading.jsonform import hop_json, info_json, trace_event_json, trace_json
from exporter.reading.path import follow
from exporter.report.base import Heading


class JsonReport:
    """`--json`: each trace on a line of its own, at its end."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def start(self, heading: Heading) -> None:
        """Say nothing: the trace says it all."""

    def response(self, response: Response, info: HostInfo | None) -> None:
        """Say nothing yet."""

    def info(self, address: str, info: HostInfo, *, complete: bool = False) -> None:
        """Say nothing yet."""

    def finish(self, trace: Trace, infos: Mapping[str, HostInfo]) -> None:
        """Print the trace."""
        path = follow((), trace)
        _print(self._out, trace_json(trace, infos, target=trace.host, path=path))


class JsonLinesReport:
    """`--jsonl`: events `start`, `hop`, `info` and `trace`, each flushed as it happens."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._target = ""

    def start(self, heading: Heading) -> None:
        """Print where the probes will go."""
        self._target = heading.host
        form: dict[str, object] = {
            "event": "start",
            "target": heading.host,
            "host": heading.host,
            "address": heading.address,
            "family": heading.family.value,
            "protocol": heading.protocol.value,
            "backend": heading.backend,
        }
        _print(self._out, form)

    def response(self, response: Response, info: HostInfo | None) -> None:
        """Print the hop as far as it is known now."""
        _print(self._out, hop_json(response, info, target=self._target))

    def info(self, address: str, info: HostInfo, *, complete: bool = False) -> None:
        """Print what DNS said after the hop had been printed."""
        _print(self._out, info_json(address, info, target=self._target))

    def finish(self, trace: Trace, infos: Mapping[str, HostInfo]) -> None:
        """Print the whole trace."""
        path = follow((), trace)
        _print(self._out, trace_event_json(trace, infos, target=trace.host, path=path))


def _print(out: TextIO, form: dict[str, object]) -> None:
    """ASCII only: what a stranger put into DNS must not reach a terminal as it is."""
    out.write(json.dumps(form, separators=(", ", ": ")) + "\n")
    out.flush()
