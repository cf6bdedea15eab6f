"""FallbackModel: the first model that answers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import Any, cast

from agentkit.chat import ChatCompletion, ChatRequest, OnChunk, PartialCompletion
from agentkit.errors import ConfigurationError, ConnectionFailed, ModelError, ProtocolError, RateLimited, ServerFailed

from .model import Model
from .remote import resolve

log = logging.getLogger("agentkit")
ON: tuple[type[ModelError], ...] = (ConnectionFailed, RateLimited, ServerFailed, ProtocolError)


class FallbackModel:
    """Asks the models in order until one answers: `FallbackModel([RemoteModel("a"), RemoteModel("b")])`.

    on: the errors after which the next one is asked; by default a failed connection, 429, 5xx, and answers that are
    none. A stream that was heard already does not go over to another model; its error comes out. The last model's
    error comes out as it is. Each model's own retries come first.
    """

    def __init__(self, models: Sequence[str | Model], *, on: Sequence[type[ModelError]] = ON) -> None:
        if isinstance(models, str) or len(models) < 2:
            raise ConfigurationError(f"FallbackModel({models!r}): give two models or more, the first choice first")
        self._models = [resolve(model) for model in models]
        wrong = [kind for kind in cast("tuple[object, ...]", tuple(on)) if not _is_model_error(kind)]
        if wrong:
            raise ConfigurationError(f"FallbackModel(on=...): {wrong[0]!r} is no ModelError")
        self._on = tuple(on)
        self.name = str(getattr(self._models[0], "name", "fallback"))

    async def complete(self, request: ChatRequest, on_chunk: OnChunk | None = None) -> ChatCompletion:
        """The first answer. Raises the last model's error."""
        heard = False

        async def hear(chunk: dict[str, Any], partial: PartialCompletion) -> None:
            nonlocal heard
            heard = True
            if on_chunk is not None:
                await on_chunk(chunk, partial)

        for model in self._models[:-1]:
            try:
                return await model.complete(request, None if on_chunk is None else hear)
            except self._on as error:
                if heard:
                    raise
                log.warning("%s failed (%s); the next model is asked", _name(model), type(error).__name__)
        return await self._models[-1].complete(request, on_chunk)

    async def __aenter__(self) -> FallbackModel:
        await entered(self._models)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await left(self._models, kind, error, trace)

    def __repr__(self) -> str:
        return f"FallbackModel({self._models!r})"


def _is_model_error(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, ModelError)


def _name(model: Model) -> str:
    return str(getattr(model, "name", type(model).__name__))


async def entered(models: Sequence[Model]) -> None:
    """Hold these models open, all or none."""
    async with AsyncExitStack() as stack:
        for model in models:
            if isinstance(model, AbstractAsyncContextManager):
                await stack.enter_async_context(model)
        stack.pop_all()


async def left(
    models: Sequence[Model], kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
) -> None:
    """Let go of what `entered` opened."""
    for model in models:
        if isinstance(model, AbstractAsyncContextManager):
            await model.__aexit__(kind, error, trace)
