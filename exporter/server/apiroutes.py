"""The routes under `/api/v1`: each method answers one of those that `openapi.json` describes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from aiohttp import hdrs, web

from exporter.server import replies
from exporter.server.api import encode, incident_pieces, list_pieces, target_json
from exporter.server.body import send
from exporter.server.events import EventKind, TooManyListeners
from exporter.server.historyform import history_pieces
from exporter.server.ondemand import Pause, refusal
from exporter.server.openapi import description
from exporter.server.replies import JSON, NAME, json_error, missing
from exporter.server.source import Source, TargetState
from exporter.server.stream import DEFAULT_KINDS, stream

_INCIDENTS = 20
_NO_TARGET = "the parameter target is missing, as in ?target=NAME"


class Api:
    """One method for each route. Queries may repeat a key; unknown keys are ignored."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._pause = Pause()

    def routes(self) -> Iterator[web.RouteDef]:
        """What to add to an application."""
        yield web.get("/api/v1/openapi.json", self.openapi)
        yield web.get("/api/v1/targets", self.target_list)
        yield web.post(f"/api/v1/targets/{NAME}/trace", self.trace_now)
        yield web.get(f"/api/v1/targets/{NAME}", self.target)
        yield web.get("/api/v1/history", self.history)
        yield web.get("/api/v1/incidents", self.incidents)
        yield web.get("/api/v1/events", self.events, allow_head=False)

    async def openapi(self, request: web.Request) -> web.StreamResponse:
        """What all of these take and answer, as OpenAPI 3.1."""
        return await send(request, [description()], JSON)

    async def target_list(self, request: web.Request) -> web.StreamResponse:
        """All targets in short, or those that `name` chooses."""
        recent = request.query.get("recent")
        if recent not in (None, "", "1"):
            return json_error(400, f"recent is {recent!r}; allowed is 1")
        pieces = list_pieces(self._states(request), recent=recent is not None)
        return await send(request, pieces, JSON)

    async def target(self, request: web.Request) -> web.StreamResponse:
        """One target in full."""
        name = request.match_info["name"]
        state = self._source.target(name)
        if state is None:
            return json_error(404, missing(name))
        return await send(request, [encode(target_json(state)), b"\n"], JSON)

    async def trace_now(self, request: web.Request) -> web.StreamResponse:
        """Start a cycle of one target out of turn."""
        name = request.match_info["name"]
        refused = refusal(request)
        if refused is not None:
            return json_error(403, refused)
        if self._source.target(name) is None:
            return json_error(404, missing(name))
        left = self._pause.left(name)
        if left:
            response = json_error(429, f"traced on demand a moment ago; wait {left:.0f} s")
            response.headers[hdrs.RETRY_AFTER] = str(math.ceil(left))
            return response
        started = self._source.trace_now(name)
        form = {"target": name, "trace": "started" if started else "running"}
        return replies.json_form(form, status=202)

    async def history(self, request: web.Request) -> web.StreamResponse:
        """The latest cycles of one target."""
        name = request.query.get("target")
        if name is None:
            return json_error(400, _NO_TARGET)
        state = self._source.target(name)
        if state is None:
            return json_error(404, missing(name))
        text = request.query.get("after")
        after = None if text is None else replies.seconds(text)
        if text is not None and after is None:
            return json_error(400, f"after is {text!r}; allowed is a time as 2026-01-31T12:00:00Z")
        return await send(request, history_pieces(state, after), JSON)

    async def incidents(self, request: web.Request) -> web.StreamResponse:
        """The traces that were kept of the incidents of one target."""
        name = request.query.get("target")
        if name is None:
            return json_error(400, _NO_TARGET)
        if self._source.target(name) is None:
            return json_error(404, missing(name))
        limit = request.query.get("limit", str(_INCIDENTS))
        if not re.fullmatch("[0-9]{1,3}", limit, re.ASCII):
            return json_error(400, f"limit is {limit!r}; allowed is a whole number from 0 to 999")
        found = await self._source.incidents(name, int(limit))
        return await send(request, incident_pieces(name, found), JSON)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """What happens, as it happens, of one target or of all."""
        target = request.query.get("target")
        if target is not None and self._source.target(target) is None:
            return json_error(404, missing(target))
        wanted = replies.chosen(request, "event")
        known = {kind.value: kind for kind in EventKind}
        for each in wanted or ():
            if each not in known:
                return json_error(400, f"event is {each!r}; allowed are {', '.join(known)}")
        kinds = tuple(known[each] for each in wanted) if wanted else DEFAULT_KINDS
        try:
            return await stream(request, self._source.events, kinds, target)
        except TooManyListeners as error:
            response = json_error(503, str(error))
            response.headers[hdrs.RETRY_AFTER] = "10"
            return response

    def _states(self, request: web.Request) -> Iterator[TargetState]:
        names = replies.chosen(request, "name")
        if names is None:
            return iter(self._source.targets())
        found = (self._source.target(name) for name in names)
        return (state for state in found if state is not None)
