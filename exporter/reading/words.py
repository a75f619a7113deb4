"""Outcomes in words for people: why a trace stopped, what failed locally, ICMP codes."""

from __future__ import annotations

from exporter.model import Family, StopReason, Trace

_ERRORS = {
    "resolve": "the host name could not be resolved",
    "permission": "this user may not send such probes",
    "send": "the kernel did not take the probe",
    "unreachable_network": "this host has no route to the destination",
    "socket": "no socket could be opened",
    "internal": "an internal error",
}

# RFC 792 and RFC 1812 section 5.2.7.1; the marks are those of traceroute(8).
_UNREACHABLE_V4 = {
    0: ("!N", "network unreachable"),
    1: ("!H", "host unreachable"),
    2: ("!P", "protocol unreachable"),
    3: ("", "port unreachable"),
    4: ("!F", "fragmentation needed"),
    5: ("!S", "source route failed"),
    6: ("!U", "network unknown"),
    7: ("!W", "host unknown"),
    8: ("!I", "source host isolated"),
    9: ("!A", "network administratively prohibited"),
    10: ("!Z", "host administratively prohibited"),
    11: ("!Q", "network unreachable for this type of service"),
    12: ("!T", "host unreachable for this type of service"),
    13: ("!X", "communication administratively prohibited"),
    14: ("!V", "host precedence violation"),
    15: ("!C", "precedence cutoff in effect"),
}

# RFC 4443 section 3.1.
_UNREACHABLE_V6 = {
    0: ("!N", "no route to destination"),
    1: ("!X", "communication administratively prohibited"),
    2: ("!S", "beyond the scope of the source address"),
    3: ("!H", "address unreachable"),
    4: ("", "port unreachable"),
    5: ("!A", "source address failed ingress/egress policy"),
    6: ("!R", "reject route to destination"),
}


def unreachable_mark(family: Family, code: int | None) -> str:
    """The mark of traceroute(8) behind an RTT, as `!H`; empty for a port, the usual end."""
    return _unreachable(family, code)[0]


def unreachable_in_words(family: Family, code: int | None) -> str:
    """What an ICMP destination unreachable says."""
    return _unreachable(family, code)[1]


def errors_in_words(trace: Trace) -> list[str]:
    """What failed locally in a trace, each with how often; the latest in its own words."""
    words = [
        _ERRORS.get(reason, reason) + (f" ({count} times)" if count > 1 else "")
        for reason, count in trace.errors
    ]
    if trace.message and len(words) == 1:
        return [trace.message]
    return [*words, f"latest: {trace.message}"] if trace.message else words


def remedy_in_words(trace: Trace) -> str | None:
    """What an operator can do about it; None where the destination answered or nobody knows."""
    if trace.errors:
        return _REMEDIES.get(trace.errors[0][0])
    return _ADVICE.get(trace.stop_reason)


def outcome_in_words(trace: Trace) -> str:
    """Why a trace stopped, as `unreachable: host unreachable by 198.51.100.7`."""
    if trace.stop_reason is StopReason.UNREACHABLE:
        return f"unreachable: {unreachable_in_words(trace.family, trace.code)}{_by(trace)}"
    if trace.stop_reason is StopReason.ERROR:
        return "; ".join(errors_in_words(trace)) or _LOCAL_FAILURE
    return _OUTCOMES[trace.stop_reason]


def reason_in_words(trace: Trace) -> str:
    """Why a trace stopped, without anything that differs from cycle to cycle."""
    if trace.stop_reason is StopReason.UNREACHABLE:
        return unreachable_in_words(trace.family, trace.code)
    if trace.stop_reason is StopReason.ERROR:
        reason = trace.errors[0][0] if trace.errors else ""
        return _ERRORS.get(reason, reason) or _LOCAL_FAILURE
    return _OUTCOMES[trace.stop_reason]


_LOCAL_FAILURE = "a local failure"

_REMEDIES = {
    "resolve": "check the host name, and whether the name servers of `resolver` answer",
    "permission": "`ftr-exporter sockets` says which ways to probe this user may use, and what "
    "would allow the others",
    "send": "check the firewall of this host, its packet size and the source address asked for",
    "unreachable_network": "check the routes of this host; without IPv6, say `family: ipv4`",
    "socket": "raise the limit of open files (LimitNOFILE= of systemd, ulimit -n)",
    "internal": "the log has the details; please report it",
}

_ADVICE = {
    StopReason.UNREACHABLE: "ask whoever runs the router that says so, or probe by another "
    "protocol, as `protocol: tcp` with a port that is open",
    StopReason.GAP: "a firewall may drop these probes: try another `protocol`, as tcp with a port "
    "that is open",
    StopReason.MAX_HOPS: "raise `max_hops` if the path is longer than that",
    StopReason.LOOP: "the routers that repeat disagree about the way: ask their operators",
}

_OUTCOMES = {
    StopReason.DESTINATION: "the destination answered",
    StopReason.MAX_HOPS: "the hop limit was reached",
    StopReason.GAP: "too many silent hops in a row",
    StopReason.LOOP: "the probes go round in a loop",
}


def _by(trace: Trace) -> str:
    senders = (
        response.address
        for hop in reversed(trace.hops)
        for response in hop.responses
        if response.kind == "unreachable" and response.code == trace.code
    )
    sender = next(senders, None)
    return "" if sender is None else f" by {sender}"


def _unreachable(family: Family, code: int | None) -> tuple[str, str]:
    table = _UNREACHABLE_V4 if family is Family.IPV4 else _UNREACHABLE_V6
    if code is None:
        return "!", "unreachable"
    return table.get(code, (f"!<{code}>", f"unreachable with code {code}"))
