"""What all models of configuration files have in common."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


def key(default: Any, description: str, *examples: Any) -> Any:
    """A key that may be left out."""
    return Field(default, description=description, examples=list(examples) or None)


class Strict(BaseModel):
    """A mapping whose keys are known; nothing is converted on the quiet."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
