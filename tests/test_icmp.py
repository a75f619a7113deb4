"""The meaning of ICMP and ICMPv6 messages, by the numbers of RFC 792 and RFC 4443."""

from __future__ import annotations

import pytest

from exporter.model import Family, Kind
from exporter.sockets.icmp import NUMBERS, meaning_of


@pytest.mark.parametrize(
    ("family", "icmp_type", "code", "kind", "shown"),
    [
        (Family.IPV4, 11, 0, Kind.TIME_EXCEEDED, None),
        (Family.IPV4, 11, 1, Kind.TIME_EXCEEDED, None),
        (Family.IPV4, 3, 1, Kind.UNREACHABLE, 1),
        (Family.IPV4, 3, 3, Kind.UNREACHABLE, 3),
        (Family.IPV4, 3, 13, Kind.UNREACHABLE, 13),
        (Family.IPV4, 12, 0, Kind.UNREACHABLE, None),
        (Family.IPV4, 4, 0, Kind.UNREACHABLE, None),
        (Family.IPV6, 3, 0, Kind.TIME_EXCEEDED, None),
        (Family.IPV6, 1, 4, Kind.UNREACHABLE, 4),
        (Family.IPV6, 1, 0, Kind.UNREACHABLE, 0),
        (Family.IPV6, 2, 0, Kind.UNREACHABLE, None),
        (Family.IPV6, 4, 1, Kind.UNREACHABLE, None),
    ],
)
def test_kind_and_code_of_an_error(
    family: Family, icmp_type: int, code: int, kind: Kind, shown: int | None
) -> None:
    """Only time exceeded lets a path go on, and only an unreachable has a code to show."""
    meaning = meaning_of(family, icmp_type, code)
    assert (meaning.kind, meaning.code) == (kind, shown)


def test_families_mean_different_messages_by_one_number() -> None:
    """Type 3 is an unreachable in IPv4 and a time exceeded in IPv6."""
    assert NUMBERS[Family.IPV4].unreachable == NUMBERS[Family.IPV6].time_exceeded == 3
