"""`/probe` at the HTTP port: how long it may take, and what becomes of errors and clients."""

from __future__ import annotations

import asyncio

import pytest

from exporter.model import Family, Protocol
from exporter.monitoring.view import View
from exporter.probe.outcome import Outcome
from exporter.probe.prober import ProbeRefused, Refusal
from exporter.server.probe import BadRequest, ProbeEndpoint, time_to_answer
from exporter.settings import Target
from exporter.statistics.tally import Tally
from tests.clock import until
from tests.serving import REACHED, World, serving


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, 9.5), ("10", 9.5), ("10.000", 9.5), ("1", 0.9), ("0.2", 0.18), ("1e9", 120.0)],
)
def test_the_margin(header: str | None, seconds: float) -> None:
    """Half a second, but a tenth of short times, and never more than two minutes in all."""
    assert time_to_answer(header) == pytest.approx(seconds)


@pytest.mark.parametrize("header", ["", "0", "-3", "nan", "inf", "-inf", "ten", "1 2", "0x10"])
def test_no_time_at_all(header: str) -> None:
    """The header holds no number of seconds above zero."""
    with pytest.raises(BadRequest, match="allowed are seconds above 0"):
        time_to_answer(header)


class Prober:
    """Answers with a trace, or fails by what it was given; notes what it was asked."""

    def __init__(self, error: Exception | None = None, *, stuck: bool = False) -> None:
        self.asked: list[tuple[str, str, float]] = []
        self.ended = asyncio.Event()
        self._error, self._stuck = error, stuck

    async def __call__(self, host: str, module: str, seconds: float) -> Outcome:
        self.asked.append((host, module, seconds))
        try:
            if self._stuck:
                await asyncio.sleep(60)
            if self._error is not None:
                raise self._error
        finally:
            self.ended.set()
        target = Target(host, host)
        tally = Tally(target.module)
        tally.add(REACHED)
        view = View(target, Family.IPV4, Protocol.ICMP, REACHED, (), {}, tally)
        return Outcome(target, (view,), ((0.0, "asked"),), False)


async def ask(prober: Prober, query: str, **headers: str) -> tuple[int, str, str]:
    """Status, content type and body."""
    endpoint = ProbeEndpoint(prober, lambda: 1000)
    headers["Accept-Encoding"] = "identity"
    async with (
        serving(World(), probe=endpoint) as session,
        session.get(f"/probe?{query}", headers=headers) as answer,
    ):
        return answer.status, answer.headers["Content-Type"], await answer.text()


def test_what_is_asked_and_answered() -> None:
    """Host in its canonical form, module, time; text or OpenMetrics as the scraper likes."""

    async def test() -> None:
        prober = Prober()
        query = "target=2001:DB8::0:1&module=web&unknown=1"
        status, kind, text = await ask(
            prober, query, **{"X-Prometheus-Scrape-Timeout-Seconds": "4"}
        )
        assert (status, kind.partition(";")[0]) == (200, "text/plain")
        assert 'ftr_target_reached{target="2001:db8::1"' in text
        assert prober.asked == [("2001:db8::1", "web", 3.6)]
        accept = "application/openmetrics-text; version=1.0.0"
        _, kind, text = await ask(prober, "target=a", Accept=accept)
        assert kind.startswith("application/openmetrics-text")
        assert text.endswith("# EOF\n")
        assert prober.asked[-1] == ("a", "default", 9.5)
        _, kind, text = await ask(prober, "target=a&debug=true", Accept=accept)
        assert kind.startswith("text/plain")
        assert "steps\n     0.000 s  asked\n" in text
        assert "# EOF" not in text

    asyncio.run(test())


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ProbeRefused(Refusal.DENIED, "no"), 403),
        (ProbeRefused(Refusal.INVALID, "no"), 400),
        (ProbeRefused(Refusal.BUSY, "no"), 503),
        (ZeroDivisionError("a bug"), 500),
    ],
)
def test_errors_have_their_status(error: Exception, status: int) -> None:
    """Refused for a reason that is told; a bug is not."""
    found, _, text = asyncio.run(ask(Prober(error), "target=a"))
    assert found == status
    assert "a bug" not in text


def test_a_client_that_hangs_up_ends_its_trace() -> None:
    """It closes the connection while it waits: the trace is cancelled at once."""

    async def test() -> None:
        prober = Prober(stuck=True)
        async with serving(World(), probe=ProbeEndpoint(prober, lambda: 1)) as session:
            base = session._base_url
            assert base is not None
            _, writer = await asyncio.open_connection(base.host, base.port)
            writer.write(b"GET /probe?target=a HTTP/1.1\r\nHost: x\r\n\r\n")
            await until(lambda: prober.asked)
            assert not prober.ended.is_set()
            writer.close()
            async with asyncio.timeout(5):
                await prober.ended.wait()

    asyncio.run(test())
