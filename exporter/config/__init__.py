"""Reads configuration files: `load_config` gives a valid `Config` or every fault at once."""

from exporter.config.load import load_config

__all__ = ["load_config"]
