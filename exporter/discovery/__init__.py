"""Targets that stand outside the configuration file: in other files, and behind URLs."""
