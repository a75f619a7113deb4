"""HTTP: metrics, health, the JSON API and the plain pages, on aiohttp."""

from __future__ import annotations

from exporter.server.app import make_app
from exporter.server.listen import ListenError, Running, start_server
from exporter.server.source import Source, TargetState

__all__ = ["ListenError", "Running", "Source", "TargetState", "make_app", "start_server"]
