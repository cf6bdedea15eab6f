"""The parameters of a request that agents set too, with the ranges of the API page."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from .wire import Json, Tagged, Wire

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
    description: str | None = None
    schema_: Json | None = Field(default=None, alias="schema")
    strict: bool | None = None


class JsonSchemaFormat(Tagged):
    """JSON that fits a schema. (The page prints the type as json_object once; that is a slip.)"""

    json_schema: JsonSchema
    type: Literal["json_schema"] = "json_schema"


ResponseFormat = Annotated[TextFormat | JsonObjectFormat | JsonSchemaFormat, Field(discriminator="type")]


class StreamOptions(Wire):
    """Options of a stream: `include_usage`, and `include_obfuscation` (the API's default is true)."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


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
_Penalty = Annotated[float, Field(ge=-2, le=2)]
_Bias = Annotated[float, Field(ge=-100, le=100)]


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
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    seed: int | None = None
    stop: str | Annotated[tuple[str, ...], Field(max_length=4)] | None = None
    store: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    tool_choice: ToolChoice | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
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
            if not token.lstrip("-").isdigit():
                raise ValueError(f"logit_bias: {token!r} is not a token id; keys are ids of the tokenizer, not words")
        return self

    def parameters(self) -> dict[str, Any]:
        """The parameters that are set, by name."""
        own = Parameters.model_fields
        return {name: value for name in own if (value := getattr(self, name)) is not None}
