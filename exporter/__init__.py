"""Always-on path monitoring for Prometheus."""

__version__ = "0.1.0"
