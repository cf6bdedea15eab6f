"""Arguments that the model made up, checked before a function sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pydantic_core

from agentkit.chat import Json
from agentkit.errors import ToolError

from .compiled import compiled
from .json_text import MAX_ARGUMENTS, parsed_object
from .shape import boolean_for_number, has_numbers, mended


@dataclass(frozen=True, slots=True)
class Arguments:
    """Valid arguments: `values` by parameter name, `json` as canonical text, `repairs` made on the way."""

    values: Mapping[str, Any]
    json: str
    repairs: tuple[str, ...] = ()


class Validator(Protocol):
    """Turns a parsed object into values. Raises ToolError with one short line for each problem."""

    def values(self, data: Json, booleans: bool) -> Mapping[str, Any]:
        """The values by parameter name. `booleans`: whether the data holds any."""
        ...


def read_arguments(text: str | Json, validator: Validator, schema: Json, longest: int = MAX_ARGUMENTS) -> Arguments:
    """Parse, validate, and mend what is lossless; the mended form is validated like any other."""
    repairs: list[str] = []
    optional = not schema.get("required")
    data, booleans = parsed_object(text, nothing_required=optional, repairs=repairs, longest=longest)
    try:
        values = validator.values(data, booleans)
    except ToolError:
        attempt: Json = mended(data, schema, schema, repairs)
        if attempt == data:
            raise
        again = pydantic_core.to_json(attempt).decode()
        data, booleans = parsed_object(again, nothing_required=True, repairs=repairs, longest=longest)
        values = validator.values(data, booleans)
    return Arguments(values, pydantic_core.to_json(data).decode(), tuple(repairs))


class TypedValidator:
    """Arguments by the types of a signature."""

    def __init__(self, validator: pydantic_core.SchemaValidator, schema: Json) -> None:
        self._validator, self._schema = validator, schema
        self._numbers = has_numbers(schema)

    def values(self, data: Json, booleans: bool) -> Mapping[str, Any]:
        if booleans and self._numbers:
            problem = boolean_for_number(data, self._schema, self._schema)
            if problem is not None:
                raise ToolError(problem)
        try:
            values: Json = self._validator.validate_python(data)
        except pydantic_core.ValidationError as error:
            raise ToolError(_lines(error)) from None
        return values


def _lines(error: pydantic_core.ValidationError) -> str:
    lines: list[str] = []
    for row in error.errors(include_url=False)[:20]:
        where = ".".join(str(part) for part in row["loc"]) or "arguments"
        given = repr(row["input"])
        given = given if len(given) <= 80 else f"{given[:77]}..."
        context = row.get("ctx", {})
        match row["type"]:
            case "missing":
                lines.append(f"{where}: is required")
            case "extra_forbidden":
                lines.append(f"{where}: there is no such argument")
            case "literal_error" | "enum":
                expected = str(context.get("expected", "")).replace(" or ", ", ")
                lines.append(f"{where}: {given} is not one of {expected}")
            case _:
                lines.append(f"{where}: {row['msg']}, got {given}")
    return "\n".join(lines)


class SchemaValidator:
    """Arguments by a raw JSON Schema, patterns matched by a linear engine (S16)."""

    def __init__(self, schema: Json, where: str) -> None:
        self._schema, self._where = schema, where
        self._compiled: Any = None

    def compile(self) -> Any:
        """The validator, made at the first call: jsonschema takes 50 ms to import."""
        if self._compiled is None:
            self._compiled = compiled(self._schema, self._where)
        return self._compiled

    def values(self, data: Json, booleans: bool) -> Mapping[str, Any]:
        try:
            errors = sorted(self.compile().iter_errors(data), key=lambda error: str(error.path))
        except Exception as error:  # references without end, numbers without bound
            raise ToolError(f"the arguments cannot be checked: {type(error).__name__}") from None
        if errors:
            raise ToolError("\n".join(_schema_line(error) for error in errors[:20]))
        return data


def _schema_line(error: Any) -> str:
    where = ".".join(str(part) for part in error.absolute_path) or "arguments"
    return f"{where}: {str(error.message)[:200]}"
