"""A function's signature as JSON Schema and as a validator of arguments."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_origin

from pydantic import TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, PydanticUserError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import CoreSchema, SchemaValidator, core_schema

from agentkit.chat import Json, is_json
from agentkit.errors import ConfigurationError

from .arguments import TypedValidator
from .context import Context

_NOT_JSON = (PydanticInvalidForJsonSchema, PydanticUserError)


@dataclass(frozen=True)
class Signature:
    """What of a function the model sees, and the parameter that gets the context."""

    parameters: Json
    validator: TypedValidator
    context: str | None
    deps_type: Any


def read_signature(function: Callable[..., Any], descriptions: Mapping[str, str], place: str, names: Json) -> Signature:
    """Read a signature. Raises ConfigurationError for what has no schema, naming the parameter and the remedy."""
    hints = _hints(function, place, names)
    fields = _Fields()
    context: str | None = None
    deps_type: Any = None
    for parameter in inspect.signature(function).parameters.values():
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
        else:
            fields.add(parameter, hint, where)
    schema = fields.json_schema(place)
    for name in descriptions.keys() & schema["properties"].keys():
        schema["properties"][name].setdefault("description", descriptions[name])
    return Signature(schema, TypedValidator(SchemaValidator(fields.core_schema()), schema), context, deps_type)


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


class _Fields:
    """The parameters that a model gives, as pydantic's core takes a dictionary with typed keys."""

    def __init__(self) -> None:
        self._fields: dict[str, core_schema.TypedDictField] = {}
        self._shared: dict[str, CoreSchema] = {}  # what recursive types refer to, by reference
        self._rest: CoreSchema | None = None  # of **kwargs

    def add(self, parameter: inspect.Parameter, hint: Any, where: str) -> None:
        """Take a parameter in. Raises ConfigurationError for a type without a schema."""
        default = parameter.default
        if isinstance(default, FieldInfo):  # written as `x: int = Field(...)`
            hint, default = Annotated[hint, default], parameter.empty
        schema = self._of(hint, where)
        if parameter.kind is parameter.VAR_KEYWORD:
            self._rest = schema
            return
        if default is not parameter.empty:
            schema = core_schema.with_default_schema(schema, default=default)
        self._fields[parameter.name] = core_schema.typed_dict_field(schema, required=schema["type"] != "default")

    def _of(self, hint: Any, where: str) -> CoreSchema:
        try:
            found: Any = _adapter(hint).core_schema
        except (PydanticSchemaGenerationError, PydanticUserError, TypeError, NameError) as error:
            reason = str(error).splitlines()[0].split(". Set `arb")[0]
            raise ConfigurationError(
                f"{where}: its annotation has no schema: {reason}; use types that pydantic knows, "
                "or take what the tool needs from ctx.deps"
            ) from None
        if found["type"] == "definitions":
            self._shared.update((shared["ref"], shared) for shared in found["definitions"])
            found = found["schema"]
        schema: CoreSchema = found
        return schema

    def core_schema(self) -> CoreSchema:
        """All of them as one schema."""
        rest = self._rest
        whole = core_schema.typed_dict_schema(
            self._fields, extras_schema=rest, extra_behavior="forbid" if rest is None else "allow"
        )
        return core_schema.definitions_schema(whole, list(self._shared.values())) if self._shared else whole

    def json_schema(self, place: str) -> Json:
        """The same as JSON Schema."""
        try:
            return _without_titles(_Generator().generate(self.core_schema()))
        except _NOT_JSON as error:
            reason = str(error).splitlines()[0]
            raise ConfigurationError(f"{place}{self._culprit()}: {reason}; models speak JSON: use JSON types") from None

    def _culprit(self) -> str:
        """The parameter without a JSON Schema, as an error names it; nothing when it is none alone."""
        for name, field in self._fields.items():
            try:
                _Generator().generate(core_schema.definitions_schema(field["schema"], list(self._shared.values())))
            except _NOT_JSON:
                return f": parameter {name!r}"
        return ""


def _adapter(hint: Any) -> TypeAdapter[Any]:
    """What pydantic makes of a type."""
    try:
        return _kept(hint, repr(hint))
    except TypeError:  # no hash
        return TypeAdapter(hint)


@functools.lru_cache(256)
def _kept(hint: Any, text: str) -> TypeAdapter[Any]:
    """Most parameters share a few types. The text tells unions apart that are equal but in another order."""
    return TypeAdapter(hint)


class _Generator(GenerateJsonSchema):
    """Plain defaults as they are: pydantic makes an adapter for each, which takes a quarter of the whole."""

    def encode_default(self, dft: Any) -> Any:
        return dft if dft is None or dft.__class__ in (bool, int, float, str) else super().encode_default(dft)


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
