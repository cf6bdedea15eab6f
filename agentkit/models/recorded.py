"""RecordedModel: answers recorded once, replayed in tests."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from pydantic import ValidationError
from pydantic_core import from_json

from agentkit.chat import ChatCompletion, ChatRequest, Json, OnChunk, is_json, is_list
from agentkit.client import scrub
from agentkit.errors import ConfigurationError

from .fallback import entered, left
from .model import Model
from .remote import resolve
from .scripted import tell_in_pieces

SHOWN = 60  # lines of a difference


class RecordedModel:
    """Replays the answers of a file; records them first where there is none.

    path: JSON lines, one exchange a line, made to be kept beside the tests. model: who is asked while recording;
    without one, it only replays. record: "once" (while the file does not exist), or "missing" (also what it lacks).
    An equal request asked again gets the answer recorded for its next time. Anything else raises ConfigurationError
    that shows what differs from the nearest recorded request. Keys are scrubbed from what is written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        model: str | Model | None = None,
        *,
        record: Literal["once", "missing"] = "once",
    ) -> None:
        if record not in ("once", "missing"):
            raise ConfigurationError(f"RecordedModel(record={record!r}): use 'once' or 'missing'")
        self._path = Path(path)
        self._model = None if model is None else resolve(model)
        exists = self._path.exists()
        if not exists and model is None:
            raise ConfigurationError(f"{self._path} does not exist: give RecordedModel(path, model) to record it")
        self._records = self._model is not None and (not exists or record == "missing")
        self._known: dict[str, list[Json]] = {}  # request to its answers, in order
        self._asked: dict[str, int] = {}
        if exists:
            self._read()
        first = next(iter(self._known), None)
        own = getattr(self._model, "name", None) if first is None else json.loads(first).get("model")
        self.name = str(own or "recorded")

    def _read(self) -> None:
        for number, line in enumerate(self._path.read_bytes().splitlines(), 1):
            try:
                row: Any = from_json(line)
                self._known.setdefault(_key(row["request"]), []).append(row["completion"])
            except (ValueError, TypeError, KeyError):
                raise ConfigurationError(
                    f"{self._path}:{number} is no recorded exchange; delete the file to record it again"
                ) from None

    async def complete(self, request: ChatRequest, on_chunk: OnChunk | None = None) -> ChatCompletion:
        """The recorded answer, streamed in pieces when asked to, or the model's, which is written down."""
        sent: Json = json.loads(scrub(request.body().decode()))
        key = _key(sent)
        answers, turn = self._known.setdefault(key, []), self._asked.get(key, 0)
        self._asked[key] = turn + 1
        if turn < len(answers):
            completion = self._completion(answers[turn])
            return completion if on_chunk is None else await tell_in_pieces(completion, on_chunk)
        if self._model is None or not self._records:
            raise ConfigurationError(self._difference(key, turn))
        completion = await self._model.complete(request, on_chunk)
        answer: Json = json.loads(scrub(completion.json_bytes().decode()))
        answers.append(answer)
        self._asked[key] = len(answers)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"request": sent, "completion": answer}, ensure_ascii=False) + "\n")
        return completion

    def _completion(self, answer: Json) -> ChatCompletion:
        try:
            return ChatCompletion.model_validate(answer)
        except ValidationError as error:
            reason = error.errors(include_url=False)[0]["msg"]
            raise ConfigurationError(f"{self._path}: a recorded answer is damaged: {reason}") from None

    def _difference(self, asked: str, turn: int) -> str:
        if turn:
            return f"{self._path} holds {turn} answers to this request, and it was asked once more; record it again"
        lines = _lines(asked)
        recorded = [_lines(key) for key, answers in self._known.items() if answers]
        nearest = max(recorded, key=lambda other: _likeness(lines, other), default=list[str]())
        diff = list(difflib.unified_diff(nearest, lines, "recorded", "asked", lineterm="", n=2))
        more = [f"... and {len(diff) - SHOWN} lines more"] if len(diff) > SHOWN else []
        what = "\n".join([*diff[:SHOWN], *more]) or "nothing is recorded in it"
        return f"{self._path} has no answer to this request; delete the file to record it again. What differs:\n{what}"

    async def __aenter__(self) -> RecordedModel:
        if self._model is not None and self._records:
            await entered([self._model])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._model is not None and self._records:
            await left([self._model], kind, error, trace)

    def __repr__(self) -> str:
        return f"RecordedModel({str(self._path)!r})"


def _key(request: Json) -> str:
    """Equal for requests that mean the same: what is null is absent."""
    if not is_json(request):
        raise TypeError
    return json.dumps(_given(request), sort_keys=True)


def _given(value: Any) -> Any:
    if is_json(value):
        return {name: _given(inner) for name, inner in value.items() if inner is not None}
    return [_given(inner) for inner in value] if is_list(value) else value


def _lines(key: str) -> list[str]:
    return json.dumps(json.loads(key), indent=1, ensure_ascii=False).split("\n")


def _likeness(lines: Sequence[str], other: Sequence[str]) -> float:
    return difflib.SequenceMatcher(None, lines, other, autojunk=False).quick_ratio()
