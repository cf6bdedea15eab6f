"""The accumulator: any stream becomes the completion that the unstreamed call would have given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Literal

from agentkit.errors import ProtocolError, StreamTruncated

from .completion import ChatCompletion, checked
from .reading import MALFORMED, arguments_text, minted_id, raise_error_body, split_content
from .sendable import is_object
from .wire import Json, is_json, is_list

Kind = Literal["content", "refusal", "reasoning", "call"]
Delta = tuple[Kind, str, int]
"""What a chunk brought, in one form for all providers: the kind of piece, its text, the choice it belongs to."""
OnChunk = Callable[[dict[str, Any], "PartialCompletion"], Awaitable[None]]
_REASONING = ("reasoning_content", "reasoning")
_KNOWN = frozenset({"role", "content", "refusal", "tool_calls", "function_call", "audio", "obfuscation", *_REASONING})


class PartialCall:
    """A call whose arguments still come in."""

    __slots__ = ("closed", "extra", "function_extra", "id", "name", "pieces", "type")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.type = "function"
        self.pieces: list[str] = []
        self.extra: Json = {}
        self.function_extra: Json = {}
        self.closed = False  # another call opened, the text went on, or the message finished

    @property
    def arguments(self) -> str:
        """The arguments' text so far."""
        return "".join(self.pieces)

    def to_json(self) -> Json:
        """The call as the unstreamed answer has it."""
        if self.type == "custom":
            return {
                **self.extra,
                "id": self.id,
                "type": "custom",
                "custom": {"name": self.name, "input": self.arguments},
            }
        function = {**self.function_extra, "name": self.name, "arguments": self.arguments}
        return {**self.extra, "id": self.id or minted_id(), "type": "function", "function": function}


class PartialChoice:
    """One choice so far."""

    __slots__ = (
        "audio",
        "calls",
        "content",
        "extra",
        "finish_reason",
        "given",
        "legacy",
        "logprobs",
        "open_at",
        "reasoning",
        "reasoning_key",
        "refusal",
    )

    def __init__(self) -> None:
        self.content: list[str] = []
        self.given = False  # whether a content was given at all, even an empty one
        self.refusal: list[str] = []
        self.reasoning: list[str] = []
        self.reasoning_key = "reasoning_content"
        self.calls: list[PartialCall] = []
        self.open_at: dict[int, PartialCall] = {}
        self.legacy: PartialCall | None = None
        self.audio: Json = {}
        self.logprobs: Json | None = None
        self.extra: Json = {}
        self.finish_reason: str | None = None

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self.content)

    def call_for(self, raw: Json, name: str) -> PartialCall:
        """The call that a delta continues, or a new one (Q1 to Q9, Q14, Q15)."""
        index, id = raw.get("index"), raw.get("id") or ""
        if isinstance(index, int):
            current = self.open_at.get(index)
        elif id:
            current = next((call for call in self.calls if call.id == id), None)
            if current is None and not name and self.calls:
                current = self.calls[-1]  # Q8: a new id without a name goes on with the open call
        else:
            current = self.calls[-1] if self.calls else None
            if current is not None and name and current.name and current.name != name:
                current = None
        if current is None or _is_another(current, id, name, raw):
            current = PartialCall()
            if self.calls:
                self.calls[-1].closed = True
            self.calls.append(current)
        if isinstance(index, int):
            self.open_at[index] = current
        return current


def _is_another(current: PartialCall, id: str, name: str, raw: Json) -> bool:
    """Whether a delta with a name begins a further call at the place of `current` (Q3, Q7)."""
    if not name:
        return False
    if id and current.id:
        return id != current.id
    function = raw.get("function")
    more = is_json(function) and function.get("arguments")
    return bool(current.name and more and is_object(current.arguments))


