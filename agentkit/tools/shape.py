"""Values beside the schema of their type: what pydantic would read wrongly, and what is mended without loss."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json

from agentkit.chat import Json, is_json, is_list

_NUMBERS = frozenset({"integer", "number"})
_NESTED = frozenset({"object", "array", "null"})
_FOLLOWED = 16  # references and alternatives, one inside the other


def has_numbers(schema: Any) -> bool:
    """Whether a number is wanted anywhere in the schema."""
    if is_list(schema):
        return any(has_numbers(item) for item in schema)
    if not is_json(schema):
        return False
    return schema.get("type") in ("integer", "number") or any(has_numbers(value) for value in schema.values())


def boolean_for_number(value: Any, schema: Json, root: Json, path: str = "") -> str | None:
    """The problem of a boolean where only a number fits: pydantic would read true as 1 (Q77)."""
    branches = _branches(schema, root)
    if isinstance(value, bool):
        kinds = {kind for branch in branches for kind in _kinds(branch)}
        wrong = kinds & _NUMBERS and "boolean" not in kinds
        return f"{path}: expected a number, got {'true' if value else 'false'}" if wrong else None
    wanted = _kind(value)
    if wanted is None:
        return None
    found = [_inside(value, branch, root, path) for branch in branches if wanted in _kinds(branch)]
    return found[0] if found and all(found) else None


def _inside(value: Any, branch: Json, root: Json, path: str) -> str | None:
    rows = value.items() if is_json(value) else enumerate(value)
    for key, item in rows:
        if item.__class__ in (bool, dict, list):
            problem = boolean_for_number(item, _at(branch, key), root, f"{path}.{key}" if path else str(key))
            if problem is not None:
                return problem
    return None


def mended(value: Any, schema: Json, root: Json, repairs: list[str], path: str = "") -> Any:
    """The value with null for a default left out, and objects and arrays that came as JSON text read (Q69).

    What was done is added to `repairs`; nothing done gives an equal value.
    """
    branches = _branches(schema, root)
    kinds = {kind for branch in branches for kind in _kinds(branch)}
    if isinstance(value, str) and kinds and kinds <= _NESTED:
        inner = _read(value)
        if inner is not None:
            repairs.append(f"{path} encoded twice")
            value = inner
    wanted = _kind(value)
    fitting = [branch for branch in branches if wanted in _kinds(branch)]
    if len(fitting) != 1:
        return value
    if is_json(value):
        return _mended_object(value, fitting[0], root, repairs, path)
    if is_list(value):
        return [mended(item, _at(fitting[0], n), root, repairs, f"{path}.{n}") for n, item in enumerate(value)]
    return value


def _mended_object(value: Json, schema: Json, root: Json, repairs: list[str], path: str) -> Json:
    required = schema.get("required", ())
    out: Json = {}
    for key, item in value.items():
        where, wanted = f"{path}.{key}" if path else key, _at(schema, key)
        if (
            item is None
            and key in schema.get("properties", {})
            and key not in required
            and not _takes_null(wanted, root)
        ):
            repairs.append(f"null for the default of {where}")
        else:
            out[key] = mended(item, wanted, root, repairs, where)
    return out


def _takes_null(schema: Json, root: Json) -> bool:
    return any(_is_null(branch) for branch in _branches(schema, root))


def _is_null(branch: Json) -> bool:
    if "enum" in branch:
        return None in branch["enum"]
    kinds = _kinds(branch)
    return branch.get("const", False) is None or "null" in kinds or not (kinds or "const" in branch)


def _read(text: str) -> Any:
    try:
        inner: Any = from_json(text, allow_inf_nan=False)
    except ValueError:
        return None
    return inner if is_json(inner) or is_list(inner) else None


def _kind(value: Any) -> str | None:
    return "object" if is_json(value) else "array" if is_list(value) else None


def _branches(schema: Any, root: Json, depth: int = 0) -> list[Json]:
    """The schema's alternatives, references followed; one of anything where that has no end."""
    if not is_json(schema) or depth > _FOLLOWED:
        return [{}]
    if isinstance(reference := schema.get("$ref"), str):
        place, _, name = reference.rpartition("/")
        return _branches(root.get(place.removeprefix("#/"), {}).get(name, {}), root, depth + 1)
    alternatives: Any = schema.get("anyOf") or schema.get("oneOf")
    if not is_list(alternatives):
        return [schema]
    return [branch for sub in alternatives for branch in _branches(sub, root, depth + 1)]


def _kinds(schema: Json) -> frozenset[str]:
    kind: Any = schema.get("type")
    return frozenset((kind,) if isinstance(kind, str) else kind or ())


def _at(schema: Json, key: str | int) -> Json:
    """The schema of what stands at a key or an index."""
    if isinstance(key, int):
        first = schema.get("prefixItems", ())
        found: Any = first[key] if key < len(first) else schema.get("items")
    else:
        found = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
    return found if is_json(found) else {}
