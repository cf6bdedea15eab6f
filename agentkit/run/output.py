"""Structured output: a Python type as a response format, and the model's text as a value of that type."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, PydanticUserError
from pydantic_core import from_json

from agentkit.chat import JsonSchemaFormat, is_json
from agentkit.errors import ConfigurationError
from agentkit.tools import to_strict, without_fence

WRAPPED = "result"  # top level must be an object: lists, numbers and unions go into {"result": ...}


@dataclass(frozen=True)
class Output:
    """How one output type is asked for and read."""

    type: Any
    adapter: TypeAdapter[Any]
    wrapped: bool
    format: JsonSchemaFormat

    def read(self, text: str) -> Any:
        """The value the text spells. Raises ValidationError or ValueError when it does not fit."""
        inner = without_fence(text)
        text = text if inner is None else inner
        if not self.wrapped:
            return self.adapter.validate_json(text)
        data = from_json(text, allow_inf_nan=False)
        if not is_json(data) or set(data) != {WRAPPED}:
            raise ValueError(f'expected an object {{"{WRAPPED}": ...}}')
        return self.adapter.validate_python(data[WRAPPED])

    def partial(self, text: str) -> Any:
        """As much of the value as is there: plain JSON, not validated; None while nothing can be read."""
        try:
            data = from_json(text, allow_partial="trailing-strings")
        except ValueError:
            return None
        return data.get(WRAPPED) if self.wrapped and is_json(data) else data


@lru_cache(maxsize=256)
def _output_of(type_: Any) -> Output:
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(type_)
        schema = adapter.json_schema()
    except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema, PydanticUserError, TypeError) as error:
        reason = str(error).splitlines()[0].split(". Set `arb")[0]
        raise ConfigurationError(
            f"output={getattr(type_, '__name__', None) or repr(type_)} cannot be described as JSON Schema: {reason}; "
            "use a pydantic model, dataclass, TypedDict, or a type made of those"
        ) from None
    if "$ref" in schema:  # a recursive type: its top level must be spelled out
        definitions = schema["$defs"]
        schema = {**definitions[schema["$ref"].rsplit("/", 1)[-1]], "$defs": definitions}
    wrapped = schema.get("type") != "object"
    if wrapped:
        definitions = schema.pop("$defs", None)
        properties: dict[str, Any] = {WRAPPED: schema}
        schema = {"type": "object", "properties": properties, "required": [WRAPPED], "additionalProperties": False}
        if definitions:
            schema["$defs"] = definitions
    strict = to_strict(schema)
    body: dict[str, Any] = {"name": _name(type_), "schema": strict if is_json(strict) else schema}
    if is_json(strict):
        body["strict"] = True
    return Output(
        type_, adapter, wrapped, JsonSchemaFormat.model_validate({"type": "json_schema", "json_schema": body})
    )


def output_of(type_: Any) -> Output | None:
    """How this output type is asked for; None for plain text. Raises ConfigurationError for an unsupported type."""
    if type_ is str:
        return None
    try:
        return _output_of(type_)
    except TypeError:  # an unhashable annotation
        return _output_of.__wrapped__(type_)


def _name(type_: Any) -> str:
    name = getattr(type_, "__name__", None) or str(type_)
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_")[:64] or "output"


def problems(error: ValueError) -> str:
    """The reasons why an answer does not fit, one short line each."""
    if not isinstance(error, ValidationError):
        return str(error)
    rows = error.errors(include_url=False, include_context=False, include_input=False)
    return "\n".join(f"{'.'.join(map(str, row['loc'])) or 'answer'}: {row['msg']}" for row in rows[:20])
