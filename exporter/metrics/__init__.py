"""Rendering for Prometheus."""
