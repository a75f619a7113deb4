"""Bytes that notice a decoder which reads beyond what it was given."""

from __future__ import annotations

from typing import Any, SupportsIndex


class Watched(bytes):
    """Bytes that tell when somebody reaches beyond their end, where Python would cut in silence."""

    def __getitem__(self, key: SupportsIndex | slice[Any, Any, Any]) -> Any:
        if isinstance(key, slice):
            reach = max(key.start or 0, 0 if key.stop is None else key.stop)
            assert reach <= len(self), f"reads up to {reach} of {len(self)} bytes"
            return Watched(super().__getitem__(key))
        return super().__getitem__(key)