class PartialCompletion:
    """Adds up chunks. After `add`, `deltas` is what the chunk brought; with n=1 all choices are one (Q39)."""

    __slots__ = ("_done", "_head", "_many", "_usage", "choices", "created", "deltas", "id", "model")

    def __init__(self, n: int | None = 1) -> None:
        self.choices: dict[int, PartialChoice] = {}
        self.deltas: list[Delta] = []
        self._many = (n or 1) > 1
        self._head: Json = {}
        self._usage: Json | None = None
        self._done = False
        self.id: Any = None
        self.model: Any = None
        self.created: Any = None

    @property
    def finished(self) -> bool:
        """Whether a finish reason or [DONE] was seen."""
        return self._done or any(choice.finish_reason for choice in self.choices.values())

    @property
    def size(self) -> int:
        """Characters of all choices so far: texts, refusals, reasoning and arguments."""
        pieces = [
            (*choice.content, *choice.refusal, *choice.reasoning, *(p for call in choice.calls for p in call.pieces))
            for choice in self.choices.values()
        ]
        return sum(len(piece) for row in pieces for piece in row)

    def done(self) -> None:
        """[DONE] was seen."""
        self._done = True

    def add(self, chunk: Json) -> None:
        """One more chunk, parsed. Raises ServerFailed for an error event (Q49), ProtocolError for nonsense."""
        deltas: list[Delta] = []
        self.deltas = deltas
        try:
            if "error" in chunk:
                raise_error_body(chunk)
            if "choices" not in chunk and "usage" not in chunk:
                return  # a ping or another gateway's note (Q44)
            self._head.update(chunk)  # the last value wins; ids and names are kept apart, for later chunks blank them
            if not (self.id and self.model and self.created):
                self._add_names(chunk)
            usage = chunk.get("usage")
            if usage:
                self._usage = usage  # cumulative in some streams: the last wins, never the sum (Q34)
            choices: Iterable[Json | None] = chunk.get("choices") or ()
            for raw in choices:
                if isinstance(raw, dict):  # not is_json: here and below, its call would be felt at every chunk
                    self._add_choice(raw, deltas)
        except MALFORMED as error:
            raise ProtocolError(f"a chunk of the stream has the wrong shape: {error}", text=str(chunk)[:300]) from None

    def _add_names(self, chunk: Json) -> None:
        self.id = self.id or chunk.get("id")
        self.model = self.model or chunk.get("model")
        self.created = self.created or chunk.get("created")

    def _add_choice(self, raw: Json, deltas: list[Delta]) -> None:
        index = raw.get("index") or 0 if self._many else 0
        choice = self.choices.get(index)
        if choice is None:
            choice = self.choices[index] = PartialChoice()
        delta = raw.get("delta")
        if delta is None:
            delta = raw.get("message")  # Q18
        if delta:
            content = delta.get("content")
            if content.__class__ is str and content:
                choice.content.append(content)
                deltas.append(("content", content, index))
                if choice.calls:
                    choice.calls[-1].closed = True
                if len(delta) > 1:
                    _add_rest(choice, delta, index, deltas)
            else:
                _add_parts(choice, content, index, deltas)
                _add_rest(choice, delta, index, deltas)
        logprobs = raw.get("logprobs")
        if logprobs:
            _add_logprobs(choice, logprobs)
        reason = raw.get("finish_reason")
        if reason:
            choice.finish_reason = str(reason)
            for call in choice.calls:
                call.closed = True

    def completion(self) -> ChatCompletion:
        """The whole answer. Raises StreamTruncated when the stream ended before its message (Q26)."""
        if not self.choices:
            raise ProtocolError("the stream held no choices", text=str(self._head)[:300])
        if not self._done and not all(choice.finish_reason for choice in self.choices.values()):
            text = next(iter(self.choices.values())).text
            raise StreamTruncated("the stream ended without a finish reason and without [DONE]", text=text)
        head = {key: value for key, value in self._head.items() if key not in ("choices", "obfuscation", "usage")}
        head.update(id=self.id, model=self.model, created=self.created, object="chat.completion")
        if self._usage is not None:
            head["usage"] = self._usage
        head["choices"] = [_choice_json(index, choice) for index, choice in sorted(self.choices.items())]
        return checked(head)


def _add_parts(choice: PartialChoice, content: Any, index: int, deltas: list[Delta]) -> None:
    if content is None:
        return
    choice.given = True
    text, reasoning = split_content(content)
    if reasoning:
        choice.reasoning.append(reasoning)
        deltas.append(("reasoning", reasoning, index))
    if text:
        choice.content.append(text)
        deltas.append(("content", text, index))


