"""`python -m exporter` is the command `ftr-exporter`."""

from exporter.cli import run

run()
