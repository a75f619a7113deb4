"""Outcomes in words."""

from __future__ import annotations

import pytest

from exporter.errors import ErrorReason
from exporter.model import Family, Hop, Kind, StopReason
from exporter.reading.words import (
    errors_in_words,
    outcome_in_words,
    unreachable_in_words,
    unreachable_mark,
)
from tests.serving import FAILED, REACHED, REFUSED, response, trace


def test_an_unreachable_names_the_reason_and_the_router() -> None:
    """198.51.100.7 said code 1."""
    assert outcome_in_words(REFUSED) == "unreachable: host unreachable by 198.51.100.7"


def test_an_unreachable_without_its_sender_is_still_explained() -> None:
    """The hop that said so is not in the trace any more."""
    gone = trace(Hop(1, 1), stop=StopReason.UNREACHABLE, code=13)
    assert outcome_in_words(gone) == "unreachable: communication administratively prohibited"


def test_a_failure_speaks_for_itself() -> None:
    """What the resolver said is better than what we would say of it."""
    assert outcome_in_words(FAILED) == "www.example.net: no such name"
    unspoken = trace(stop=StopReason.ERROR, address=None)
    assert outcome_in_words(unspoken) == "a local failure"


@pytest.mark.parametrize("reason", list(ErrorReason))
def test_every_reason_has_words(reason: ErrorReason) -> None:
    """No operator shall meet a bare key."""
    (words,) = errors_in_words(trace(errors=((reason, 1),)))
    assert words != reason


def test_several_errors_are_counted_and_the_latest_is_quoted() -> None:
    """Three probes met a full buffer, one a missing route; an unknown reason stays as it is."""
    many = trace(errors=(("send", 3), ("later", 1)), message="no buffer space")
    assert errors_in_words(many) == [
        "the kernel did not take the probe (3 times)",
        "later",
        "latest: no buffer space",
    ]
    assert errors_in_words(trace(errors=(("send", 3),))) == [
        "the kernel did not take the probe (3 times)"
    ]


@pytest.mark.parametrize("reason", [StopReason.MAX_HOPS, StopReason.GAP, StopReason.LOOP])
def test_every_reason_to_stop_has_words(reason: StopReason) -> None:
    """Each its own."""
    words = {outcome_in_words(trace(stop=each)) for each in (reason, StopReason.DESTINATION)}
    assert len(words) == 2
    assert outcome_in_words(REACHED) == "the destination answered"


@pytest.mark.parametrize(
    ("family", "code", "mark", "words"),
    [
        (Family.IPV4, 1, "!H", "host unreachable"),
        (Family.IPV4, 3, "", "port unreachable"),
        (Family.IPV4, 13, "!X", "communication administratively prohibited"),
        (Family.IPV6, 1, "!X", "communication administratively prohibited"),
        (Family.IPV6, 4, "", "port unreachable"),
        (Family.IPV6, 99, "!<99>", "unreachable with code 99"),
        (Family.IPV4, None, "!", "unreachable"),
    ],
)
def test_codes_mean_different_things_in_the_two_families(
    family: Family, code: int | None, mark: str, words: str
) -> None:
    """Code 1 is a missing host in IPv4 and a prohibition in IPv6."""
    assert unreachable_mark(family, code) == mark
    assert unreachable_in_words(family, code) == words


def test_the_sender_is_the_farthest_that_said_this_code() -> None:
    """Two routers complained; the one of this code, farthest out, ended the trace."""
    two = trace(
        Hop(1, 1, (response(1, "198.51.100.1", kind=Kind.UNREACHABLE, code=0),)),
        Hop(2, 1, (response(2, "198.51.100.2", kind=Kind.UNREACHABLE, code=1),)),
        stop=StopReason.UNREACHABLE,
        code=0,
    )
    assert outcome_in_words(two) == "unreachable: network unreachable by 198.51.100.1"
