"""What comes back from a name server, good or hostile, over real sockets."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path

import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.names.lookup import Answer, LookupFailed
from exporter.names.nameserver import MAX_BYTES, TooLarge, parse_answer
from exporter.names.query import DnsClient
from exporter.settings import ResolverSettings
from tests.clock import until
from tests.lab.dns import DnsServer
from tests.lab.dns_faults import Fault, Mode

ZONE = {
    "ttl": 60,
    "ptr": {"192.0.2.1": "gw.example.net", "192.0.2.2": [f"n{n}.example.net" for n in range(60)]},
}
NAME = "1.2.0.192.in-addr.arpa."
GOOD = Answer(("gw.example.net.",), 60.0)
TIMEOUT = 1.0

OUTCOMES = {
    Mode.NONE: (GOOD, ["udp"]),
    Mode.DROP: ("timeout", ["udp", "udp"]),
    Mode.DROP_FIRST: (GOOD, ["udp", "udp"]),
    Mode.SERVFAIL: ("error", ["udp"]),
    Mode.NXDOMAIN: (None, ["udp"]),
    Mode.REFUSED: ("error", ["udp"]),
    Mode.EMPTY: (None, ["udp"]),
    Mode.TRUNCATED: (GOOD, ["udp", "tcp"]),
    Mode.WRONG_ID: ("timeout", ["udp", "udp"]),
    Mode.WRONG_QUESTION: ("timeout", ["udp", "udp"]),
    Mode.WRONG_SOURCE: ("timeout", ["udp", "udp"]),
    Mode.GARBAGE: ("error", ["udp"]),
    Mode.SHORT: ("timeout", ["udp", "udp"]),
    Mode.COMPRESSION_LOOP: ("timeout", ["udp", "udp"]),
    Mode.HUGE: ("error", ["udp"]),
    Mode.MANY: ("error", ["udp"]),
    Mode.TCP_CLOSED: ("error", ["udp", "tcp"]),
    Mode.TCP_HUGE: ("error", ["udp", "tcp"]),
    Mode.TCP_WRONG: ("error", ["udp", "tcp"]),
    Mode.TCP_SILENT: ("timeout", ["udp", "tcp"]),
}


@pytest.mark.parametrize("mode", sorted(OUTCOMES))
def test_each_fault_has_its_outcome(mode: Mode) -> None:
    """The server failed in this way: an answer, an absence or a failure came of it, in time."""
    expected, transports = OUTCOMES[mode]

    async def scene() -> None:
        async with DnsServer(ZONE) as server:
            timeout = 0.1 if expected == "timeout" else TIMEOUT
            client = client_of(server, timeout)
            server.fault = Fault(mode)
            started = time.monotonic()
            if isinstance(expected, str):
                with pytest.raises(LookupFailed) as caught:
                    await client.ask(NAME, "PTR")
                assert caught.value.result == expected
            else:
                answer = await client.ask(NAME, "PTR")
                assert answer == expected or (expected is None and not answer.values)
            assert time.monotonic() - started < timeout + 1.0
            used = [question.transport for question in server.log]
            assert used[: len(transports)] == transports

    asyncio.run(scene())


def client_of(server: DnsServer, timeout: float = TIMEOUT) -> DnsClient:
    """A client that knows one server, and no file of this machine."""
    settings = ResolverSettings((server.address,), server.port, timeout)
    return DnsClient(settings, Path("/nonexistent/resolv.conf"))


def test_a_slow_answer_to_the_first_question_counts() -> None:
    """The server took longer than half the timeout: the question went twice, one answer did."""

    async def scene() -> None:
        async with DnsServer(ZONE) as server:
            server.fault = Fault(delay=0.6)
            assert await client_of(server, 1.0).ask(NAME, "PTR") == GOOD
            assert len(server.log) == 2

    asyncio.run(scene())


def test_a_long_answer_comes_whole_over_tcp() -> None:
    """Sixty names did not fit a datagram: the server cut them off, and TCP brought them all."""

    async def scene() -> None:
        async with DnsServer(ZONE) as server:
            answer = await client_of(server).ask("2.2.0.192.in-addr.arpa.", "PTR")
            assert len(answer.values) == 60
            assert [question.transport for question in server.log] == ["udp", "tcp"]

    asyncio.run(scene())


def test_hostile_names_come_as_escaped_text() -> None:
    """Names full of control characters came as text that no host name check lets through."""

    async def scene() -> None:
        async with DnsServer(ZONE) as server:
            server.fault = Fault(Mode.HOSTILE)
            answer = await client_of(server).ask(NAME, "PTR")
            assert len(answer.values) == 5
            assert all(value.isprintable() for value in answer.values)
            texts = await client_of(server).ask("AS64500.asn.cymru.com.", "TXT")
            assert any("\x1b" in value for value in texts.values)

    asyncio.run(scene())


def was_asked(server: DnsServer, transport: str) -> bool:
    """Whether a question came by this transport."""
    return transport in {each.transport for each in server.log}


def test_a_cancelled_question_leaves_nothing() -> None:
    """The asker went away while the server was silent: no task and no socket is left."""

    async def scene() -> None:
        async with DnsServer(ZONE) as server:
            client = client_of(server, 60.0)
            for mode in (Mode.DROP, Mode.TCP_SILENT):
                server.fault = Fault(mode)
                server.log.clear()
                task = asyncio.ensure_future(client.ask(NAME, "PTR"))
                wanted = "tcp" if mode is Mode.TCP_SILENT else "udp"
                await until(partial(was_asked, server, wanted))
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scene(), debug=True)


REQUEST = dns.message.make_query(NAME, "PTR")
REPLY = dns.message.make_response(REQUEST).to_wire()


@given(st.binary(max_size=300), st.integers(0, 65535), st.booleans())
def test_no_bytes_break_the_parser(rest: bytes, flags: int, own_question: bool) -> None:
    """Any bytes came under the right number: an answer to our question, or nothing at all."""
    start = REPLY if own_question else REPLY[:12]
    wire = start[:2] + flags.to_bytes(2) + start[4:12] + start[12:] + rest
    try:
        message = parse_answer(wire, REQUEST)
    except (TooLarge, dns.message.Truncated):
        return
    assert message is None or REQUEST.is_response(message)


@given(st.integers(0, len(REPLY) - 3), st.binary(min_size=1, max_size=40))
def test_no_change_to_an_answer_breaks_the_parser(place: int, change: bytes) -> None:
    """An answer was changed on its way: it still answers our question, or it is dropped."""
    wire = bytearray(REPLY)
    wire[place + 2 : place + 2 + len(change)] = change
    try:
        message = parse_answer(bytes(wire), REQUEST)
    except (TooLarge, dns.message.Truncated):
        return
    assert message is None or REQUEST.is_response(message)


def test_the_worst_message_is_parsed_fast() -> None:
    """As much as we let pass came in one answer: it held up the loop for a moment only."""
    record = b"\xc0\x0c" + bytes.fromhex("000c 0001 0000 003c 0005") + b"\x02%c%c\xc0\x0c"
    count = 98
    answers = b"".join(record % (97 + n % 26, 97 + n // 26) for n in range(count))
    wire = REPLY[:6] + count.to_bytes(2) + REPLY[8:] + answers
    assert len(wire) <= MAX_BYTES
    started = time.perf_counter()
    message = parse_answer(wire, REQUEST)
    assert time.perf_counter() - started < 0.25
    assert message is not None
    assert sum(len(rrset) for rrset in message.answer) == count
