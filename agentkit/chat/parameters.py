"""The parameters of a request that agents set too, with the ranges of the API page."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from .wire import Given, Json, Tagged, Wire, is_json

# Strict: what is taken is what is sent; True is no number, and "yes" no boolean.
Switch = Annotated[bool, Field(strict=True)]
Whole = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class TextFormat(Tagged):
    """Plain text, the default."""

    type: Literal["text"] = "text"


class JsonObjectFormat(Tagged):
    """Any JSON object; the model needs a message that asks for JSON."""

    type: Literal["json_object"] = "json_object"


class JsonSchema(Wire):
    """A named JSON Schema; `strict` holds the model to it."""

    name: Name
    description: Given[str] = None
    schema_: Given[Json] = Field(default=None, alias="schema")
    strict: Switch | None = None


class JsonSchemaFormat(Tagged):
    """JSON that fits a schema."""

    json_schema: JsonSchema
    type: Literal["json_schema"] = "json_schema"


def _with_its_type(given: Any) -> Any:
    """A schema's format under its own type: the page prints json_object once, which is a slip."""
    slip = is_json(given) and given.get("type") == "json_object" and "json_schema" in given
    return {**given, "type": "json_schema"} if slip else given


ResponseFormat = Annotated[
    TextFormat | JsonObjectFormat | JsonSchemaFormat, Field(discriminator="type"), BeforeValidator(_with_its_type)
]


class StreamOptions(Wire):
    """Options of a stream: `include_usage`, and `include_obfuscation` (the API's default is true)."""

    include_usage: Given[Switch] = None
    include_obfuscation: Given[Switch] = None


class NamedFunction(Wire):
    """The function a tool choice forces."""

    name: str


class FunctionChoice(Tagged):
    """A tool choice that forces one function."""

    function: NamedFunction
    type: Literal["function"] = "function"


class CustomChoice(Tagged):
    """A tool choice that forces one custom tool."""

    custom: NamedFunction
    type: Literal["custom"] = "custom"


class AllowedTools(Wire):
    """Some of the offered tools, and whether one must be called."""

    mode: Literal["auto", "required"]
    tools: tuple[Json, ...]


class AllowedToolsChoice(Tagged):
    """A tool choice that narrows the offered tools."""

    allowed_tools: AllowedTools
    type: Literal["allowed_tools"] = "allowed_tools"


ToolChoice = (
    Literal["none", "auto", "required"]
    | Annotated[FunctionChoice | CustomChoice | AllowedToolsChoice, Field(discriminator="type")]
)
_Penalty = Annotated[Number, Field(ge=-2, le=2)]
_Bias = Annotated[Whole | Number, Field(ge=-100, le=100)]  # whole ones stay whole: some servers take no others


class Parameters(Wire):
    """Everything of a request but messages, model, tools and stream. None is not sent.

    temperature (0 to 2, default 1) or top_p (0 to 1, default 1): set one of them, not both.
    n: choices for each input; all of their tokens are billed. seed (deprecated): best effort, watch
    system_fingerprint. stop: at most 4 sequences, not part of the text; o3 and o4-mini do not take it.
    store: images over 10 MB are dropped from what is stored.
    """

    frequency_penalty: _Penalty | None = None
    presence_penalty: _Penalty | None = None
    logit_bias: dict[str, _Bias] | None = None
    logprobs: Switch | None = None
    top_logprobs: Annotated[Whole, Field(ge=0, le=20)] | None = None
    max_completion_tokens: Annotated[Whole, Field(ge=1)] | None = None
    max_tokens: Annotated[Whole, Field(ge=1)] | None = None
    n: Annotated[Whole, Field(ge=1, le=128)] | None = None
    parallel_tool_calls: Switch | None = None
    response_format: ResponseFormat | None = None
    seed: Whole | None = None
    stop: str | Annotated[tuple[str, ...], Field(min_length=1, max_length=4)] | None = None
    store: Switch | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[Number, Field(ge=0, le=2)] | None = None
    tool_choice: ToolChoice | None = None
    top_p: Annotated[Number, Field(ge=0, le=1)] | None = None
    reasoning_effort: str | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    metadata: dict[str, str] | None = None
    modalities: tuple[Literal["text", "audio"], ...] | None = None
    audio: Json | None = None
    prediction: Json | None = None
    service_tier: str | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    prompt_cache_options: Json | None = None
    moderation: Json | None = None
    web_search_options: Json | None = None

    @model_validator(mode="after")
    def _top_logprobs_need_logprobs(self) -> Parameters:
        if self.top_logprobs is not None and not self.logprobs:
            raise ValueError("top_logprobs is only allowed with logprobs=True")
        return self

    @model_validator(mode="after")
    def _token_ids(self) -> Parameters:
        for token in self.logit_bias or ():
            if not (token.isascii() and token.isdigit()):
                raise ValueError(f"logit_bias: {token!r} is not a token id; keys are ids of the tokenizer, not words")
        return self

    def parameters(self) -> dict[str, Any]:
        """The parameters that are set, by name."""
        own = Parameters.model_fields
        return {name: value for name in own if (value := getattr(self, name)) is not None}
