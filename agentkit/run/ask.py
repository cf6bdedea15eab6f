"""Asking the model: the request out of the state, the answer into the journal."""

from __future__ import annotations

import inspect
import logging
import re
from functools import partial
from typing import Any, cast

import anyio

from agentkit.chat import (
    ChatCompletion,
    ChatRequest,
    Choice,
    CompletionUsage,
    Message,
    Settings,
    ToolMessage,
    is_object,
    replay,
)
from agentkit.client import RETRIES
from agentkit.errors import (
    BadRequest,
    ConfigurationError,
    ConnectionFailed,
    ContentFiltered,
    ModelError,
    ModelRefused,
    OutputTruncated,
    ProtocolError,
    ServerFailed,
)
from agentkit.journal import Attempted, Compacted, Completion, Told, mended
from agentkit.models import Model

from .around import ModelCall, onion
from .choose import choose
from .early import EarlyStarts
from .events import ToolProposed, ToolUse
from .handoff import hand_history
from .run import Run
from .spec import AgentSpec

log = logging.getLogger("agentkit")
MAX_TEMPLATES = 64  # sets of tools, as they come and go
_CALL_AS_TEXT = re.compile(r"<tool_call>|\[TOOL_CALLS\]|<\|tool_call")  # Q22


async def ask(run: Run, conclude: bool) -> None:
    """One model turn. Raises ModelError when it gave no usable message."""
    await hand_history(run)
    request = await request_for(run, conclude)
    teller: EarlyStarts | None = None

    async def core(call: ModelCall) -> ChatCompletion:
        nonlocal teller
        if call.model is not None:  # beside the turn
            return await _completed(run, call.model, call.request, None)
        teller = await _teller(run, teller)
        return await _completed(run, run.spec.model, call.request, teller)

    middleware = run.shared.middleware
    try:
        if middleware:
            call = ModelCall(request, run.context(), partial(_compact, run))
            completion = await onion(middleware, "around_model", core)(call)
        else:
            teller = await _teller(run, None)
            completion = await _completed(run, run.spec.model, request, teller)
        if run.shared.stream and (teller is None or not teller.heard):  # a whole answer is heard in one piece
            teller = teller or EarlyStarts(run)
            await replay(completion, teller.on_chunk)
        picked = _picked(run, completion)
    except BaseException as error:
        if teller is not None:
            await teller.drop()
        if _asked_again(run, error):
            return
        raise
    _record(run, completion, picked)
    proposed = await teller.keep(picked.message) if teller is not None else ()
    for proposal in run.state.calls.values():
        if proposal.ref not in proposed:
            await run.tell(ToolProposed(ToolUse(proposal.ref, proposal.name, proposal.text)))


async def _teller(run: Run, before: EarlyStarts | None) -> EarlyStarts | None:
    """Who tells of the answer while it comes, in a run that is streamed."""
    if before is not None:  # a middleware asks again: nothing carries over
        await before.restart("asked again")
    return EarlyStarts(run) if run.shared.stream else None


async def _completed(run: Run, model: Model, request: ChatRequest, teller: EarlyStarts | None) -> ChatCompletion:
    token = RETRIES.set(run.shared.retries)
    try:
        completion: object = model.complete(request, teller.on_chunk if teller is not None else None)
        if inspect.isawaitable(completion):
            completion = cast("object", await completion)
            if isinstance(completion, ChatCompletion):
                return completion
    finally:
        RETRIES.reset(token)
    raise ConfigurationError(
        f"{type(model).__name__}.complete returned {type(completion).__name__}; "
        "write `async def complete(self, request, on_chunk=None)`, and return a ChatCompletion"
    )


def _record(run: Run, completion: ChatCompletion, picked: Choice) -> None:
    run.shared.completions.append(completion)
    run.record(Completion(picked.message, picked.finish_reason, completion.usage, run.shared.retries.told()))
    usage = completion.usage
    log.info(
        "agent %s turn %d: %s, %d calls, %s tokens",
        run.state.agent,
        run.state.turn,
        picked.finish_reason,
        len(picked.message.calls),
        usage.total_tokens if usage is not None else "unknown",
    )
    if not picked.message.calls and _CALL_AS_TEXT.search(picked.message.text):
        log.warning(
            "looks_like_tool_call: the model wrote a call as text, which is never run; mend the server's parser"
        )


def _compact(run: Run, up_to: int, *messages: Message, usage: CompletionUsage | None = None) -> None:
    settled = tuple(run.state.settled)  # the results of the newest calls stand behind these
    kept = settled[up_to:]
    parted = isinstance(kept[0], ToolMessage) if kept else bool(run.state.calls)
    if not 0 < up_to <= len(settled) or parted:
        raise ConfigurationError(
            f"compact(up_to={up_to}): only whole turns can be replaced, a call with its result, of the "
            f"{len(settled)} messages before the newest results"
        )
    if mended(messages) != messages:
        raise ConfigurationError("compact: each call in the new messages needs its one result directly after it")
    run.record(Compacted((*messages, *kept), usage))


