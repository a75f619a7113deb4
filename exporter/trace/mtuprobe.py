"""Drives one search for the path MTU: sends what it wants to try and tells it what came back."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from exporter.errors import ProbeError, SendBlocked, TooBig
from exporter.model import Family, Kind, Probe, Protocol, Response
from exporter.sockets.base import ProbeSocket, SocketRequest
from exporter.trace.flowset import Wiring, local_port
from exporter.trace.mtu import MtuSearch, PathMtu

_GROWTH_SECONDS = 600.0
_SHARE_OF_INTERVAL = 0.25
_PATIENCE_SECONDS = 0.2
_PATIENCE_RTTS = 4
_LIMITED_PAUSE_SECONDS = 1.1
"""Most hosts send one port unreachable a second; the next large probe gets it after this."""
_BLOCKED_RETRY_SECONDS = 0.005
_BLOCKED_TRIES = 100
_FRAGMENTATION_NEEDED = 4

Verdict = Response | ProbeError | None


class MtuProber:
    """The path MTU to one destination, measured once a cycle with one probe at a time.

    `name` decides the local port, so that all cycles, and those after a restart, take the same
    branch. Seconds: `timeout` bounds each wait, `interval` is that between cycles, `pause` is left
    before a large probe is sent again, by default what the protocol needs. ICMP, and UDP to no
    port in particular, are used as the request says. Anything else leaves it to the kernel which of
    the two: a service answers what it likes, of whatever size.
    """

    def __init__(
        self,
        name: str,
        request: SocketRequest,
        wiring: Wiring,
        *,
        timeout: float = 2.0,
        interval: float = 60.0,
        pause: float | None = None,
    ) -> None:
        port = local_port(f"{name}\0mtu", 0)
        self._request = replace(request, dont_fragment=True, packet_size=None, local_port=port)
        to_service = request.protocol is Protocol.UDP and request.port is not None
        if to_service or request.protocol not in (Protocol.ICMP, Protocol.UDP):
            self._request = replace(self._request, protocol=Protocol.AUTO, port=None, payload=None)
        self._wiring = wiring
        self._timeout = timeout
        self.set_interval(interval)
        self._pause = pause
        self._search = MtuSearch(request.family, max(1, round(_GROWTH_SECONDS / interval)))
        self.settled = False
        self._patience = _PATIENCE_SECONDS
        self._wait = 0.0
        self._ttl: int | None = None
        self._cycle = 0
        self._sizes: list[int] = []
        self._blocked = 0
        self._socket: ProbeSocket | None = None
        self._verdict: asyncio.Future[Verdict] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def set_interval(self, interval: float) -> None:
        """Cycles come so many seconds apart."""
        self._budget = interval * _SHARE_OF_INTERVAL

    async def measure(self, ttl: int, rtt: float | None = None) -> PathMtu | None:
        """One cycle for a destination that answers at this TTL, after `rtt` seconds of late.

        Gives what is known now: the former value while a new search goes on, None if nothing has
        been found yet; `settled` says that it was measured just now. Local failures are no news of
        the path and raise nothing. Takes a quarter of the interval at most, and one more wait.
        """
        if self._ttl not in (None, ttl):
            self._search.look_up()
        self._ttl = ttl
        self.settled = False
        try:
            self._socket = self._wiring.open_socket(self._request, self)
        except ProbeError:
            return self._search.result
        wait = self._timeout / 2 if rtt is None else rtt * _PATIENCE_RTTS
        self._wait = min(self._timeout, max(self._patience, wait))
        pause = self._pause
        if pause is None:
            pause = _LIMITED_PAUSE_SECONDS if self._socket.protocol is Protocol.UDP else 0.0
        try:
            await self._run(ttl, pause)
        finally:
            self._wiring.pacer.forget(self)
            self._stop_timer()
            self._verdict = None
            self._socket.close()
            self._socket = None
        self.settled = self._search.settled
        return self._search.result

    async def _run(self, ttl: int, pause: float) -> None:
        search, deadline = self._search, self._loop.time() + self._budget
        self._cycle += 1
        self._sizes = []
        search.begin()
        large, silences = 0, 0
        while (size := search.wanted) is not None:
            if size == large:
                await asyncio.sleep(pause)
            if self._loop.time() >= deadline and self._sizes:
                return
            verdict = await self._try(size, ttl)
            if not self._tell(size, verdict):
                return
            silences = silences + 1 if verdict is None else 0
            if silences:
                large = max(size, search.wanted or 0)
            if silences > 1:
                # Small packets are not answered either: perhaps they are just slower now.
                self._wait = min(self._timeout, 2 * self._wait)

    async def _try(self, size: int, ttl: int) -> Verdict:
        self._blocked = 0
        self._verdict = self._loop.create_future()
        probe = Probe(self._cycle, len(self._sizes), ttl, size=size)
        self._sizes.append(size)
        self._wiring.pacer.submit(self, (probe,))
        return await self._verdict

    def _tell(self, size: int, verdict: Verdict) -> bool:
        """Tell the search; False says that this cycle can find out no more."""
        if verdict is None:
            self._search.silent(size)
        elif isinstance(verdict, TooBig):
            self._search.refused(size, verdict.mtu)
        elif isinstance(verdict, ProbeError):
            return False
        elif verdict.reached:
            self._search.passed(size)
        elif _is_too_big(verdict, self._request.family):
            self._search.too_big(size, verdict.mtu, verdict.address)
        else:
            return False
        return True

    # -- what the pacer says ------------------------------------------------------------------

    def send(self, probe: Probe) -> float:
        """See `Sender`."""
        if self._socket is None:
            return 0.0
        try:
            self._socket.send(probe)
        except SendBlocked as error:
            self._blocked += 1
            if self._blocked < _BLOCKED_TRIES:
                return _BLOCKED_RETRY_SECONDS
            self._decide(error)
        except ProbeError as error:
            self._decide(error)
        else:
            self._timer = self._loop.call_later(self._wait, self._decide, None)
        return 0.0

    def batch_sent(self) -> None:
        """See `Sender`."""

    # -- what the socket says -----------------------------------------------------------------

    def responded(self, response: Response) -> None:
        """See `Listener`. An answer that comes late says that its size passes all the same."""
        if response.probe.round == len(self._sizes) - 1:
            self._decide(response)
        elif response.reached:
            self._patience = max(self._patience, min(self._timeout, 2 * response.rtt))
            self._wait = max(self._wait, self._patience)
            self._search.passed(self._sizes[response.probe.round])

    def failed(self, probe: Probe, error: ProbeError) -> None:
        """See `Listener`."""
        if probe.round == len(self._sizes) - 1:
            self._decide(error)

    def unmatched(self) -> None:
        """See `Listener`."""
        self._wiring.counts.unmatched += 1

    def _decide(self, verdict: Verdict) -> None:
        self._stop_timer()
        if self._verdict is not None and not self._verdict.done():
            self._verdict.set_result(verdict)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _is_too_big(response: Response, family: Family) -> bool:
    """Whether a router said so, be it without an MTU as those before RFC 1191 do."""
    if response.mtu is not None:
        return True
    code = _FRAGMENTATION_NEEDED if family is Family.IPV4 else None
    return response.kind is Kind.UNREACHABLE and response.code == code
