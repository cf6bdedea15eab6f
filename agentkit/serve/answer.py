"""A run's result as the API's answer: whole, or in chunks."""

from __future__ import annotations

import secrets
import time
import uuid
from dataclasses import dataclass, field

from pydantic_core import to_json

from agentkit.chat import Json, Usage

PAD = 64  # characters: what a chunk adds and its padding fill whole rows of these


@dataclass(frozen=True)
class Head:
    """What an answer and all of its chunks have in common."""

    model: str
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def completion(self, choices: list[Json], usage: Usage) -> Json:
        """The whole answer."""
        head = {"id": self.id, "object": "chat.completion", "created": self.created, "model": self.model}
        return {**head, "choices": choices, "usage": usage_json(usage)}


def usage_json(usage: Usage) -> Json:
    """The tokens as the API counts them."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "audio_tokens": usage.prompt_audio_tokens,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": usage.completion_audio_tokens,
            "accepted_prediction_tokens": usage.accepted_prediction_tokens,
            "rejected_prediction_tokens": usage.rejected_prediction_tokens,
        },
    }


class Chunks:
    """Writes the events of one stream as bytes."""

    def __init__(self, head: Head, *, usage: bool, obfuscation: bool) -> None:
        self._head: Json = {
            "id": head.id,
            "object": "chat.completion.chunk",
            "created": head.created,
            "model": head.model,
        }
        self._usage, self._obfuscation = usage, obfuscation

    def delta(
        self, delta: Json, index: int = 0, finish_reason: str | None = None, logprobs: Json | None = None
    ) -> bytes:
        """What is new of one choice."""
        choice: Json = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        chunk: Json = {**self._head, "choices": [choice]}
        if self._usage:
            chunk["usage"] = None
        if self._obfuscation:  # against reading along by the sizes of encrypted packets
            length = len(to_json(delta))
            chunk["obfuscation"] = secrets.token_urlsafe(PAD)[: PAD - length % PAD]
        return event(chunk)

    def last(self, usage: Usage) -> bytes:
        """The usage, where it was asked for, and the end."""
        done = b"data: [DONE]\n\n"
        return event({**self._head, "choices": [], "usage": usage_json(usage)}) + done if self._usage else done


def event(body: Json) -> bytes:
    """One event of the stream."""
    return b"data: " + to_json(body) + b"\n\n"
