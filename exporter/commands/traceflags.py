"""The flags of `ftr-exporter trace`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from ipaddress import ip_address

from exporter.model import Family, Protocol


def parse_trace_flags(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the flags of `trace`; those that contradict each other end it as wrong ones do."""
    parser = trace_parser()
    options = parser.parse_args(arguments)
    if options.first_hop > options.max_hops:
        parser.error(f"first hop {options.first_hop} lies beyond max hops {options.max_hops}")
    if options.port is not None and options.protocol == Protocol.ICMP:
        parser.error(f"found port {options.port}; allowed is none with icmp, which has no ports")
    if options.source is not None:
        family = Family.IPV6 if ":" in options.source else Family.IPV4
        if options.family not in (None, family):
            parser.error(f"source {options.source} is an address of the other family")
        options.family = family
    return options


def trace_parser() -> argparse.ArgumentParser:
    """The flags of `trace`."""
    parser = argparse.ArgumentParser(
        prog="ftr-exporter trace",
        description="Trace the path to each HOST. Exit status: 0 reached, 1 not reached, "
        "2 could not try.",
    )
    add = parser.add_argument
    add("hosts", nargs="+", metavar="HOST", help="name or address")
    family = parser.add_mutually_exclusive_group()
    family.add_argument("-4", dest="family", action="store_const", const=Family.IPV4, help="IPv4")
    family.add_argument("-6", dest="family", action="store_const", const=Family.IPV6, help="IPv6")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object for each trace")
    form.add_argument("--jsonl", action="store_true", help="one event a line, as it happens")
    protocols = [protocol.value for protocol in Protocol]
    add("-P", "--protocol", choices=protocols, default="auto", help="default: %(default)s")
    add("-p", "--port", type=_number(1, 65535), help="destination port")
    add("-m", "--max-hops", type=_number(1, 255), default=30, help="default: %(default)s")
    add("-f", "--first-hop", type=_number(1, 255), default=1, help="default: %(default)s")
    add("-q", "--probes", type=_number(1, 100), default=1, help="per hop; default: %(default)s")
    add("--flows", type=_number(1, 128), default=1, help="follow up to so many parallel flows")
    add("-w", "--timeout", type=_seconds, default=2.0, help="seconds; default: %(default)s")
    add("-s", "--packet-size", type=_number(28, 9000), help="bytes, IP header included")
    add("--source", type=_address, help="address to send from")
    add("--interface", help="interface to send through")
    add("--dscp", type=_number(0, 63), default=0, help="DSCP of the probes")
    add("-n", "--numeric", action="store_true", help="ask no DNS for names and AS numbers")
    add(
        "--nameserver",
        type=_address,
        action="append",
        metavar="ADDRESS",
        help="default: the system's",
    )
    add("--nameserver-port", type=_number(1, 65535), default=53, help="default: %(default)s")
    return parser


def _number(least: int, most: int) -> Callable[[str], int]:
    """A parser of whole numbers in a range, for argparse."""

    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{value} is not between {least} and {most}")
        return value

    return number


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, as 0.5") from None
    if not 0 < seconds <= 60:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most 60 seconds")
    return seconds


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an IP address") from None
