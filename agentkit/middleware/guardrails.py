"""Guardrails: checks of what comes in, what goes out, and what tools are called with."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import anyio

from agentkit.chat import ChatCompletion, Message, UserMessage, joined
from agentkit.errors import ConfigurationError, GuardrailTripped, ToolError, refuse_other_signature
from agentkit.run import Middleware, ModelCall, ToolRun
from agentkit.run.around import Proceed
from agentkit.tools import Context

Verdict = str | None
"""Why the guard trips; None or an empty text when it does not."""
TextGuard = Callable[[Context[Any], str], Verdict | Awaitable[Verdict]]
ToolGuard = Callable[[ToolRun], Verdict | Awaitable[Verdict]]


class Guardrails(Middleware):
    """Functions, sync or async, that answer with a reason to stop, or with None.

    input: of (ctx, text) of what the user newly said; they run beside the model request, which is cancelled when one
    trips, and no tool runs before all have answered. output: of (ctx, text) of an answer, before it is part of the
    conversation. Both raise GuardrailTripped out of the run. tool: of the ToolRun; the model is told the reason as the
    result of its call, unless the guard itself raises GuardrailTripped. A guard that fails counts as tripped.
    """

    def __init__(
        self, *, input: Sequence[TextGuard] = (), output: Sequence[TextGuard] = (), tool: Sequence[ToolGuard] = ()
    ) -> None:
        for name, guards, given in (
            ("input", input, ("ctx", "text")),
            ("output", output, ("ctx", "text")),
            ("tool", tool, ("call",)),
        ):
            for guard in guards:
                if not callable(guard):
                    raise ConfigurationError(f"Guardrails({name}=[{guard!r}]): give functions of ({', '.join(given)})")
                refuse_other_signature(f"Guardrails: {name} guard {_name(guard)}", guard, *given)
        self._input, self._output, self._tool = tuple(input), tuple(output), tuple(tool)

    async def around_model(self, call: ModelCall, proceed: Proceed[ModelCall, ChatCompletion]) -> ChatCompletion:
        """The input guards beside the request, the output guards before its answer counts."""
        said = _newly_said(call.context.messages) if self._input else ""
        if said:
            completion = await self._beside(call, proceed, said)
        else:
            completion = await proceed(call)
        for choice in completion.choices:
            if not choice.message.calls:
                for guard in self._output:
                    await _check(guard, call.context, choice.message.text)
        return completion

    async def _beside(self, call: ModelCall, proceed: Proceed[ModelCall, ChatCompletion], said: str) -> ChatCompletion:
        tripped: list[GuardrailTripped] = []
        completion: ChatCompletion | None = None
        error: Exception | None = None
        async with anyio.create_task_group() as group:

            async def watch(guard: TextGuard) -> None:
                try:
                    await _check(guard, call.context, said)
                except GuardrailTripped as reason:
                    tripped.append(reason)
                    group.cancel_scope.cancel()

            for guard in self._input:
                group.start_soon(watch, guard)
            try:
                completion = await proceed(call)
            except Exception as failed:  # raised below: inside the group it would come out as a group of errors
                error = failed
        if tripped:
            raise tripped[0]
        if error is not None:
            raise error
        assert completion is not None  # a group that was not cancelled ran its body to the end
        return completion

    async def around_tool(self, call: ToolRun, proceed: Proceed[ToolRun, object]) -> object:
        """The tool guards before the function runs."""
        for guard in self._tool:
            reason = await _verdict(guard, call)
            if reason:
                raise ToolError(f"not allowed: {reason}")
        return await proceed(call)


async def _check(guard: TextGuard, ctx: Context[Any], text: str) -> None:
    reason = await _verdict(guard, ctx, text)
    if reason:
        raise GuardrailTripped(f"guardrail {_name(guard)}: {reason}", guard=_name(guard), reason=reason)


async def _verdict(guard: Callable[..., Any], *given: object) -> str:
    try:
        verdict = guard(*given)
        return str((await verdict if inspect.isawaitable(verdict) else verdict) or "")
    except GuardrailTripped:
        raise
    except Exception as error:
        name = _name(guard)
        reason = f"the guard failed: {type(error).__name__}"
        raise GuardrailTripped(f"guardrail {name}: {reason}", guard=name, reason=reason) from error


def _newly_said(messages: Iterable[Message]) -> str:
    """The text of the user messages behind the last answer."""
    said: list[str] = []
    for message in reversed(tuple(messages)):
        if not isinstance(message, UserMessage):
            break
        said.append(joined(message.content))
    return "\n".join(reversed(said))


def _name(guard: object) -> str:
    return getattr(guard, "__name__", type(guard).__name__)
