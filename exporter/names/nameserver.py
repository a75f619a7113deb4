"""How one name server is asked over UDP or TCP, within bounds that keep the event loop alive.

It differs from dnspython's own in four ways. The question is sent again after half the time, by
the same socket, so that one lost packet is no failure and a slow answer to the first still
counts. The socket is connected: a closed port is reported at once and the kernel drops what
others send. A message is looked at before it is parsed: dnspython needs half a second for a
hostile one of 64 KiB. And what does not answer the question is skipped, not believed.
"""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING, Final

import dns.exception
import dns.message
import dns.nameserver

if TYPE_CHECKING:
    from dns._asyncbackend import Backend

MAX_BYTES: Final = 4096
MAX_RECORDS: Final = 100
_SENDINGS: Final = 2
_HEADER: Final = struct.Struct("!HHHHHH")


class TooLarge(dns.exception.FormError):
    """An answer beyond `MAX_BYTES` or `MAX_RECORDS`; its server is not asked again for it."""


class PlainNameserver(dns.nameserver.Do53Nameserver):
    """A name server at an address and port, spoken to without encryption."""

    async def async_query(
        self,
        request: dns.message.QueryMessage,
        timeout: float,  # noqa: ASYNC109 - the signature is dnspython's
        source: str | None,
        source_port: int,
        max_size: bool,
        backend: Backend,
        one_rr_per_rrset: bool = False,
        ignore_trailing: bool = False,
    ) -> dns.message.Message:
        """dnspython's interface; it catches and counts all that is raised here."""
        if not max_size:
            return await self._over_udp(request, timeout / _SENDINGS)
        try:
            async with asyncio.timeout(timeout):
                return await self._over_tcp(request)
        except TimeoutError as error:
            raise dns.exception.Timeout from error

    async def _over_udp(
        self, request: dns.message.QueryMessage, patience: float
    ) -> dns.message.Message:
        wire = request.to_wire()
        transport, question = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Question(request), remote_addr=(self.address, self.port)
        )
        try:
            for _ in range(_SENDINGS):
                transport.sendto(wire)
                await asyncio.wait([question.answer], timeout=patience)
                if question.answer.done():
                    return question.answer.result()
        finally:
            _ = question.answer.cancel() or question.answer.exception()
            transport.close()
        raise dns.exception.Timeout

    async def _over_tcp(self, request: dns.message.QueryMessage) -> dns.message.Message:
        reader, writer = await asyncio.open_connection(self.address, self.port)
        try:
            wire = request.to_wire()
            writer.write(len(wire).to_bytes(2) + wire)
            size = int.from_bytes(await reader.readexactly(2))
            if not _HEADER.size <= size <= MAX_BYTES:
                raise TooLarge
            message = parse_answer(await reader.readexactly(size), request)
        finally:
            writer.close()
        if message is None:
            raise dns.exception.FormError
        return message


class _Question(asyncio.DatagramProtocol):
    """Waits for the one datagram that answers; an ICMP error on the socket answers as well."""

    def __init__(self, request: dns.message.QueryMessage) -> None:
        self._request = request
        self._id = request.id.to_bytes(2)
        self.answer: asyncio.Future[dns.message.Message] = (
            asyncio.get_running_loop().create_future()
        )

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        if self.answer.done() or data[:2] != self._id or len(data) < _HEADER.size:
            return
        try:
            message = parse_answer(data, self._request)
        except dns.exception.DNSException as error:
            self.answer.set_exception(error)
        else:
            if message is not None:
                self.answer.set_result(message)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


def parse_answer(wire: bytes, request: dns.message.QueryMessage) -> dns.message.Message | None:
    """The message where it answers the request, None where it does not or is malformed.

    Raises `dns.message.Truncated` for an answer that was cut off, `TooLarge` for one that shall
    not be parsed.
    """
    records = sum(_HEADER.unpack_from(wire)[2:])
    if len(wire) > MAX_BYTES or records > MAX_RECORDS:
        raise TooLarge
    try:
        message = dns.message.from_wire(wire, raise_on_truncation=True)
    except dns.message.Truncated as cut:
        if request.is_response(cut.kwargs["message"]):
            raise
        return None
    except (dns.exception.DNSException, ValueError):
        return None
    return message if request.is_response(message) else None
