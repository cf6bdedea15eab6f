"""Settings: the request parameters of an agent, by their wire names."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from pydantic import ConfigDict, Field, ValidationError
from typing_extensions import Unpack

from agentkit.errors import ConfigurationError

from .parameters import Parameters, ResponseFormat, StreamOptions, ToolChoice
from .wire import Json, configuration_error, is_json


class SettingsOptions(TypedDict, total=False):
    """The keywords of Settings, with the types it takes: JSON objects and lists become models and tuples."""

    frequency_penalty: float | None
    presence_penalty: float | None
    logit_bias: Mapping[str, float] | None
    logprobs: bool | None
    top_logprobs: int | None
    max_completion_tokens: int | None
    max_tokens: int | None
    n: int | None
    parallel_tool_calls: bool | None
    response_format: ResponseFormat | Json | None
    seed: int | None
    stop: str | Sequence[str] | None
    store: bool | None
    stream_options: StreamOptions | Json | None
    temperature: float | None
    tool_choice: ToolChoice | Json | None
    top_p: float | None
    reasoning_effort: str | None
    verbosity: Literal["low", "medium", "high"] | None
    metadata: Mapping[str, str] | None
    modalities: Sequence[Literal["text", "audio"]] | None
    audio: Json | None
    prediction: Json | None
    service_tier: str | None
    user: str | None
    safety_identifier: str | None
    prompt_cache_key: str | None
    prompt_cache_retention: str | None
    prompt_cache_options: Json | None
    moderation: Json | None
    web_search_options: Json | None
    extra: Json


class Settings(Parameters):
    """Request parameters of an agent or a run; `extra` for what a provider adds.

    Raises ConfigurationError for a value out of its range, an unknown name, or a known name in `extra`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    extra: Json = Field(default_factory=dict)

    def __init__(self, **values: Unpack[SettingsOptions]) -> None:
        known = type(self).model_fields
        given: Any = values  # not yet what the fields are typed as
        for name in values:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f"did you mean {near[0]}=? " if near else ""
                raise ConfigurationError(
                    f"Settings has no parameter {name!r}; {hint}what a provider adds goes into extra={{{name!r}: ...}}"
                )
        if "extra" in values and not is_json(values["extra"]):
            raise ConfigurationError(f"Settings(extra={values['extra']!r}): give a dict, e.g. extra={{'top_k': 5}}")
        repeated = sorted(set(values.get("extra") or ()) & ({*known, "messages", "model", "tools", "stream"}))
        if repeated:
            raise ConfigurationError(f"Settings(extra=...) repeats {repeated[0]!r}, which is a parameter of its own")
        try:
            super().__init__(**given)
        except ValidationError as error:
            raise configuration_error("Settings", error) from None

    def merged(self, other: Settings | None) -> Settings:
        """These settings with the other's set fields instead."""
        if other is None:
            return self
        mine, theirs = self.parameters(), other.parameters()
        return Settings(**{**mine, **theirs}, extra={**self.extra, **other.extra})
