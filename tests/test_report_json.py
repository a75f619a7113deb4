"""What `ftr-exporter trace --json` and `--jsonl` print."""

from __future__ import annotations

import io
import json

from exporter.model import (
    NOTHING_KNOWN,
    HostInfo,
)
from exporter.reading.jsonform import trace_json
from exporter.reading.path import follow
from exporter.report import JsonLinesReport, JsonReport
from tests.reporting import (
    feed,
    heading,
)
from tests.serving import FAILED, INFOS, REACHED, response


def test_json_is_one_object_for_each_trace() -> None:
    """Nothing before the end; the same form as everywhere."""
    out = io.StringIO()
    report = JsonReport(out)
    feed(report, REACHED)
    report.info("192.0.2.1", NOTHING_KNOWN)
    report.finish(FAILED, {})
    first, second = map(json.loads, out.getvalue().splitlines())
    path = follow((), REACHED)
    assert first == trace_json(REACHED, INFOS, target="www.example.net", path=path)
    assert second["errors"] == {"resolve": 1}


def test_json_lines_are_flushed_as_things_happen() -> None:
    """A reader at the other end of a pipe sees each event before the next one."""
    raw = io.BytesIO()
    report = JsonLinesReport(io.TextIOWrapper(raw, "ascii"))

    def latest() -> dict[str, object]:
        form = json.loads(raw.getvalue().splitlines()[-1])
        assert isinstance(form, dict)
        return form

    report.start(heading())
    assert latest()["event"] == "start"
    assert latest()["address"] == "192.0.2.1"
    report.response(response(1, "198.51.100.1"), None)
    assert (latest()["event"], latest()["ttl"]) == ("hop", 1)
    report.info("198.51.100.1", HostInfo("gw.example.net", as_name="Ä\x1b[2J"))
    assert latest()["as_name"] == "Ä\x1b[2J"
    assert b"\x1b" not in raw.getvalue()
    report.finish(REACHED, INFOS)
    assert latest()["event"] == "trace"
    assert latest()["target"] == "www.example.net"
    assert len(raw.getvalue().splitlines()) == 4
