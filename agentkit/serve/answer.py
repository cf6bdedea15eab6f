"""A run's end as the API's answer: choices, finish reason, tokens."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from agentkit.chat import AssistantMessage, ChatCompletion, Json, ToolMessage, Usage
from agentkit.errors import (
    AgentKitError,
    ContentFiltered,
    LimitReached,
    ModelError,
    ModelRefused,
    OutputTruncated,
)
from agentkit.journal import Completion, Input, Resumed, RunState, Waiting
from agentkit.run import RunResult

from .paused import external_calls
from .turn import Turn

BETWEEN = "\n\n"  # what an agent says before and after its own calls
_CUT: dict[type[AgentKitError], str] = {
    OutputTruncated: "length",
    LimitReached: "length",
    ContentFiltered: "content_filter",
    ModelRefused: "stop",
}
_REASONS = frozenset({"stop", "length", "tool_calls", "content_filter"})


@dataclass(frozen=True)
class Head:
    """What an answer and all of its chunks have in common."""

    model: str
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))


@dataclass(frozen=True)
class Answer:
    """How a run ended, as the API tells it. `waits`: calls that somebody else than the client decides."""

    choices: tuple[Json, ...]
    usage: Usage
    state: RunState
    client: dict[str, Waiting]
    waits: tuple[Waiting, ...] = ()
    fingerprint: str | None = None
    tier: str | None = None

    @property
    def usage_json(self) -> Json | None:
        """The tokens; None when nobody told them, which is not zero."""
        known = self.usage.requests > self.usage.requests_unknown or not self.usage.requests
        return usage_json(self.usage) if known else None

    def extension(self, steps: bool) -> Json | None:
        """What the API has no field for: a run that waits, a limit that ended it, the agent's own calls."""
        found: Json = {}
        if self.waits:
            found = {"status": "waiting", "run_id": self.state.run_id, "waiting": [waiting_json(w) for w in self.waits]}
        if self.state.stopped_by:
            found["stopped_by"] = self.state.stopped_by
        if steps:
            found["steps"] = _steps(self.state)
        return found or None

    def completion(self, head: Head, steps: bool = False) -> Json:
        """The whole answer."""
        body: Json = {"id": head.id, "object": "chat.completion", "created": head.created, "model": head.model}
        body["choices"] = list(self.choices)
        optional: Json = {"usage": self.usage_json, "agentkit": self.extension(steps)}
        optional |= {"system_fingerprint": self.fingerprint, "service_tier": self.tier}
        return body | {name: value for name, value in optional.items() if value is not None}


def answer_of(ended: RunResult[Any] | AgentKitError, turn: Turn) -> Answer:
    """The answer of a run that is done or waits, or was cut or refused, which the API does not count as an error.

    Raises every other error that ended it.
    """
    if isinstance(ended, AgentKitError):
        return _cut(ended, turn)
    state, completion, last = ended.state, _last_completion(ended), _last(ended.state)
    client = {id: call for id, call in external_calls(state).items() if call.tool in turn.client_tools}
    waits = tuple(waiting for waiting in state.waiting if waiting not in client.values())
    content, refusal = _content(turn, state, waits if not client else ())
    if completion is None or last is None:  # nothing was asked anew
        rows = [_row(0, {"content": content, "refusal": refusal}, "stop")]
        return _made(state, turn, _with_calls(rows, 0, client), client, waits)
    rows = _rows(completion, last, content, refusal)
    place = next(n for n, choice in enumerate(completion.choices) if choice.message is last)
    if not client:
        for row in rows:
            row["message"].pop("tool_calls", None)  # the agent's own calls
    return _made(state, turn, _with_calls(rows, place, client), client, waits, completion)


def _cut(error: AgentKitError, turn: Turn) -> Answer:
    reason = _CUT.get(type(error))
    if reason is None or not isinstance(error.state, RunState):
        raise error
    said = [] if turn.last_alone else _texts(error.state)
    if isinstance(error, OutputTruncated | ContentFiltered):
        said.append(error.text)
    refusal = error.text if isinstance(error, ModelRefused) else None
    content = _joined(said) or (None if refusal else "")
    completion = error.completion if isinstance(error, ModelError) else None
    if not isinstance(completion, ChatCompletion):
        rows = [_row(0, {"content": content, "refusal": refusal}, reason)]
        return _made(error.state, turn, rows, {}, ())
    rows = _rows(completion, completion.choices[0].message, content, refusal)
    for row in rows:
        row["message"].pop("tool_calls", None)  # of a message that was cut, no call is told
    rows[0]["finish_reason"] = reason
    return _made(error.state, turn, _with_calls(rows, 0, {}), {}, (), completion)


