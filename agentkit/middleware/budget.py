"""Budget: what a run may cost."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from agentkit.chat import ChatCompletion, Usage
from agentkit.errors import ConfigurationError, LimitReached
from agentkit.run import Middleware, ModelCall, RunCall, RunResult
from agentkit.run.around import Proceed

from .prices import Prices, cost

log = logging.getLogger("agentkit")


@dataclass
class _Tally:
    """What one run, with all agents in it, has spent in this process; None before its first request."""

    spent: Decimal | None = None


_TALLY: ContextVar[_Tally] = ContextVar("agentkit_budget")


class Budget(Middleware):
    """US dollars that a run and all agents in it may spend; above it the next request raises LimitReached("cost").

    prices: by model name, `{"my-model": Price(input=0.5, output=2)}`, before the table of genai-prices (extra
    `prices`). A model without a known price raises ConfigurationError before it is asked. What a resumed run spent
    earlier is priced by the model that is asked first.
    """

    def __init__(self, usd: float | Decimal, *, prices: Prices | None = None) -> None:
        if not isinstance(cast("object", usd), int | float | Decimal) or isinstance(usd, bool) or not usd > 0:
            raise ConfigurationError(f"Budget(usd={usd!r}): use dollars above 0")
        self._usd = Decimal(str(usd))
        self._prices = prices

    async def around_run(self, call: RunCall, proceed: Proceed[RunCall, RunResult[Any]]) -> RunResult[Any]:
        """One tally for the run, and for the agents that run as its tools."""
        if call.inside:
            return await proceed(call)
        token = _TALLY.set(_Tally())
        try:
            return await proceed(call)
        finally:
            _TALLY.reset(token)

    async def around_model(self, call: ModelCall, proceed: Proceed[ModelCall, ChatCompletion]) -> ChatCompletion:
        """Ask only while there is money left."""
        tally, model = _TALLY.get(), call.request.model
        known = cost(model, Usage(), self._prices)
        if known is None:
            raise ConfigurationError(
                f"no price is known for model {model!r}: give Budget(..., prices={{{model!r}: Price(input=, output=)}})"
            )
        if tally.spent is None:
            tally.spent = cost(model, call.context.usage, self._prices) or Decimal()
        if tally.spent >= self._usd:
            raise LimitReached("cost", float(self._usd))
        completion = await proceed(call)
        if completion.usage is None:
            log.warning("budget: the usage of a request is unknown, so is its cost; it is not counted")
        else:
            usage = Usage().plus(completion.usage)
            spent = cost(completion.model or model, usage, self._prices)
            tally.spent += spent if spent is not None else cost(model, usage, self._prices) or Decimal()
        return completion
