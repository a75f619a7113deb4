"""The Windows backend under a real Windows CPython, on Linux by Wine."""
