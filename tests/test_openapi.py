"""The description of the API against the real server, by requests that schemathesis makes up."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import allow_header_conformance

from exporter.server import make_app, start_server
from exporter.server.openapi import description
from exporter.settings import Target
from tests.asking import WEB
from tests.serving import FAILED, REACHED, REFUSED, World, state
from tests.test_recent import trace

SCHEMA = schemathesis.openapi.from_dict(json.loads(description())).exclude(path="/api/v1/events")


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    """The real server with targets in all states, in a thread of its own."""
    shown = state(WEB, REACHED, REFUSED)
    shown.views[0].tally.add(trace(0, (0.01, 0.02)))
    world = World([shown, state(Target("0", "192.0.2.9"), None), state(Target("a/b", "x"), FAILED)])
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(start_server(make_app(world), ["127.0.0.1:0"]))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield f"http://{server.addresses[0]}"
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.run_until_complete(server.stop(0.0))
    loop.close()


@SCHEMA.parametrize()
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: schemathesis.Case[Any], base: str) -> None:
    """Right and wrong requests: the status is one of those described, the body has its form.

    That `/api/v1/targets/x/trace` may be got is no mistake: it is the target named `x/trace`.
    """
    case.call_and_validate(base_url=base, excluded_checks=[allow_header_conformance])