def _add_rest(choice: PartialChoice, delta: Json, index: int, deltas: list[Delta]) -> None:
    """Everything of a delta but its content."""
    calls: list[Json | None] | None = delta.get("tool_calls")
    if isinstance(calls, list):
        for raw in calls:
            if isinstance(raw, dict):
                _add_call(choice, raw, index, deltas)
    refusal = delta.get("refusal")
    if refusal:
        choice.refusal.append(refusal)
        deltas.append(("refusal", refusal, index))
    for key in _REASONING:
        text = delta.get(key)
        if text and isinstance(text, str):
            choice.reasoning_key = key
            choice.reasoning.append(text)
            deltas.append(("reasoning", text, index))
            break  # some send both names for one text
    legacy: Json | None = delta.get("function_call")
    if isinstance(legacy, dict):
        choice.legacy = choice.legacy or PartialCall()
        choice.legacy.name = choice.legacy.name or legacy.get("name") or ""
        choice.legacy.pieces.append(arguments_text(legacy.get("arguments")))
    if isinstance(delta.get("audio"), dict):
        _add_audio(choice.audio, delta["audio"])
    for key in delta.keys() - _KNOWN:
        value: Any = delta[key]
        before: Any = choice.extra.get(key)
        both = is_list(before) and is_list(value)
        choice.extra[key] = before + value if both else value


def _add_audio(audio: Json, more: Json) -> None:
    for key, value in more.items():
        pieces = key in ("data", "transcript") and isinstance(value, str)
        audio[key] = audio.get(key, "") + value if pieces else value


def _add_call(choice: PartialChoice, raw: Json, index: int, deltas: list[Delta]) -> None:
    custom: Json | None = raw.get("custom")
    given: Json | None = custom if isinstance(custom, dict) else raw.get("function")
    inner: Json = given if isinstance(given, dict) else {}
    name = inner.get("name") or raw.get("name") or ""
    call = choice.call_for(raw, name)
    if isinstance(custom, dict) or raw.get("type") == "custom":
        call.type = "custom"
    call.id = call.id or raw.get("id") or ""
    call.name = call.name or name
    piece = arguments_text(inner.get("input") if call.type == "custom" else inner.get("arguments"))
    if piece:
        call.pieces.append(piece)
    for key in raw.keys() - {"index", "id", "type", "function", "custom", "name"}:
        call.extra[key] = raw[key]
    for key in inner.keys() - {"name", "arguments", "input"}:
        call.function_extra[key] = inner[key]
    deltas.append(("call", piece, index))


def _add_logprobs(choice: PartialChoice, logprobs: Any) -> None:
    if not is_json(logprobs):
        return
    if choice.logprobs is None:
        choice.logprobs = {}
    for key, rows in logprobs.items():
        before: Any = choice.logprobs.get(key)
        both = is_list(before) and is_list(rows)
        choice.logprobs[key] = before + rows if both else rows if rows is not None else before


def _choice_json(index: int, choice: PartialChoice) -> Json:
    text = choice.text
    message: Json = {"role": "assistant", "content": text}
    legacy = choice.legacy if choice.legacy is not None and choice.legacy.name else None
    if not text and (choice.calls or legacy or choice.refusal or choice.audio):
        message["content"] = None
    message["refusal"] = "".join(choice.refusal) or None
    if choice.calls:
        message["tool_calls"] = [call.to_json() for call in choice.calls]
    if legacy is not None:
        message["function_call"] = {"name": legacy.name, "arguments": legacy.arguments}
    if choice.reasoning:
        message[choice.reasoning_key] = "".join(choice.reasoning)
    if choice.audio:
        message["audio"] = choice.audio
    message.update(choice.extra)
    return {"index": index, "message": message, "logprobs": choice.logprobs, "finish_reason": choice.finish_reason}


async def replay(completion: ChatCompletion, on_chunk: OnChunk) -> None:
    """Tell a whole completion as one chunk, for models that do not stream."""
    body = completion.to_json()
    for choice in body["choices"]:
        choice["delta"] = choice.pop("message")
        for index, call in enumerate(choice["delta"].get("tool_calls") or ()):
            call["index"] = index
    partial = PartialCompletion(len(body["choices"]))
    partial.add(body)
    await on_chunk(body, partial)