def _rows(completion: ChatCompletion, picked: AssistantMessage, content: str | None, refusal: str | None) -> list[Json]:
    """The choices of an answer; the one that was picked has the content and the refusal of the whole run."""
    rows: list[Json] = []
    for index, choice in enumerate(completion.choices):
        own, message = choice.message is picked, choice.message.to_json()
        texts = (content, refusal) if own else (choice.message.text or None, None)
        reason = choice.finish_reason if choice.finish_reason in _REASONS else "stop"
        row = _row(index, {**message, "content": texts[0], "refusal": texts[1] or message.get("refusal")}, reason)
        if choice.logprobs is not None:
            row["logprobs"] = {"content": None, "refusal": None, **choice.logprobs.to_json()}
        rows.append(row)
    return rows


def _content(turn: Turn, state: RunState, waits: tuple[Waiting, ...]) -> tuple[str | None, str | None]:
    """The text and the refusal of an answer."""
    said = _texts(state)
    if turn.last_alone:
        said = [] if state.waiting else said[-1:]
    if not waits:
        return _joined(said), None
    sentence = " ".join(f"{waiting}." for waiting in waits)
    return (None, sentence) if turn.structured else (_joined([*said, sentence]), None)


def _last_completion(result: RunResult[Any]) -> ChatCompletion | None:
    """The completion that the agent's last message came with, for its choices and log probabilities."""
    last = _last(result.state)
    found = (c for c in reversed(result.completions) if any(choice.message is last for choice in c.choices))
    return next(found, None)


def _made(
    state: RunState,
    turn: Turn,
    rows: list[Json],
    client: dict[str, Waiting],
    waits: tuple[Waiting, ...],
    completion: ChatCompletion | None = None,
) -> Answer:
    fingerprint, tier = (completion.system_fingerprint, completion.service_tier) if completion else (None, None)
    return Answer(tuple(rows), state.usage - turn.before, state, client, waits, fingerprint, tier)


def _row(index: int, message: Json, finish_reason: str) -> Json:
    message = {name: value for name, value in message.items() if name != "function_call"}
    return {
        "index": index,
        "message": {**message, "role": "assistant"},
        "logprobs": None,
        "finish_reason": finish_reason,
    }


def _with_calls(rows: list[Json], place: int, client: dict[str, Waiting]) -> list[Json]:
    """The choices, with the calls that the client is to run in the one that goes on."""
    for row in rows:
        if row is rows[place] and client:
            row["message"]["tool_calls"] = [_call(id, waiting) for id, waiting in client.items()]
        calls = row["message"].get("tool_calls")
        if calls or row["finish_reason"] == "tool_calls":
            row["finish_reason"] = "tool_calls" if calls else "stop"
    return rows


def _call(id: str, waiting: Waiting) -> Json:
    function = {"name": waiting.tool, "arguments": waiting.arguments}
    return {"id": id, "type": "function", "function": function}


def _since(state: RunState) -> list[Completion]:
    """The model's messages since the run began or went on."""
    found: list[Completion] = []
    for entry in state.entries:
        if isinstance(entry, Input | Resumed):
            found = []
        elif isinstance(entry, Completion):
            found.append(entry)
    return found


def _texts(state: RunState) -> list[str]:
    return [entry.message.text for entry in _since(state)]


def _last(state: RunState) -> AssistantMessage | None:
    found = _since(state)
    return found[-1].message if found else None


def _joined(texts: Iterable[str]) -> str | None:
    return BETWEEN.join(text for text in texts if text) or None


def waiting_json(waiting: Waiting) -> Json:
    """A call that waits, as answers tell of it."""
    return {name: getattr(waiting, name) for name in waiting.__slots__}


def _steps(state: RunState) -> list[Json]:
    """The calls of this run and their results, the agent's own among them."""
    given = next((len(entry.messages) for entry in reversed(list(state.entries)) if isinstance(entry, Input)), 0)
    calls: dict[str, Json] = {}
    steps: list[Json] = []
    for message in state.new_messages[given:]:
        if isinstance(message, AssistantMessage):
            calls = {call.id: {"tool": call.name, "arguments": call.text, "result": None} for call in message.calls}
            steps += calls.values()
        elif isinstance(message, ToolMessage) and message.tool_call_id in calls:
            calls[message.tool_call_id]["result"] = message.content
    return steps


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
