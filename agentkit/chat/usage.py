"""Tokens: as one answer reports them, and summed over a run."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, Strict

from .wire import Wire


def _whole(value: Any) -> Any:
    """Some providers report tokens as floats, strings or null (Q35)."""
    if value is None:
        return 0
    try:
        return int(float(value)) if isinstance(value, (float, str)) else value
    except OverflowError:
        raise ValueError("not a number of tokens") from None


# Left to right: what is a whole number already, and nearly all are, never comes to Python.
Tokens = Annotated[
    Annotated[int, Strict()] | Annotated[int, BeforeValidator(_whole)], Field(union_mode="left_to_right")
]


class PromptDetails(Wire):
    """What the prompt's tokens were."""

    cached_tokens: Tokens = 0
    audio_tokens: Tokens = 0


class CompletionDetails(Wire):
    """What the completion's tokens were."""

    reasoning_tokens: Tokens = 0
    audio_tokens: Tokens = 0
    accepted_prediction_tokens: Tokens = 0
    rejected_prediction_tokens: Tokens = 0


class CompletionUsage(Wire):
    """The tokens of one request; providers' further counts are kept."""

    prompt_tokens: Tokens = 0
    completion_tokens: Tokens = 0
    total_tokens: Tokens = 0
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """The tokens of a run. `requests_unknown` counts requests whose usage was never told (not zero: unknown)."""

    requests: int = 0
    requests_unknown: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    prompt_audio_tokens: int = 0
    completion_audio_tokens: int = 0
    accepted_prediction_tokens: int = 0
    rejected_prediction_tokens: int = 0

    def plus(self, usage: CompletionUsage | None) -> Usage:
        """The sum with one more request."""
        if usage is None:
            return self + Usage(requests=1, requests_unknown=1)
        prompt = usage.prompt_tokens_details or _NO_PROMPT
        completion = usage.completion_tokens_details or _NO_COMPLETION
        return Usage(
            self.requests + 1,
            self.requests_unknown,
            self.prompt_tokens + usage.prompt_tokens,
            self.completion_tokens + usage.completion_tokens,
            self.total_tokens + (usage.total_tokens or usage.prompt_tokens + usage.completion_tokens),
            self.cached_tokens + prompt.cached_tokens,
            self.reasoning_tokens + completion.reasoning_tokens,
            self.prompt_audio_tokens + prompt.audio_tokens,
            self.completion_audio_tokens + completion.audio_tokens,
            self.accepted_prediction_tokens + completion.accepted_prediction_tokens,
            self.rejected_prediction_tokens + completion.rejected_prediction_tokens,
        )

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __sub__(self, other: Usage) -> Usage:
        return Usage(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(self)))


_NO_PROMPT = PromptDetails()
_NO_COMPLETION = CompletionDetails()
