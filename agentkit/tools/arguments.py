"""Arguments that the model made up, checked before a function sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json, to_json

from agentkit.chat import Json
from agentkit.errors import ConfigurationError, ToolError

from .json_text import parsed_object


@dataclass(frozen=True, slots=True)
class Arguments:
    """Valid arguments: `values` by parameter name, `json` as canonical text, `repairs` made on the way."""

    values: Mapping[str, Any]
    json: str
    repairs: tuple[str, ...] = ()


class Validator(Protocol):
    """Turns a parsed object into values. Raises ToolError with one short line for each problem."""

    def values(self, data: Json) -> Mapping[str, Any]:
        """The values by parameter name."""
        ...


def read_arguments(text: str | Json, validator: Validator, schema: Json) -> Arguments:
    """Parse, validate, and mend what is lossless; the mended form is validated like any other."""
    repairs: list[str] = []
    data = parsed_object(text, nothing_required=not schema.get("required"), repairs=repairs)
    try:
        values = validator.values(data)
    except ToolError:
        mended = _mended(data, schema, repairs)
        if mended is None:
            raise
        data, values = mended, validator.values(mended)
    return Arguments(values, to_json(data).decode(), tuple(repairs))


def _mended(data: Json, schema: Json, repairs: list[str]) -> Json | None:
    """null for a default left out, objects and arrays that came as JSON text; None when there is nothing of it."""
    properties, required = schema.get("properties", {}), schema.get("required", ())
    out = dict(data)
    for name, value in data.items():
        wanted = properties.get(name)
        if wanted is None:
            continue
        if value is None and name not in required:
            del out[name]
            repairs.append(f"null for the default of {name}")
        elif isinstance(value, str) and _kinds(wanted) and _kinds(wanted) <= {"object", "array", "null"}:
            try:
                inner = from_json(value, allow_inf_nan=False)
            except ValueError:
                continue
            if isinstance(inner, (dict, list)):
                out[name] = inner
                repairs.append(f"{name} encoded twice")
    return None if out == data else out


def _kinds(schema: Json) -> set[str]:
    if "$ref" in schema:
        return {"object"}
    if "anyOf" in schema:
        return {kind for sub in schema["anyOf"] for kind in _kinds(sub)}
    kind = schema.get("type")
    return {kind} if isinstance(kind, str) else set(kind or ())


class ModelValidator:
    """Arguments by a pydantic model made of a signature; fields are aliased, so no name is taken."""

    def __init__(self, model: type[BaseModel], names: Mapping[str, str], schema: Json) -> None:
        self._model, self._names, self._schema = model, names, schema

    def values(self, data: Json) -> Mapping[str, Any]:
        if True in data.values() or False in data.values() or _nested(data):
            problem = _bool_for_number(data, self._schema, self._schema, "")
            if problem is not None:
                raise ToolError(problem)
        try:
            model = self._model.model_validate(data)
        except ValidationError as error:
            raise ToolError(_lines(error)) from None
        values = {name: getattr(model, field) for name, field in self._names.items()}
        if model.__pydantic_extra__:
            values.update(model.__pydantic_extra__)
        return values


def _nested(data: Json) -> bool:
    return any(isinstance(value, (dict, list)) for value in data.values())


def _bool_for_number(value: Any, schema: Json, root: Json, path: str) -> str | None:
    """A boolean where only a number fits: pydantic would read true as 1 (Q77)."""
    while "$ref" in schema:
        schema = root.get("$defs", {}).get(schema["$ref"].rsplit("/", 1)[-1], {})
    if isinstance(value, bool):
        kinds = _kinds(schema)
        if kinds & {"integer", "number"} and "boolean" not in kinds:
            return f"{path}: expected a number, got {'true' if value else 'false'}"
        return None
    if "anyOf" in schema:
        found = [_bool_for_number(value, sub, root, path) for sub in schema["anyOf"]]
        return found[0] if found and all(found) else None
    if isinstance(value, dict):
        inner = schema.get("properties", {})
        rows = [(key, item, inner.get(key, {})) for key, item in value.items()]
    elif isinstance(value, list):
        items = schema.get("items", {})
        rows = [(str(index), item, items if isinstance(items, dict) else {}) for index, item in enumerate(value)]
    else:
        return None
    checked = (_bool_for_number(item, sub, root, f"{path}.{key}" if path else key) for key, item, sub in rows)
    return next((problem for problem in checked if problem is not None), None)


def _lines(error: ValidationError) -> str:
    lines = []
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

    def values(self, data: Json) -> Mapping[str, Any]:
        if self._compiled is None:
            self._compiled = compiled(self._schema, self._where)
        errors = sorted(self._compiled.iter_errors(data), key=lambda error: str(error.path))
        if errors:
            raise ToolError("\n".join(_schema_line(error) for error in errors[:20]))
        return data


def _schema_line(error: Any) -> str:
    where = ".".join(str(part) for part in error.absolute_path) or "arguments"
    return f"{where}: {str(error.message)[:200]}"


def compiled(schema: Json, where: str) -> Any:
    """A compiled validator of a schema. Raises ConfigurationError for one that is not valid or refers elsewhere."""
    import jsonschema  # 50 ms that only raw schemas need

    _refuse_remote(schema, where)
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise ConfigurationError(f"{where}: the parameters are not a JSON Schema: {error.message[:200]}") from None
    from jsonschema import validators

    extend: Any = validators.extend
    linear: Any = extend(jsonschema.Draft202012Validator, {"pattern": _pattern})
    return linear(schema)


def _refuse_remote(node: Any, where: str) -> None:
    if isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str) and not reference.startswith("#"):
            raise ConfigurationError(f"{where}: $ref {reference!r} points outside the schema; inline what it means")
        for value in node.values():
            _refuse_remote(value, where)
    elif isinstance(node, list):
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
