"""What `ftr-exporter trace` prints: a table for people, or JSON for programs."""

from __future__ import annotations

from exporter.report.base import Heading, Report
from exporter.report.jsonout import JsonLinesReport, JsonReport
from exporter.report.text import TextReport

__all__ = ["Heading", "JsonLinesReport", "JsonReport", "Report", "TextReport"]
