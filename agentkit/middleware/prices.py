"""What tokens cost. A price that is not known is None, never 0."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from agentkit.chat import ChatCompletion, Usage
from agentkit.errors import missing_extra

_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens: of the prompt, of the completion, of the cached part of the prompt."""

    input: float | Decimal
    output: float | Decimal
    cached: float | Decimal | None = None  # None: as much as `input`

    def of(self, usage: Usage) -> Decimal:
        """What these tokens cost."""
        fresh = usage.prompt_tokens - usage.cached_tokens
        cached = self.input if self.cached is None else self.cached
        rows = ((fresh, self.input), (usage.cached_tokens, cached), (usage.completion_tokens, self.output))
        return sum((tokens * Decimal(str(price)) for tokens, price in rows), Decimal()) / _MILLION


Prices = Mapping[str, Price]


def cost(model: str, usage: Usage, prices: Prices | None = None) -> Decimal | None:
    """US dollars for these tokens of a model; None when its price is not known.

    prices: by model name, before the table of the package genai-prices (extra `prices`), which works offline.
    """
    own = (prices or {}).get(model)
    if own is not None:
        return own.of(usage)
    try:
        import genai_prices  # takes longer to import than agentkit
    except ImportError:
        raise missing_extra(f"the table of prices (for {model!r}, which prices= does not name)", "prices") from None
    tokens = genai_prices.Usage(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        cache_read_tokens=usage.cached_tokens,
        input_audio_tokens=usage.prompt_audio_tokens,
        output_audio_tokens=usage.completion_audio_tokens,
    )
    try:
        return genai_prices.calc_price(tokens, model_ref=model).total_price
    except LookupError:
        return None


def cost_of(completions: Iterable[ChatCompletion], prices: Prices | None = None) -> Decimal | None:
    """US dollars for these answers, such as `result.completions`; None when a price or a usage is not known."""
    total = Decimal()
    for completion in completions:
        if completion.usage is None or completion.model is None:
            return None
        spent = cost(completion.model, Usage().plus(completion.usage), prices)
        if spent is None:
            return None
        total += spent
    return total
