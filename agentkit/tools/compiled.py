"""A JSON Schema of foreign origin, compiled: bounded, of one piece, its patterns matched by a linear engine (S16)."""

from __future__ import annotations

import functools
import importlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from pydantic_core import from_json, to_json

from agentkit.chat import Json, is_json, is_list
from agentkit.errors import ConfigurationError

from .subschemas import ALONE, BY_NAME, IN_LIST, walked

_TEXTS = ("description", "title")
MAX_NODES = 10_000  # schemas in one schema


def compiled(schema: Json, where: str) -> Any:
    """A compiled validator of a schema. Raises ConfigurationError for one that is not valid or cannot be checked."""
    problem = next(_problems(schema), None)
    if problem is not None:
        raise ConfigurationError(f"{where}: {problem}")
    _check_references(schema, where)
    return _validator()(schema)


@functools.cache
def _validator() -> Any:
    """The validator's class; making one takes longer than most checks."""
    import jsonschema

    extend: Any = importlib.import_module("jsonschema.validators").extend  # its stub leaves types open
    return extend(jsonschema.Draft202012Validator, _LINEAR)


@functools.lru_cache(4096)
def _wrong(node: bytes) -> str | None:
    """What is wrong with one schema, those inside it aside; the same few stand in all schemas."""
    import jsonschema

    try:
        jsonschema.Draft202012Validator.check_schema(from_json(node))
    except jsonschema.SchemaError as error:
        path = ".".join(str(part) for part in error.absolute_path)
        return f"{path}: {error.message}"[:200] if path else error.message[:200]
    return None


def matcher(pattern: str) -> Callable[[str], bool] | None:
    """Whether a text holds the pattern, in linear time; None for a pattern that needs backtracking."""
    return _matcher(pattern)


@functools.lru_cache(1024)
def _matcher(pattern: str) -> Callable[[str], bool] | None:
    from pydantic_core import SchemaError, SchemaValidator, core_schema

    try:
        core = SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))
    except SchemaError:
        return None
    return core.isinstance_python


def _problems(schema: Json) -> Iterator[str]:
    """What keeps a schema from being checked, with the remedy."""
    by_pattern = unevaluated = False
    nodes = list(itertools.islice(walked(schema), MAX_NODES + 1))
    if len(nodes) > MAX_NODES:
        yield f"the schema has more than {MAX_NODES} parts; leave out what the tool does not need"
        return
    for node in nodes:
        wrong = _wrong(to_json(_alone(node)))
        if wrong is not None:
            yield f"the parameters are not a JSON Schema: {wrong}"
        for key in ("$ref", "$dynamicRef", "$recursiveRef"):
            reference = node.get(key)
            if isinstance(reference, str) and not reference.startswith("#"):
                yield f"{key} {reference!r} points outside the schema; inline what it means"
        if node is not schema and "$id" in node:
            yield f"$id {node['$id']!r} begins another schema inside; write it under $defs, without $id"
        patterns = [node["pattern"]] if "pattern" in node else []
        patterns += node.get("patternProperties") or {}
        for pattern in patterns:
            if isinstance(pattern, str) and matcher(pattern) is None:
                yield f"the pattern {pattern!r} cannot be checked in linear time; write it without look-around"
        by_pattern |= "patternProperties" in node
        unevaluated |= "unevaluatedProperties" in node
    if by_pattern and unevaluated:
        yield "unevaluatedProperties beside patternProperties is not checked; use additionalProperties"


def _alone(node: Json) -> Json:
    """A schema without those inside it, and without its texts."""
    out: Json = {}
    for key, value in node.items():
        if key in BY_NAME and is_json(value):
            out[key] = {name: sub for name, sub in value.items() if not _is_schema(sub)}
        elif key in IN_LIST and is_list(value) and value:
            out[key] = [sub for sub in value if not _is_schema(sub)] or [True]
        elif not (key in ALONE and _is_schema(value)) and not (key in _TEXTS and isinstance(value, str)):
            out[key] = value
    return out


def _is_schema(sub: Any) -> bool:
    return is_json(sub) or isinstance(sub, bool)


def _check_references(schema: Json, where: str) -> None:
    from referencing import Registry
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    base = schema.get("$id", "")
    registry: Any = Registry[Any]()
    resolver = registry.with_resource(base, DRAFT202012.create_resource(schema)).resolver(base)
    for node in walked(schema):
        seen: set[str] = set()
        at: Any = node
        while is_json(at) and isinstance(reference := at.get("$ref"), str):
            if reference in seen:
                raise ConfigurationError(f"{where}: $ref {reference!r} leads back to itself; let it mean something")
            seen.add(reference)
            try:
                at = resolver.lookup(reference).contents
            except Unresolvable:
                raise ConfigurationError(f"{where}: $ref {reference!r} leads nowhere; define it under $defs") from None


def _pattern(validator: Any, pattern: str, instance: Any, schema: Json) -> Iterator[Any]:
    import jsonschema

    matches = matcher(pattern)
    if isinstance(instance, str) and (matches is None or not matches(instance)):
        yield jsonschema.ValidationError(f"{instance[:80]!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Json, instance: Any, schema: Json) -> Iterator[Any]:
    if not validator.is_type(instance, "object"):
        return
    for pattern, sub in patterns.items():
        for key in _keys(instance, pattern):
            yield from validator.descend(instance[key], sub, path=key, schema_path=pattern)


def _additional_properties(validator: Any, sub: Any, instance: Any, schema: Json) -> Iterator[Any]:
    import jsonschema

    if not validator.is_type(instance, "object"):
        return
    known = set(schema.get("properties", ()))
    for pattern in schema.get("patternProperties", ()):
        known.update(_keys(instance, pattern))
    extra = [key for key in instance if key not in known]
    if sub is False and extra:
        verb = "was" if len(extra) == 1 else "were"
        names = ", ".join(map(repr, extra))
        yield jsonschema.ValidationError(f"Additional properties are not allowed ({names} {verb} unexpected)")
    elif sub is not False:
        for key in extra:
            yield from validator.descend(instance[key], sub, path=key)


def _keys(instance: Json, pattern: str) -> list[str]:
    matches = matcher(pattern)
    return [key for key in instance if matches is not None and matches(key)]


_LINEAR = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
}
