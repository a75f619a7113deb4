"""One event, one line, whatever its values hold."""

from __future__ import annotations

import json
import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.process.logformat import (
    Fields,
    console,
    exception_fields,
    fields_of,
    json_line,
    logfmt,
    quoted,
)

HOSTILE = st.text(
    st.one_of(
        st.characters(),
        st.characters(categories=["Cs"]),
        st.sampled_from('\n\r\t\x1b\x00\x7f\x85\u2028\u202e\\"= '),
    )
)


def raised(message: str) -> Fields:
    """The fields of an exception that was raised and caught."""
    try:
        raise ValueError(message)
    except ValueError:
        return exception_fields(sys.exc_info())


def test_fields_keep_their_order() -> None:
    """An event had fields, two under names that are taken; nothing was lost or overwritten."""
    fields = fields_of("T", "info", "trace.done", {"target": "a", "level": 3, "a b": 1, "": 2})
    assert list(fields.items()) == [
        ("ts", "T"),
        ("level", "info"),
        ("event", "trace.done"),
        ("target", "a"),
        ("level_", 3),
        ("a_b", 1),
        ("_", 2),
    ]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain", "plain"),
        ("zürich", "zürich"),
        ("192.0.2.1:80/x", "192.0.2.1:80/x"),
        ("", '""'),
        ("a b", '"a b"'),
        ("a=b", '"a=b"'),
        ('a"b', '"a\\"b"'),
        ("a\\b", '"a\\\\b"'),
        ("a\nb", '"a\\nb"'),
        ("\x1b[2J", '"\\u001b[2J"'),
        ("\x7f", '"\\u007f"'),
        ("\u202e", '"\\u202e"'),
        ("\ud800", '"\\ud800"'),
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (3, "3"),
        (0.5, "0.5"),
        (math.nan, "nan"),
        ([1, "a"], "\"[1, 'a']\""),
    ],
)
def test_logfmt_quotes_what_readers_need_quoted(value: object, written: str) -> None:
    """Values of every kind were logged; each is one token, in quotes where it must be."""
    assert logfmt({"key": value}) == f"key={written}"


@given(HOSTILE)
def test_quoted_text_is_json_that_prints(text: str) -> None:
    """A name from the network held anything; quoted it prints, and JSON reads it back."""
    result = quoted(text)
    assert result.isprintable()
    assert json.loads(result) == text


@given(HOSTILE, HOSTILE)
def test_no_value_breaks_its_line(key: str, value: str) -> None:
    """Keys and values held anything; each format is one line that prints and encodes."""
    fields = fields_of("T", "info", value, {key: value})
    for line in (logfmt(fields), json_line(fields), console(fields, colours=False)):
        assert line.isprintable()
        assert line.encode()
    assert json.loads(json_line(fields))["event"] == value


def test_json_takes_every_value() -> None:
    """Values that JSON does not know were logged; they became text, the line valid JSON."""
    fields: Fields = {"a": math.inf, "b": {1}, "c": None, "d": {"x": (1, 2)}, "e": 1.5}
    assert json.loads(json_line(fields), parse_constant=pytest.fail) == {
        "a": "inf",
        "b": "{1}",
        "c": None,
        "d": {"x": [1, 2]},
        "e": 1.5,
    }


def test_an_exception_is_two_fields() -> None:
    """Something was raised; its message and traceback are fields of one line."""
    fields = raised("two\nlines")
    assert fields["exception"] == "ValueError: two\nlines"
    assert str(fields["traceback"]).startswith("Traceback (most recent call last):")
    assert logfmt(fields).isprintable()
    assert exception_fields((None, None, None)) == {}


def test_a_console_shows_a_traceback_below() -> None:
    """Something was raised; at a console its traceback stands below, escaped line by line."""
    fields = fields_of("T", "error", "bad\n", {"n": 1, **raised("\x1b[2J")})
    lines = console(fields, colours=False).split("\n")
    assert lines[0] == 'T error bad\\n n=1 exception="ValueError: \\u001b[2J"'
    assert lines[1] == "    Traceback (most recent call last):"
    assert lines[-1] == "    ValueError: \\u001b[2J"


def test_a_console_has_colours_where_it_is_one() -> None:
    """The stream was a terminal; level and event are coloured, the hostile value is not."""
    fields = fields_of("T", "warn", "event", {"x": "\x1b[31m"})
    assert console(fields, colours=True) == (
        'T \x1b[33mwarn \x1b[0m \x1b[1mevent\x1b[0m x="\\u001b[31m"'
    )
    assert console(fields_of("T", "odd", "e", {}), colours=True).startswith("T \x1b[0modd  ")
