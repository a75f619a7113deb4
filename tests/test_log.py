"""The log as the daemon sets it up: levels, formats, and the standard library's records."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog

from exporter.errors import FtrError
from exporter.process.log import FORMATS, LEVELS, configure, get_logger

LINE = re.compile(r"ts=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=(\w+) event=(.*)\n")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Leave the process' logging as it was."""
    root, access = logging.getLogger(), logging.getLogger("aiohttp.access")
    handlers, levels = root.handlers[:], (root.level, access.level)
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    access.setLevel(levels[1])


def configured(level: str = "info", fmt: str = "logfmt") -> io.StringIO:
    """A stream that the log goes to."""
    stream = io.StringIO()
    configure(level, fmt, stream)
    return stream


def test_an_event_is_one_line() -> None:
    """The daemon logged an event; time, level, event and keys stand in one line, in order."""
    stream = configured()
    get_logger("scheduler").info("target.changed", target="a\nb", reached=False)
    match = LINE.fullmatch(stream.getvalue())
    assert match
    assert match.groups() == (
        "info",
        'target.changed logger=scheduler target="a\\nb" reached=false',
    )


def test_json_lines_are_objects() -> None:
    """The format was JSON; every event is an object with its keys in order."""
    stream = configured(fmt="json")
    get_logger("daemon").warning("config.rejected", faults=3)
    fields = json.loads(stream.getvalue())
    assert list(fields) == ["ts", "level", "event", "logger", "faults"]
    assert (fields["level"], fields["event"], fields["faults"]) == ("warn", "config.rejected", 3)


def test_a_console_is_for_people() -> None:
    """The format was for a console that is none; there are no colours."""
    stream = configured(fmt="console")
    get_logger("daemon").error("web.failed", port=10334)
    assert stream.getvalue().endswith("Z error web.failed logger=daemon port=10334\n")


@pytest.mark.parametrize("level", LEVELS)
def test_events_below_the_level_are_not_written(level: str) -> None:
    """Every level was logged, by us and by the standard library; those below were left out."""
    stream = configured(level)
    ours, theirs = get_logger("x"), logging.getLogger("asyncio")
    for name, number in LEVELS.items():
        getattr(ours, "warning" if name == "warn" else name)("ours")
        theirs.log(number, "theirs")
    written = re.findall(r"level=(\w+) event=(\w+)", stream.getvalue())
    wanted = list(LEVELS)[list(LEVELS).index(level) :]
    assert written == [(name, event) for name in wanted for event in ("ours", "theirs")]


def test_exceptions_are_fields() -> None:
    """Something was raised and logged, by us and by a library; each is one line still."""
    stream = configured()
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        get_logger("x").exception("ours")
        get_logger("x").error("given", exc_info=error)
        logging.getLogger("aiohttp.server").exception("Error handling request")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert all('exception="ValueError: two\\nlines" traceback="Traceback' in line for line in lines)
    assert 'level=error event="Error handling request" logger=aiohttp.server' in lines[2]


def test_records_whose_arguments_do_not_fit_are_written() -> None:
    """A library logged with wrong arguments; its text is written as it stands."""
    stream = configured()
    root = logging.getLogger()
    root.handlers[:] = root.handlers[-1:]  # pytest's own handlers raise for such records
    logging.getLogger("asyncio").warning("%d apples", "no")
    logging.getLogger("asyncio").critical("fine %s", "x")
    assert 'level=warn event="%d apples" logger=asyncio' in stream.getvalue()
    assert 'level=error event="fine x" logger=asyncio' in stream.getvalue()


def test_requests_are_logged_at_debug_only() -> None:
    """Prometheus scraped; at info the web server's access log stays silent."""
    access = logging.getLogger("aiohttp.access")
    stream = configured("info")
    access.info("GET /metrics")
    assert stream.getvalue() == ""
    stream = configured("debug")
    access.info("GET /metrics")
    assert "GET /metrics" in stream.getvalue()


def test_configuring_again_moves_the_log() -> None:
    """The log was set up twice; old loggers follow, and nothing is written twice."""
    first = configured()
    logger = get_logger("x")
    logger.info("one")
    second = configured("debug", "json")
    logger.debug("two")
    logging.getLogger("asyncio").warning("three")
    assert first.getvalue().count("\n") == 1
    assert [json.loads(line)["event"] for line in second.getvalue().splitlines()] == [
        "two",
        "three",
    ]


def test_loggers_of_structlog_itself_work_too() -> None:
    """A module took its logger from structlog, with and without a name; both are written."""
    stream = configured()
    structlog.get_logger().info("nameless")
    structlog.get_logger("named").bind(a=1).info("bound")
    assert "event=nameless\n" in stream.getvalue()
    assert "event=bound logger=named a=1\n" in stream.getvalue()


def test_a_reader_that_has_gone_away_costs_lines_only() -> None:
    """The stream was closed, or its pipe broken; logging goes on without a sound."""

    class Broken(io.StringIO):
        def write(self, _text: str, /) -> int:
            raise BrokenPipeError

    configured().close()
    get_logger("x").info("lost")
    configure("info", "logfmt", Broken())
    get_logger("x").info("lost")
    logging.getLogger("asyncio").warning("lost")


def test_a_stream_of_a_small_character_set() -> None:
    """The stream knew ASCII only; other characters are escaped."""
    raw = io.BytesIO()
    configure("info", "logfmt", io.TextIOWrapper(raw, encoding="ascii"))
    get_logger("x").info("city", name="Zürich")
    assert raw.getvalue().endswith(b"event=city logger=x name=Z\\xfcrich\n")


def test_unknown_levels_and_formats_are_refused() -> None:
    """Somebody asked for a level or format that there is not; the error names those there are."""
    with pytest.raises(FtrError, match="debug, info, warn, error"):
        configure("loud", "logfmt", io.StringIO())
    with pytest.raises(FtrError, match=", ".join(FORMATS)):
        configure("info", "xml", io.StringIO())


def test_importing_the_log_does_not_import_structlog() -> None:
    """A short command imported the log module; structlog was not loaded for it."""
    code = "import sys, exporter.process.log; sys.exit('structlog' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
