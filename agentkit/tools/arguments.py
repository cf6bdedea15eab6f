"""Arguments that the model made up, checked before a function sees them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from agentkit.chat import Json, is_json, is_list
from agentkit.errors import ConfigurationError, ToolError

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
        again = to_json(attempt).decode()
        data, booleans = parsed_object(again, nothing_required=True, repairs=repairs, longest=longest)
        values = validator.values(data, booleans)
    return Arguments(values, to_json(data).decode(), tuple(repairs))


class ModelValidator:
    """Arguments by a pydantic model made of a signature; fields are aliased, so no name is taken."""

    def __init__(self, model: type[BaseModel], names: Mapping[str, str], schema: Json) -> None:
        self._model, self._names, self._schema = model, names, schema
        self._numbers = has_numbers(schema)

    def values(self, data: Json, booleans: bool) -> Mapping[str, Any]:
        if booleans and self._numbers:
            problem = boolean_for_number(data, self._schema, self._schema)
            if problem is not None:
                raise ToolError(problem)
        try:
            model = self._model.__pydantic_validator__.validate_python(data)
        except ValidationError as error:
            raise ToolError(_lines(error)) from None
        fields = model.__dict__
        values = {name: fields[field] for name, field in self._names.items()}
        if model.__pydantic_extra__:
            values.update(model.__pydantic_extra__)
        return values


def _lines(error: ValidationError) -> str:
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
        errors = sorted(self.compile().iter_errors(data), key=lambda error: str(error.path))
        if errors:
            raise ToolError("\n".join(_schema_line(error) for error in errors[:20]))
        return data


def _schema_line(error: Any) -> str:
    where = ".".join(str(part) for part in error.absolute_path) or "arguments"
    return f"{where}: {str(error.message)[:200]}"


def compiled(schema: Json, where: str) -> Any:
    """A compiled validator of a schema. Raises ConfigurationError for one that is not valid or refers elsewhere."""
    import jsonschema

    _refuse_remote(schema, where)
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise ConfigurationError(f"{where}: the parameters are not a JSON Schema: {error.message[:200]}") from None
    extend: Any = importlib.import_module("jsonschema.validators").extend  # its stub leaves types open
    linear: Any = extend(jsonschema.Draft202012Validator, {"pattern": _pattern})
    return linear(schema)


def _refuse_remote(node: Any, where: str) -> None:
    if is_json(node):
        reference = node.get("$ref")
        if isinstance(reference, str) and not reference.startswith("#"):
            raise ConfigurationError(f"{where}: $ref {reference!r} points outside the schema; inline what it means")
        for value in node.values():
            _refuse_remote(value, where)
    elif is_list(node):
        for value in node:
            _refuse_remote(value, where)


def _pattern(validator: Any, pattern: str, instance: Any, schema: Json) -> Any:
    import jsonschema
    from pydantic_core import SchemaValidator as CoreValidator
    from pydantic_core import core_schema

    if not isinstance(instance, str):
        return
    try:
        matcher = CoreValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))
        fits = matcher.isinstance_python(instance)
    except Exception as error:  # a pattern that the linear engine has no words for
        yield jsonschema.ValidationError(f"the pattern {pattern!r} cannot be checked: {str(error)[:100]}")
        return
    if not fits:
        yield jsonschema.ValidationError(f"{instance[:80]!r} does not match {pattern!r}")
