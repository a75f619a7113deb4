"""The world `small` as constants, for the tests that look at it through plain sockets."""

from __future__ import annotations

from tests.lab.prober import Prober, Seen

WEB = {4: "192.0.2.1", 6: "2001:db8:300::1"}
MAIL = {4: "192.0.2.2", 6: "2001:db8:300::2"}
DARK = {4: "192.0.2.3", 6: "2001:db8:300::3"}
#: The three routers on the way to WEB.
WAY = {
    4: ["198.51.100.1", "203.0.113.1", "192.0.2.254"],
    6: ["2001:db8:100::1", "2001:db8:200::1", "2001:db8:300::254"],
}
#: ICMP types by IP version.
EXCEEDED = {4: 11, 6: 3}
UNREACHABLE = {4: 3, 6: 1}


def ask(prober: Prober, ttl: int, payload: bytes = b"") -> Seen:
    """Send a probe that must be answered."""
    seen = prober.ask(ttl, payload)
    assert seen is not None, f"no answer to ttl {ttl}"
    return seen
