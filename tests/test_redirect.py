"""What a router says of a probe that it forwards all the same: neither an answer nor an end."""

from __future__ import annotations

import pytest

from exporter.model import Family, Probe
from tests.conftest import LabFactory
from tests.probing import WEB, Backend, Recorder, backends_where, run

SOURCE_QUENCH, REDIRECT = 4, 5
each_ipv4 = backends_where(lambda backend: backend.family is Family.IPV4)


@each_ipv4
@pytest.mark.parametrize(("kind", "code"), [(REDIRECT, 1), (SOURCE_QUENCH, 0)])
def test_advice_of_a_router_is_no_answer(
    lab_factory: LabFactory, backend: Backend, kind: int, code: int
) -> None:
    """The gateway forwards a probe and tells of a better way, or asks to be spared; the answer

    proper, which comes a little later, is that of the probe.
    """
    lab = lab_factory("small")
    backend.quoted_enough(lab)
    lab.set_hop("edge", slow="800ms")

    async def test() -> None:
        recorder = Recorder()
        socket = backend.open(backend.request(WEB[backend.family]), recorder)
        socket.send(Probe(1, 0, 3))
        lab.ping()
        lab.forge("198.51.100.1", kind, code, target="web", ttl=64)
        (response,) = await recorder.until_responses(1)
        socket.close()
        assert response.address == "192.0.2.254"
        assert response.rtt > 0.8
        assert (recorder.failures, len(recorder.responses)) == ([], 1)

    run(test())
