"""Renders one log event as one line: logfmt, JSON, or for people at a console.

Whatever a value holds, it cannot break its line or reach a terminal as a control sequence: every
character that does not print is escaped, and values stand in quotes where readers need them.
"""

from __future__ import annotations

import json
import math
import re
import traceback
from types import TracebackType
from typing import Final

Fields = dict[str, object]
ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]

_KEY_BREAKERS: Final = re.compile(r"[^A-Za-z0-9_.-]")
_QUOTE_WORTHY: Final = frozenset(' "=\\')
_COLOURS: Final = {"debug": "2", "info": "32", "warn": "33", "error": "31"}
_TRACEBACK: Final = "traceback"


def fields_of(ts: str, level: str, event: object, rest: Fields) -> Fields:
    """Return the fields of an event in their order; keys that are taken get a `_` behind."""
    fields: Fields = {"ts": ts, "level": level, "event": event}
    for key, value in rest.items():
        safe = _KEY_BREAKERS.sub("_", key) or "_"
        fields[safe if safe not in fields else safe + "_"] = value
    return fields


def exception_fields(exc_info: ExcInfo) -> Fields:
    """Return `exception` (type and message) and `traceback` of what was raised."""
    _, error, trace = exc_info
    if error is None:
        return {}
    what = "".join(traceback.format_exception_only(error)).strip()
    return {
        "exception": what,
        _TRACEBACK: "".join(traceback.format_exception(type(error), error, trace)).strip(),
    }


def logfmt(fields: Fields) -> str:
    """Return `key=value` pairs; text is quoted as in JSON where it must be."""
    return " ".join(f"{key}={_value(value)}" for key, value in fields.items())


def _value(value: object) -> str:
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if type(value) is int or type(value) is float:
        return repr(value)
    text = str(value)
    if text and text.isprintable() and _QUOTE_WORTHY.isdisjoint(text):
        return text
    return quoted(text)


def quoted(text: str) -> str:
    """Return `text` as a JSON string in which every character prints."""
    written = json.dumps(text, ensure_ascii=False)
    return written if written.isprintable() else _escaped(written)


def _escaped(text: str) -> str:
    return "".join(
        character if character.isprintable() else json.dumps(f"{character}")[1:-1]
        for character in text.replace("\x7f", "\\u007f")
    )


def json_line(fields: Fields) -> str:
    """Return a JSON object in ASCII; what JSON does not know becomes text."""
    plain = {
        key: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in fields.items()
    }
    return json.dumps(plain, default=str, skipkeys=True, separators=(",", ":"))


def console(fields: Fields, *, colours: bool) -> str:
    """Return a line for people, and below it the lines of a traceback where there is one."""
    rest = {key: value for key, value in fields.items() if key not in ("ts", "level", "event")}
    trace = str(rest.pop(_TRACEBACK, ""))
    level, event = str(fields["level"]), _escaped(str(fields["event"]))
    padded = f"{level:<5}"
    if colours:
        padded, event = f"\x1b[{_COLOURS.get(level, '0')}m{padded}\x1b[0m", f"\x1b[1m{event}\x1b[0m"
    line = f"{fields['ts']} {padded} {event}"
    if rest:
        line += " " + logfmt(rest)
    return "\n    ".join([line, *(_escaped(part) for part in trace.splitlines())])
