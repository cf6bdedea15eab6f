"""Cache: an equal request is asked once."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from agentkit.chat import ChatCompletion, CompletionUsage
from agentkit.errors import refuse_no_count
from agentkit.run import Middleware, ModelCall
from agentkit.run.around import Proceed


class Cache(Middleware):
    """Keeps the answers to the last `size` requests in memory; an equal request gets the same answer, for 0 tokens.

    Equal means every byte: messages, tools and settings. Share one Cache among the runs that may share answers.
    """

    def __init__(self, size: int = 1000) -> None:
        refuse_no_count("Cache: size", size)
        self._size = size
        self._answers: OrderedDict[bytes, ChatCompletion] = OrderedDict()

    async def around_model(self, call: ModelCall, proceed: Proceed[ModelCall, ChatCompletion]) -> ChatCompletion:
        """The kept answer, or the model's, which is kept."""
        key = hashlib.sha256(call.request.body()).digest()
        known = self._answers.get(key)
        if known is not None:
            self._answers.move_to_end(key)
            return known
        completion = await proceed(call)
        self._answers[key] = completion.model_copy(update={"usage": CompletionUsage()})
        while len(self._answers) > self._size:
            self._answers.popitem(last=False)
        return completion