def _asked_again(run: Run, error: BaseException) -> bool:
    """Write down a failed request; whether the model itself went wrong and is simply asked again (Q27, Q53)."""
    lost = run.shared.retries.told()
    if not isinstance(error, ModelError):
        if isinstance(error, anyio.get_cancelled_exc_class()):
            run.record(Attempted("Cancelled", "", lost=lost))
        return False
    again = isinstance(error, BadRequest) and error.code == "tool_use_failed"
    again = (again or isinstance(error, _Malformed)) and run.state.repairs < run.team.limits.repairs
    usage, silent = getattr(error, "usage", None), again and isinstance(error, _Malformed)
    sent = not isinstance(error, ConnectionFailed) or error.sent
    run.record(Attempted(type(error).__name__, error.text, usage, silent, lost, sent))
    if again and isinstance(error, BadRequest):
        run.record(Told("repair", "Your tool call could not be read. Call the tool again with valid JSON arguments."))
    return again


class _Malformed(ProtocolError):
    """The provider says that the model wrote a call nobody can read."""


def _picked(run: Run, completion: ChatCompletion) -> Choice:
    """The choice that goes on, when its message may be used. Raises the ModelError that says why not."""
    if not completion.choices:
        raise ProtocolError("the endpoint answered without choices")
    usable = [choice for choice in completion.choices if _problem(run, choice, completion) is None]
    if not usable:
        first = completion.choices[0]
        problem = _problem(run, first, completion) or ProtocolError("no choice can be used")
        problem.completion = completion
        problem.usage = completion.usage  # type: ignore[attr-defined]  # its tokens are journaled with it
        raise problem
    return choose(run.spec.choose, usable)


def _problem(run: Run, choice: Choice, completion: ChatCompletion) -> ModelError | None:
    message, reason = choice.message, choice.finish_reason or ""
    text = message.text
    if reason == "length" or _cut_call(run, choice, completion):
        return OutputTruncated("the message was cut by its token limit; no call of it was run", text=text)
    if reason == "content_filter":
        return ContentFiltered("the provider's content filter cut the message; no call of it was run", text=text)
    if message.refusal and not message.calls:
        return ModelRefused(f"the model refused: {message.refusal}", text=message.refusal)
    if reason == "error":
        return ServerFailed("the provider reports an error inside its answer", status=200, body=text[:300])
    if "malformed" in reason.lower():
        return _Malformed(f"the provider reports {reason}: the model's call cannot be read", text=text)
    if reason == "tool_calls" and not message.calls and not text:
        return ProtocolError("the answer is empty: it announces tool calls and has none")
    return None


def _cut_call(run: Run, choice: Choice, completion: ChatCompletion) -> bool:
    """Q29: a call cut by the token limit although the finish reason does not say so."""
    calls = choice.message.calls
    if not calls or completion.usage is None or is_object(calls[-1].text):
        return False
    settings = run.spec.settings
    limit = settings.max_completion_tokens or settings.max_tokens
    return limit is not None and (completion.usage.completion_tokens or 0) >= limit


async def request_for(run: Run, conclude: bool) -> ChatRequest:
    """The next request. Built and checked once for what stays; a turn only adds messages."""
    spec = run.spec
    names = await _offered(run, spec)
    forced = run.state.turns == 0 and spec.settings.tool_choice not in (None, "auto", "none")
    key = (names, conclude, forced)
    template = spec.templates.get(key)
    messages = await run.messages()
    if template is None:
        settings = _settings(spec, conclude, forced, bool(names))
        template = ChatRequest.of(
            str(getattr(spec.model, "name", "") or type(spec.model).__name__),
            messages,
            tuple(spec.by_name[name].definition for name in names),
            settings,
            spec.output.format if spec.output is not None else None,
        )
        if len(spec.templates) >= MAX_TEMPLATES:
            spec.templates.clear()
        spec.templates[key] = template
    return template.with_messages(messages)


async def _offered(run: Run, spec: AgentSpec) -> tuple[str, ...]:
    if all(tool.when is None for tool in spec.by_name.values()):
        return tuple(spec.by_name)
    context = run.context()
    places = {name: await tool.offered(context) for name, tool in spec.by_name.items()}
    return tuple(sorted(filter(places.__getitem__, places), key=places.__getitem__))


def _settings(spec: AgentSpec, conclude: bool, forced: bool, tools: bool) -> Settings:
    settings = spec.settings
    changes: dict[str, Any] = {}
    if not tools:
        changes = {"tool_choice": None, "parallel_tool_calls": None}
    elif conclude:
        changes = {"tool_choice": "none"}
    elif not forced and settings.tool_choice not in (None, "auto", "none"):
        changes = {
            "tool_choice": None
        }  # `required` and named choices hold for a run's first turn (they would never end)
    return settings.model_copy(update=changes) if changes else settings
