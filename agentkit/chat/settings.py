"""Settings: the request parameters of an agent, by their wire names."""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import ConfigDict, Field, ValidationError

from agentkit.errors import ConfigurationError

from .parameters import Parameters
from .wire import Json, configuration_error


class Settings(Parameters):
    """Request parameters of an agent or a run; `extra` for what a provider adds.

    Raises ConfigurationError for a value out of its range, an unknown name, or a known name in `extra`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    extra: Json = Field(default_factory=dict)

    def __init__(self, **values: Any) -> None:
        known = type(self).model_fields
        for name in values:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f"did you mean {near[0]}=? " if near else ""
                raise ConfigurationError(
                    f"Settings has no parameter {name!r}; {hint}what a provider adds goes into extra={{{name!r}: ...}}"
                )
        repeated = sorted(set(values.get("extra") or ()) & ({*known, "messages", "model", "tools", "stream"}))
        if repeated:
            raise ConfigurationError(f"Settings(extra=...) repeats {repeated[0]!r}, which is a parameter of its own")
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise configuration_error("Settings", error) from None

    def merged(self, other: Settings | None) -> Settings:
        """These settings with the other's set fields instead."""
        if other is None:
            return self
        mine, theirs = self.parameters(), other.parameters()
        return Settings(**{**mine, **theirs}, extra={**self.extra, **other.extra})
