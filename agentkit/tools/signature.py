"""A function's signature as JSON Schema and as a validator of arguments."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_origin

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, PydanticUserError
from pydantic.fields import FieldInfo

from agentkit.chat import Json, is_json
from agentkit.errors import ConfigurationError

from .arguments import ModelValidator
from .context import Context


@dataclass(frozen=True)
class Signature:
    """What of a function the model sees, and the parameter that gets the context."""

    parameters: Json
    validator: ModelValidator
    context: str | None
    deps_type: Any


def read_signature(function: Callable[..., Any], descriptions: Mapping[str, str], place: str, names: Json) -> Signature:
    """Read a signature. Raises ConfigurationError for what has no schema, naming the parameter and the remedy."""
    hints = _hints(function, place, names)
    fields: dict[str, Any] = {}
    by_name: dict[str, str] = {}
    context: str | None = None
    deps_type: Any = None
    base: type[BaseModel] = _Closed
    for number, parameter in enumerate(inspect.signature(function).parameters.values()):
        name, kind = parameter.name, parameter.kind
        where = f"{place}: parameter {name!r}"
        if kind is parameter.POSITIONAL_ONLY:
            raise ConfigurationError(f"{where} is positional-only; models name their arguments: remove the '/'")
        if kind is parameter.VAR_POSITIONAL:
            raise ConfigurationError(f"{where} is *{name}; take a list instead: {name}: list[...]")
        if name in _bound(function):
            continue
        if name not in hints:
            kind_of = "Context[Any]" if name in ("ctx", "context") else "str"
            raise ConfigurationError(f"{where} has no annotation; write e.g. {name}: {kind_of}")
        hint = hints[name]
        if hint is Context or get_origin(hint) is Context:
            context, deps_type = name, next(iter(typing.get_args(hint)), None)
        elif kind is parameter.VAR_KEYWORD:
            base = _open(hint)
        else:
            field = f"p{number}"
            fields[field] = _field(name, parameter.default, hint, descriptions.get(name))
            by_name[name] = field
    model = _model(function, base, fields, place)
    schema = _schema(model, place)
    return Signature(schema, ModelValidator(model, by_name, schema), context, deps_type)


def _bound(function: Callable[..., Any]) -> Mapping[str, Any]:
    """What a partial already gives: the model neither sees nor sets it."""
    return function.keywords if isinstance(function, functools.partial) else {}


def _hints(function: Callable[..., Any], place: str, names: Json) -> dict[str, Any]:
    target = getattr(function, "__func__", function.func if isinstance(function, functools.partial) else function)
    if not inspect.isfunction(target) and not inspect.isclass(target) and hasattr(target, "__call__"):  # noqa: B004
        target = type(target).__call__
    try:
        return typing.get_type_hints(target, localns=names, include_extras=True)
    except (NameError, TypeError) as error:
        raise ConfigurationError(f"{place}: an annotation cannot be read: {error}; define or import it above") from None


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=False)


def _open(hint: Any) -> type[BaseModel]:
    return type(
        "Open",
        (BaseModel,),
        {"__annotations__": {"__pydantic_extra__": dict[str, hint]}, "model_config": ConfigDict(extra="allow")},
    )


def _field(name: str, default: Any, hint: Any, description: str | None) -> Any:
    """The field of a parameter: the name as its alias, the docstring's description unless a Field has one."""
    if isinstance(default, FieldInfo):  # written as `x: int = Field(...)`
        hint, default = Annotated[hint, default], _default_of(default)
    about: dict[str, Any] = {"alias": name}
    described = any(isinstance(meta, FieldInfo) and meta.description for meta in typing.get_args(hint)[1:])
    if description and not described:
        about["description"] = description
    if default is not inspect.Parameter.empty:
        about["default"] = default
    return hint, Field(**about)


def _default_of(field: FieldInfo) -> Any:
    if field.is_required():
        return inspect.Parameter.empty
    return field.get_default(call_default_factory=True, validated_data={})


def _model(function: Callable[..., Any], base: type[BaseModel], fields: dict[str, Any], place: str) -> type[BaseModel]:
    name = getattr(function, "__name__", type(function).__name__)
    try:
        model: type[BaseModel] = create_model(name, __base__=base, __module__=function.__module__, **fields)
    except (PydanticSchemaGenerationError, PydanticUserError, TypeError, NameError) as error:
        reason = str(error).splitlines()[0].split(". Set `arb")[0]
        raise ConfigurationError(
            f"{place}: an annotation has no schema: {reason}; use types that pydantic knows, "
            "or take what the tool needs from ctx.deps"
        ) from None
    return model


def _schema(model: type[BaseModel], place: str) -> Json:
    try:
        schema = _without_titles(model.model_json_schema())
    except (PydanticInvalidForJsonSchema, PydanticUserError) as error:
        raise ConfigurationError(f"{place}: {str(error).splitlines()[0]}; models speak JSON: use JSON types") from None
    schema.pop("description", None)
    schema.setdefault("properties", {})
    return schema


def _without_titles(schema: Json) -> Json:
    """Titles repeat names; they only cost tokens."""
    out: Json = {}
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            out[key] = {name: _without_titles(inner) for name, inner in value.items()}
        elif key in ("anyOf", "oneOf", "allOf", "prefixItems"):
            out[key] = [_without_titles(inner) for inner in value]
        elif key in ("items", "additionalProperties") and is_json(value):
            out[key] = _without_titles(value)
        elif key != "title":
            out[key] = value
    return out
