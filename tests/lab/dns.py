"""A real DNS server for tests and the demo, over UDP and TCP, that can be made to fail.

By hand: `python -m tests.lab.dns --zone FILE --listen ADDR --port N [--control UNIXSOCK]`. It
prints `ready ADDR PORT` and serves until SIGTERM or SIGINT. The zone is described in
`tests/lab/dns_zone.py`, the faults in `tests/lab/dns_faults.py`. The control socket takes one
JSON object a line and answers each with one:

    {"fault": {"mode": "servfail", "delay": 0.1, "suffix": "asn.cymru.com"}}  ->  {"ok": true}
    {"zone": {"ptr": {"192.0.2.1": "new.example.net"}}}                       ->  {"ok": true}
    {"queries": true}                                 ->  {"queries": {"www.example.net": 3}}
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import dns.exception
import dns.message
import dns.rdatatype

from tests.lab.dns_faults import Fault, Mode, respond
from tests.lab.dns_zone import Zone

_ATTEMPTS = 20


class Question(NamedTuple):
    """What was asked, and how: the name in lower case without trailing dot."""

    name: str
    record: str
    transport: str


class DnsServer:
    """Serves a zone on a loopback address, or on one of a test's own network namespace.

    `fault` and `zone` may be changed at any time. `log` has every question in order.
    """

    def __init__(
        self, zone: Mapping[str, Any] | None = None, *, address: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.zone = Zone(zone or {})
        self.address = address
        self.port = port
        self.fault = Fault()
        self.log: list[Question] = []
        self._transport: asyncio.DatagramTransport | None = None
        self._stranger: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._broken: list[BaseException] = []

    @property
    def queries(self) -> Counter[str]:
        """How often each name was asked for."""
        return Counter(question.name for question in self.log)

    async def start(self) -> None:
        """Listen; `port` is then the real one, the same over UDP and TCP. Raises `OSError`."""
        try:
            await self._listen(asyncio.get_running_loop())
        except OSError:
            await self.stop()
            raise

    async def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        self._stranger, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, local_addr=(self.address, 0)
        )
        for attempt in range(_ATTEMPTS):
            transport, _ = await loop.create_datagram_endpoint(
                lambda: _Udp(self), local_addr=(self.address, self.port)
            )
            port = transport.get_extra_info("sockname")[1]
            try:
                self._server = await asyncio.start_server(self._serve_tcp, self.address, port)
            except OSError:
                transport.close()
                if self.port or attempt == _ATTEMPTS - 1:
                    raise
                continue
            self._transport, self.port = transport, port
            return

    async def stop(self) -> None:
        """Close all sockets and end all answers under way; raises what broke in the server."""
        for transport in (self._transport, self._stranger):
            if transport is not None:
                transport.close()
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)
        if self._broken:
            raise self._broken[0]

    async def __aenter__(self) -> DnsServer:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def received(self, wire: bytes, peer: Any) -> None:
        """A datagram came in."""
        self._watch(asyncio.get_running_loop().create_task(self._serve_udp(wire, peer)))

    def _watch(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._broken.append(error)

    async def _serve_udp(self, wire: bytes, peer: Any) -> None:
        for answer in await self._answers(wire, tcp=False):
            sender = self._transport
            if self.fault.mode is Mode.WRONG_SOURCE:
                sender = self._stranger
            if sender is not None and not sender.is_closing():
                sender.sendto(answer, peer)

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._watch(task)
        try:
            while True:
                size = int.from_bytes(await reader.readexactly(2))
                for answer in await self._answers(await reader.readexactly(size), tcp=True):
                    if self.fault.mode is Mode.TCP_CLOSED:
                        return
                    writer.write(len(answer).to_bytes(2) + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answers(self, wire: bytes, *, tcp: bool) -> list[bytes]:
        try:
            query = dns.message.from_wire(wire)
            asked = query.question[0]
        except (dns.exception.DNSException, IndexError):
            return []
        name = asked.name.to_text(omit_final_dot=True).lower()
        record = dns.rdatatype.to_text(asked.rdtype)
        first = name not in self.queries if self.fault.mode is Mode.DROP_FIRST else False
        self.log.append(Question(name, record, "tcp" if tcp else "udp"))
        fault = self.fault if self.fault.concerns(name) else Fault()
        if fault.delay:
            await asyncio.sleep(fault.delay)
        return respond(Mode.DROP if first else fault.mode, self.zone.answer(query), tcp)


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._server.received(data, addr)


def obey(server: DnsServer, line: bytes) -> dict[str, Any]:
    """Carry out one command of the control socket and return its answer."""
    try:
        command = json.loads(line)
        if "fault" in command:
            fault = command["fault"]
            mode = Mode(fault.get("mode", "none"))
            server.fault = Fault(mode, float(fault.get("delay", 0)), fault.get("suffix", ""))
        if "zone" in command:
            server.zone = Zone(command["zone"])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return {"ok": False, "error": str(error)}
    return {"queries": dict(server.queries)} if "queries" in command else {"ok": True}


async def serve(options: argparse.Namespace) -> None:
    """Serve as the command line says until a signal ends it."""

    async def control(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while line := await reader.readline():
                writer.write(json.dumps(obey(server, line)).encode() + b"\n")
                await writer.drain()
        writer.close()

    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    zone = json.loads(await asyncio.to_thread(options.zone.read_text, encoding="utf-8"))
    async with DnsServer(zone, address=options.listen, port=options.port) as server:
        if options.control:
            await asyncio.start_unix_server(control, options.control, limit=2**24)
        print(f"ready {server.address} {server.port}", flush=True)
        await ended.wait()
    if options.control:
        options.control.unlink(missing_ok=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.dns", description=__doc__)
    parser.add_argument("--zone", type=Path, required=True)
    parser.add_argument("--listen", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control", type=Path)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
