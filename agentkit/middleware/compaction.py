"""Compaction: long conversations kept under a number of tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from agentkit.chat import (
    AssistantMessage,
    ChatCompletion,
    ChatRequest,
    CompletionUsage,
    Message,
    SystemMessage,
    ToolMessage,
    UserMessage,
    joined,
)
from agentkit.errors import ConfigurationError, refuse_no_count
from agentkit.models import Model, resolve
from agentkit.run import Middleware, ModelCall
from agentkit.run.around import Proceed

SHORT = 200  # characters of an old tool result that stay
NEAR = 0.95  # of the limit is where it acts: the rate of one request is not quite that of the next
ROOM = 0.6  # of the limit is used after a compaction, so that the next one is not due at once
LEFT_OUT = "Earlier messages were left out."
SUMMARY = "Summary of the conversation so far:\n"
_ASKED = (
    "Summarise this conversation for the assistant that goes on with it. Keep every fact, number, name, decision and "
    "open task; leave out everything else. Answer with the summary alone."
)


class Compaction(Middleware):
    """Before a request of more than `tokens`, the older messages are shortened in the view; the journal keeps them.

    First old tool results are cut to their beginning. If that is not enough, everything but the pinned messages and
    the last `keep_last` gives way to a summary by the model `summarise`, or to a note without one; where the last
    messages alone are too long, fewer of them stay. A call never loses its result. Tokens are counted by the bytes of
    a request, at the rate that the endpoint's own counts show. It stands outside of layers that change the request,
    and what it asks goes through them as well: the summary is paid out of their Budget, behind their Redact.
    """

    def __init__(
        self,
        tokens: int,
        *,
        keep_last: int = 12,
        summarise: str | Model | None = None,
        pinned: Callable[[Message], bool] = lambda message: False,
    ) -> None:
        refuse_no_count("Compaction: tokens", tokens)
        refuse_no_count("Compaction: keep_last", keep_last)
        if not callable(pinned):
            raise ConfigurationError(f"Compaction(pinned={pinned!r}): give a function of a message")
        self._tokens, self._keep_last, self._pinned = tokens, keep_last, pinned
        self._summarise = None if summarise is None else resolve(summarise)
        self._rate = 0.3  # tokens a byte, until an answer tells

    async def around_model(self, call: ModelCall, proceed: Proceed[ModelCall, ChatCompletion]) -> ChatCompletion:
        """Shorten what is too long, ask, and learn from the answer how many tokens it was."""
        messages = call.context.messages
        own = len(call.request.messages) - len(messages)
        if call.request.messages[own:] != messages:  # a request built from these would undo what that layer did
            raise ConfigurationError("Compaction: a layer before it changed the request; make Compaction the first one")
        if len(call.request.body()) * self._rate > self._tokens * NEAR:
            call = await self._compacted(call, proceed)
        completion = await proceed(call)
        if completion.usage is not None and completion.usage.prompt_tokens:
            self._rate = completion.usage.prompt_tokens / len(call.request.body())
        return completion

    async def _compacted(self, call: ModelCall, proceed: Proceed[ModelCall, ChatCompletion]) -> ModelCall:
        messages = call.context.messages
        fixed = len(call.request.body()) - _size(messages)  # instructions, tools and settings
        room = self._tokens / self._rate * ROOM - fixed
        cut = _whole_turns(messages, self._keep_last)
        shortened = [message if self._pinned(message) else _shortened(message) for message in messages[:cut]]
        if _size(shortened) + _size(messages[cut:]) <= room:
            call.compact(cut, *shortened)
        else:
            keep = self._keep_last
            while keep > 1 and _size(messages[cut:]) > room / 2:
                keep //= 2
                cut = _whole_turns(messages, keep)
            if not cut:
                return call  # the newest turn alone is longer; the endpoint has the last word
            old = messages[:cut]
            pinned = [message for turn in _turns(old) if any(map(self._pinned, turn)) for message in turn]
            summary, usage = await self._summary(call, proceed, old)
            call.compact(cut, *pinned, UserMessage(content=summary), usage=usage)
        head = call.request.messages[: len(call.request.messages) - len(messages)]
        return replace(call, request=call.request.with_messages((*head, *call.context.messages)))

    async def _summary(
        self, call: ModelCall, proceed: Proceed[ModelCall, ChatCompletion], old: Sequence[Message]
    ) -> tuple[str, CompletionUsage | None]:
        if self._summarise is None:
            return LEFT_OUT, None
        name = str(getattr(self._summarise, "name", ""))
        asked = (SystemMessage(content=_ASKED), UserMessage(content="\n\n".join(map(_told, old))))
        request = ChatRequest.of(name or "summary", asked)
        completion = await proceed(replace(call, request=request, model=self._summarise))
        text = completion.message.text
        return (SUMMARY + text if text else LEFT_OUT), completion.usage


def _size(messages: Iterable[Message]) -> int:
    return sum(len(message.json_bytes()) + 1 for message in messages)


def _turns(messages: Sequence[Message]) -> list[list[Message]]:
    """What stays together: a call with its result and the images of it."""
    turns: list[list[Message]] = []
    for message in messages:
        after_result = bool(turns) and isinstance(turns[-1][-1], ToolMessage)
        if isinstance(message, ToolMessage) or (after_result and isinstance(message, UserMessage)):
            turns[-1].append(message)
        else:
            turns.append([message])
    return turns


def _whole_turns(messages: Sequence[Message], keep: int) -> int:
    """How many messages stand before the turns that hold the last `keep`."""
    cut = 0
    for turn in _turns(messages):
        if cut + len(turn) > len(messages) - keep:
            break
        cut += len(turn)
    return cut


def _shortened(message: Message) -> Message:
    text = joined(message.content) if isinstance(message, ToolMessage) else ""
    if len(text) <= SHORT:
        return message
    cut = f"{text[:SHORT]}\n[... {len(text) - SHORT} characters of this old result were left out ...]"
    return message.model_copy(update={"content": cut})


def _told(message: Message) -> str:
    """A message as a line of the transcript that is summarised."""
    calls = message.calls if isinstance(message, AssistantMessage) else ()
    lines = [joined(message.content), *(f"calls {call.name}({call.text})" for call in calls)]
    return f"{message.role}: " + "\n".join(line for line in lines if line)
