"""An answer of the endpoint, whole or in chunks: lenient to read, unknown fields kept."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ValidationError
from pydantic_core import from_json

from agentkit.errors import ProtocolError

from .messages import ResponseMessage
from .reading import MALFORMED, normalised, raise_error_body
from .usage import CompletionUsage
from .wire import Json, Wire

MAX_NAMES = 256
_NAMES: dict[frozenset[str], set[str]] = {}


class TopLogprob(Wire):
    """A token that was likely at one place."""

    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None


class TokenLogprob(TopLogprob):
    """A token of the answer with its log probability, and the likely ones beside it."""

    top_logprobs: tuple[TopLogprob, ...] | None = None


class Logprobs(Wire):
    """Log probabilities of an answer's tokens, or of its refusal's."""

    content: tuple[TokenLogprob, ...] | None = None
    refusal: tuple[TokenLogprob, ...] | None = None


class Choice(Wire):
    """One of the answers to a request."""

    index: int = 0
    message: ResponseMessage
    logprobs: Logprobs | None = None
    finish_reason: str | None = None


class ChatCompletion(Wire):
    """A whole answer. `system_fingerprint` tells when the backend changed (see `seed`)."""

    id: str | None = None
    object: str | None = None
    created: float | int | None = None
    model: str | None = None
    choices: tuple[Choice, ...]
    usage: CompletionUsage | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None

    @property
    def message(self) -> ResponseMessage:
        """The first choice's message."""
        return self.choices[0].message


class ChunkChoice(Wire):
    """What a chunk adds to one choice."""

    index: int = 0
    delta: Json
    logprobs: Logprobs | None = None
    finish_reason: str | None = None


class ChatCompletionChunk(Wire):
    """A piece of a streamed answer. Clients read chunks as dicts; this type is for who writes or checks them."""

    id: str | None = None
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: float | int | None = None
    model: str | None = None
    choices: tuple[ChunkChoice, ...]
    usage: CompletionUsage | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None


def read_completion(data: bytes | str | Json) -> ChatCompletion:
    """Read an unstreamed answer, providers' quirks normalised.

    Raises ServerFailed for an error inside it, ProtocolError when it is not a completion.
    """
    if not isinstance(data, dict):
        text = data
        try:
            data = from_json(text)
        except ValueError as error:
            raise ProtocolError(f"the answer is not JSON: {error}", text=_excerpt(text)) from None
    if not isinstance(data, dict):
        raise ProtocolError("the answer is not a JSON object", text=_excerpt(str(data)))
    raise_error_body(data)
    return checked(data)


def checked(data: Json) -> ChatCompletion:
    """The completion of parsed JSON, quirks normalised. Raises ProtocolError when it still is none."""
    try:
        data = normalised(data)
    except MALFORMED as error:
        raise ProtocolError(f"the answer is not a completion: {error}", text=_excerpt(str(data))) from None
    if not data["choices"]:
        raise ProtocolError("the answer has no choices", text=_excerpt(str(data)))
    try:
        completion = ChatCompletion.model_validate(data)
    except ValidationError as error:
        row = error.errors(include_url=False)[0]
        where = ".".join(map(str, row["loc"]))
        raise ProtocolError(
            f"the answer is not a completion: {where}: {row['msg']}", text=_excerpt(str(data))
        ) from None
    for piece in (completion, completion.usage, *(choice.message for choice in completion.choices)):
        if piece is not None:
            _share_names(piece)
    return completion


def _share_names(piece: Wire) -> None:
    """Answers set the same fields again and again: one set of their names for all saves a third of their memory."""
    names = piece.model_fields_set
    known = _NAMES.get(key := frozenset(names))
    if known is not None:
        object.__setattr__(piece, "__pydantic_fields_set__", known)
    elif len(_NAMES) < MAX_NAMES:  # an endpoint may make up names
        _NAMES[key] = names


def _excerpt(text: Any) -> str:
    return (text.decode(errors="replace") if isinstance(text, bytes) else str(text))[:300]
