"""How sure the model was, out of its log probabilities."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from agentkit.chat import Choice, is_json, is_list
from agentkit.errors import ConfigurationError

from .output import WRAPPED
from .spans import value_spans


@dataclass(frozen=True)
class Confidence:
    """Probabilities (0 to 1) of an answer's tokens; `tokens` is (text, probability) in order."""

    tokens: tuple[tuple[str, float], ...]
    pieces: tuple[bytes, ...] = field(repr=False)
    """The tokens' bytes: a character may be spread over several tokens."""
    wrapped: bool = field(default=False, repr=False)

    @property
    def text(self) -> str:
        """The answer as its tokens spell it."""
        return b"".join(self.pieces).decode(errors="replace")

    @property
    def overall(self) -> float:
        """The geometric mean of the tokens' probabilities."""
        if not self.tokens:
            return 1.0
        return math.exp(sum(_log(p) for _, p in self.tokens) / len(self.tokens))

    def of(self, path: str) -> float:
        """The probability of just the tokens that spell the value at `path`, as in `address.city` or `items.0`.

        Raises ConfigurationError when the answer has no such value.
        """
        if self.wrapped:
            path = f"{WRAPPED}.{path}" if path else WRAPPED
        spans = value_spans(b"".join(self.pieces).decode("latin-1"))  # one character for each byte
        if path not in spans:
            known = ", ".join(p.removeprefix(f"{WRAPPED}.") for p in sorted(spans) if p)
            raise ConfigurationError(f"the answer has no value at {path!r}; there are: {known or 'none (not JSON)'}")
        start, end = spans[path]
        total, position = 0.0, 0
        for piece, (_, probability) in zip(self.pieces, self.tokens, strict=True):
            after = position + len(piece)
            if position < end and after > start:
                total += _log(probability)
            position = after
        return math.exp(total)


def _log(probability: float) -> float:
    return math.log(max(probability, 1e-300))


def confidence_of(choice: Choice | None, wrapped: bool = False) -> Confidence | None:
    """The confidence of one choice; None when it carries no log probabilities."""
    if choice is None or choice.logprobs is None or not choice.logprobs.content:
        return None
    rows = choice.logprobs.content
    pairs = tuple((row.token, math.exp(min(row.logprob, 0.0))) for row in rows)
    pieces = tuple(bytes(row.bytes) if row.bytes else row.token.encode(errors="replace") for row in rows)
    return Confidence(pairs, pieces, wrapped)


def mean_logprob(choice: Choice) -> float:
    """The mean log probability of a choice's tokens; minus infinity without any."""
    rows = choice.logprobs.content if choice.logprobs is not None else None
    return sum(row.logprob for row in rows) / len(rows) if rows else -math.inf


def same_answer(choice: Choice) -> str:
    """A key that is equal for equal outputs and for equal calls."""
    calls = [(call.name, _canonical(call.text)) for call in choice.message.calls]
    return repr(calls) if calls else _canonical(choice.message.text)


def _canonical(text: str) -> str:
    try:
        data: Any = from_json(text)
    except ValueError:
        return text.strip()
    return repr(_sorted(data))


def _sorted(data: Any) -> Any:
    if is_json(data):
        return [(key, _sorted(data[key])) for key in sorted(data)]
    return [_sorted(item) for item in data] if is_list(data) else data
