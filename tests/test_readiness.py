"""Readers that are told at once which queue has something, on our own loop and on any other."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import time
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest

from exporter.sockets import readiness
from exporter.sockets.readiness import DATA, ERROR, DirectLoop, unwatch, watch

_IP_RECVERR = 11
_PATIENCE = 5.0

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["ours", "asyncio's"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine on a loop of this kind."""
    return readiness.run if request.param == "ours" else asyncio.run


class Ear:
    """Notes what it is told, and reads the ordinary queue."""

    def __init__(self, reading: socket.socket) -> None:
        self.told: list[int] = []
        self.news = asyncio.Event()
        self.reading = reading

    def __call__(self, events: int) -> None:
        self.told.append(events)
        self.news.set()
        if events & DATA:
            self.reading.recv(64)

    async def hears(self) -> int:
        """What it is told next."""
        await asyncio.wait_for(self.news.wait(), _PATIENCE)
        self.news.clear()
        return self.told[-1]


def a_pair() -> tuple[socket.socket, socket.socket]:
    """A receiver that does not block, and a sender connected to it."""
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    receiver.bind(("127.0.0.1", 0))
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.connect(receiver.getsockname())
    return receiver, sender


def test_data_is_told_until_unwatched(run: Run) -> None:
    """Two datagrams came, and a third after nobody watched any more."""

    async def scenario() -> None:
        receiver, sender = a_pair()
        with receiver, sender:
            ear = Ear(receiver)
            watch(receiver.fileno(), ear)
            for _ in range(2):
                sender.send(b"x")
                assert await ear.hears() & DATA
            unwatch(asyncio.get_running_loop(), receiver.fileno())
            sender.send(b"x")
            await asyncio.sleep(0.05)
            assert len(ear.told) == 2

    run(scenario())


def test_our_loop_tells_the_queues_apart() -> None:
    """A port was closed: the error queue had something, the ordinary one nothing."""

    async def scenario() -> None:
        receiver, sender = a_pair()
        with sender:
            sender.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
            sender.setblocking(False)
            ear = Ear(sender)
            watch(sender.fileno(), ear)
            receiver.close()
            sender.send(b"x")
            assert await ear.hears() == ERROR
            unwatch(asyncio.get_running_loop(), sender.fileno())

    readiness.run(scenario())


def test_a_reader_that_fails_does_not_end_the_loop(run: Run) -> None:
    """It raised; the loop told its exception handler, and went on with everything else."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        failures: list[BaseException] = []
        noted = asyncio.Event()

        def note(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            failures.append(context["exception"])
            noted.set()

        loop.set_exception_handler(note)
        receiver, sender = a_pair()
        with receiver, sender:

            def fail(_: int) -> None:
                unwatch(loop, receiver.fileno())
                raise ValueError("a bug")

            watch(receiver.fileno(), fail)
            sender.send(b"x")
            await asyncio.wait_for(noted.wait(), _PATIENCE)
        assert [str(each) for each in failures] == ["a bug"]

    run(scenario())


def test_our_loop_serves_streams_signals_and_timers() -> None:
    """What asyncio itself needs of a selector: connections both ways, and their end."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read()) * 50_000)
        await writer.drain()
        writer.close()

    async def scenario() -> None:
        assert isinstance(asyncio.get_running_loop(), DirectLoop)
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"twelve bytes")
        writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), _PATIENCE)
        assert answer == b"twelve bytes" * 50_000
        writer.close()
        server.close()
        loop = asyncio.get_running_loop()
        before = loop.time()
        await asyncio.sleep(0.02)
        assert loop.time() - before >= 0.02
        assert await asyncio.to_thread(os.getpid) == os.getpid()

    readiness.run(scenario())


def test_a_closed_descriptor_is_unwatched_without_an_error() -> None:
    """Its owner closed it first; the number may be taken again, by another socket."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        receiver, sender = a_pair()
        watch(receiver.fileno(), lambda _: None)
        number = receiver.fileno()
        unwatch(loop, number)
        receiver.close()
        unwatch(loop, number)
        with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
            watch(number, lambda _: None)
        sender.close()

    readiness.run(scenario())


def test_after_a_stall_all_that_has_come_is_told_before_any_timer() -> None:
    """The loop stood still while 600 sockets got something and a timer fell due: none is late."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        order: list[str] = []
        expired = asyncio.Event()
        with ExitStack() as stack:
            sender = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            for _ in range(600):
                receiver = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                receiver.bind(("127.0.0.1", 0))
                watch(receiver.fileno(), partial(read_from, receiver, order))
                sender.sendto(b"x", receiver.getsockname())
            loop.call_later(0.01, order.append, "timer")
            loop.call_later(0.01, expired.set)
            time.sleep(0.05)  # noqa: ASYNC251 - this is the stall
            await asyncio.wait_for(expired.wait(), _PATIENCE)
            assert order == ["data"] * 600 + ["timer"]

    readiness.run(scenario())


def test_one_that_reads_one_at_a_time_is_told_all_before_any_timer() -> None:
    """The loop stood still while ten datagrams came to one socket, and a timer fell due."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        order: list[str] = []
        expired = asyncio.Event()
        receiver, sender = a_pair()
        with receiver, sender:
            watch(receiver.fileno(), partial(read_from, receiver, order))
            for _ in range(10):
                sender.send(b"x")
            loop.call_later(0.01, order.append, "timer")
            loop.call_later(0.01, expired.set)
            time.sleep(0.05)  # noqa: ASYNC251 - this is the stall
            await asyncio.wait_for(expired.wait(), _PATIENCE)
            assert order == ["data"] * 10 + ["timer"]

    readiness.run(scenario())


@pytest.mark.parametrize("by", ["soon", "later", "future"])
def test_what_a_reader_schedules_is_not_kept_waiting(by: str) -> None:
    """Nothing but its datagram came in all the time; what it scheduled then ran at once."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        receiver, sender = a_pair()

        def told(_: int) -> None:
            receiver.recv(64)
            if by == "soon":
                loop.call_soon(done.set_result, None)
            elif by == "later":
                loop.call_later(0.01, done.set_result, None)
            else:
                done.set_result(None)

        with receiver, sender:
            watch(receiver.fileno(), told)
            sender.send(b"x")
            await asyncio.wait_for(done, _PATIENCE)
            unwatch(loop, receiver.fileno())

    readiness.run(scenario())


def test_our_loop_does_not_come_round_for_readers_that_schedule_nothing() -> None:
    """A hundred datagrams came one by one from another thread, and then a call: one turn."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, DirectLoop)
        order: list[str] = []
        receiver, sender = a_pair()
        done = asyncio.Event()

        def send() -> None:
            for number in range(100):
                sender.send(b"x")
                while len(order) <= number:
                    time.sleep(0.0005)
            loop.call_soon_threadsafe(done.set)

        selector = loop.direct
        with receiver, sender, patch.object(selector, "select", wraps=selector.select) as select:
            watch(receiver.fileno(), partial(read_from, receiver, order))
            await asyncio.gather(asyncio.to_thread(send), asyncio.wait_for(done.wait(), _PATIENCE))
            assert len(order) == 100
            assert select.call_count < 20

    readiness.run(scenario())


def read_from(receiver: socket.socket, order: list[str], _: int) -> None:
    """Take what has come, and note it."""
    receiver.recv(64)
    order.append("data")
