"""Raw schemas in the dialects of function-calling benchmarks: each is read as what it means, or refused.

A seeded generator makes up a meaning (parameters with a kind, required or not), writes it down the way such
collections do, with their words and their habits, and derives from the meaning alone which arguments fit.
"""

from __future__ import annotations

import copy
import json
import logging
import random
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from agentkit import ConfigurationError, Tool, ToolError

COUNT = 3_000

WORDS = {  # as Python, Java and JavaScript descriptions spell them
    "string": ["string", "str", "String", "char"],
    "integer": ["integer", "int", "long", "short", "byte", "Integer"],
    "number": ["float", "number", "double", "Float"],
    "boolean": ["boolean", "bool", "Boolean"],
    "array": ["array", "list", "ArrayList", "List", "tuple", "Array", "set"],
    "object": ["dict", "object", "HashMap", "Dict", "hashmap"],
    "any": ["any", "Any", None],
}
FITTING: dict[str, list[Any]] = {
    "string": ["", "Paris", "12"],
    "integer": [0, -3, 10**12],
    "number": [0, 1.5, -2],
    "boolean": [True, False],
    "any": [None, 1, "x", [1], {"a": 1}],
}
OTHER: dict[str, list[Any]] = {
    "string": [1, True, [], {}],
    "integer": ["1", 1.5, True, []],
    "number": ["1.5", False, {}],
    "boolean": ["true", 1, 0],
    "array": [1, "a,b", True],
    "object": [1, "x", [1], True],
    "any": [],
}


@dataclass
class Meaning:
    """What one parameter is."""

    kind: str
    items: Meaning | None = None
    fields: dict[str, Meaning] = field(default_factory=dict)
    enum: list[Any] = field(default_factory=list)
    required: bool = False
    nullable: bool = False

    def fitting(self, random: random.Random) -> Any:
        if self.enum:
            return random.choice(self.enum)
        if self.kind == "array":
            return [self.items.fitting(random) for _ in range(random.randint(0, 3))] if self.items else [1, "x"]
        if self.kind == "object":
            return {n: m.fitting(random) for n, m in self.fields.items() if m.required or random.random() < 0.5}
        return random.choice(FITTING[self.kind])

    def wrong(self) -> list[Any]:
        """Values that do not fit, one for each way."""
        found = [value for value in OTHER[self.kind] if not (self.nullable and value is None)]
        if self.enum:
            found = [
                value for value in (*found, "none of them", 987) if value not in self.enum or isinstance(value, bool)
            ]
        if self.items is not None:
            found += [[value] for value in self.items.wrong()]
        for name, inner in self.fields.items():
            base = {n: m.enum[0] if m.enum else sample(m) for n, m in self.fields.items() if m.required}
            found += [{**base, name: value} for value in inner.wrong()]
            if inner.required:
                found.append({n: v for n, v in base.items() if n != name})
        return found


def sample(meaning: Meaning) -> Any:
    return meaning.fitting(random.Random(0))


def meant(random: random.Random, depth: int = 0) -> Meaning:
    kinds = ["string"] * 4 + ["integer"] * 3 + ["number"] * 2 + ["boolean", "any"]
    kind = random.choice(kinds + (["array"] * 3 + ["object"] * 2 if depth < 2 else []))
    made = Meaning(kind, required=random.random() < 0.5)
    if kind == "array" and random.random() < 0.8:
        made.items = meant(random, depth + 1)
    if kind == "object":
        made.fields = {f"field_{n}": meant(random, depth + 1) for n in range(random.randint(0, 3))}
    if kind in ("string", "integer") and random.random() < 0.2:
        made.enum = ["a", "b", "c"] if kind == "string" else [1, 2, 3]
    made.nullable = kind in ("string", "integer") and random.random() < 0.05
    return made


def written(meaning: Meaning, random: random.Random) -> dict[str, Any]:
    """The parameter as such collections write it; whether it is required is said where it stands."""
    word = random.choice(WORDS[meaning.kind])
    out: dict[str, Any] = {"description": f"Something. Default is None ({random.randint(1, 9)})."}
    if word is not None:
        out["type"] = word
    if meaning.nullable:
        out["nullable"] = True
    if meaning.items is not None:
        simple = (
            meaning.items.kind in ("string", "integer", "number")
            and not meaning.items.enum
            and not meaning.items.nullable
        )
        if simple and random.random() < 0.2:
            out["type"] = f"{random.choice(['list', 'List', 'array'])}[{random.choice(WORDS[meaning.items.kind])}]"
        else:
            out["items"] = written(meaning.items, random)
            if meaning.items.enum and random.random() < 0.5:
                out["enum"] = out["items"].pop("enum")
    if meaning.fields:
        out |= with_properties(meaning.fields, random)
    if meaning.enum:
        out["enum"] = [*meaning.enum, *([None] if meaning.nullable and random.random() < 0.5 else [])]
    for key, value in (("example", {"type": 7}), ("format", "float"), ("default", None), ("x-note", "a b")):
        if random.random() < 0.1:
            out[key] = value
    return out


def with_properties(fields: dict[str, Meaning], random: random.Random) -> dict[str, Any]:
    """Properties, and required in one of the places where it is found."""
    properties: dict[str, Any] = {name: written(meaning, random) for name, meaning in fields.items()}
    required = [name for name, meaning in fields.items() if meaning.required]
    out: dict[str, Any] = {"properties": properties}
    match random.choice(["list", "list", "list", "flags", "optional", "among", "text"]):
        case "flags" if not any("required" in sub for sub in properties.values()):
            for name, meaning in fields.items():
                properties[name]["required"] = meaning.required
        case "optional":
            for name, meaning in fields.items():
                properties[name]["optional"] = not meaning.required
        case "among" if required:
            properties["required"] = required
        case "text" if len(required) == 1:
            out["required"] = required[0]
        case _:
            out["required"] = required
    return out


def spoiled(parameters: dict[str, Any], random: random.Random) -> tuple[dict[str, Any], str]:
    """The description with one thing in it that has no single meaning, and what the refusal must speak of."""
    out = copy.deepcopy(parameters)
    name = next(iter(n for n in out["properties"] if n != "required"))
    at = out["properties"][name]
    match random.randrange(11):
        case 0:
            at["type"] = random.choice(["date", "Location", "enum", "callable", "strin", "list<int>", "function"])
            return out, name
        case 1:
            at.update(type="integer", enum=["one", "two"])
            at.pop("items", None)
            return out, "enum"
        case 2:
            at["required"] = False
            out["required"] = [name]
            out["properties"].pop("required", None)
            return out, "required in one place and optional in another"
        case 3:
            return {"type": "dict", **{n: p for n, p in out["properties"].items() if n != "required"}, "more": {"type": "str"}}, "put them under 'properties'"  # fmt: skip
        case 4:
            out["properties"] = [{"name": name, **at}]
            return out, "properties is no object"
        case 5:
            out["properties"][name] = "the name of the city"
            return out, "is no schema"
        case 6:
            at["$ref"] = "https://schemas.example/city.json"
            return out, "points outside the schema"
        case 7:
            at["type"] = random.choice(["dict[int, str]", "list[Foo]", "Callable[[int], str]", "int |", "tuple[]"])
            return out, name
        case 8:
            at["type"] = {"type": "string"}
            return out, "type is an object"
        case 9:
            at["minLength"] = "three"
            return out, "not a JSON Schema"
        case _:
            at.update(type="string", pattern="(?=look)ahead")
            at.pop("enum", None)
            return out, "look-around"


def fits(made: Tool[..., Any], arguments: dict[str, Any]) -> bool:
    try:
        return json.loads(made.validate(json.dumps(arguments)).json) == arguments
    except ToolError as error:
        return not str(error)  # the model is told why


def misjudged(
    made: Tool[..., Any], fields: dict[str, Meaning], random: random.Random, counts: Counter[str]
) -> str | None:
    """A call that was judged other than the meaning says; None when all were judged right."""
    whole = {name: sample(meaning) for name, meaning in fields.items()}
    for _ in range(3):
        arguments = {n: m.fitting(random) for n, m in fields.items() if m.required or random.random() < 0.6}
        counts["accepted"] += 1
        if not fits(made, arguments):
            return f"refused: {arguments}"
    for name, meaning in fields.items():
        for value in meaning.wrong():
            counts["rejected"] += 1
            if fits(made, {**whole, name: value}):
                return f"accepted: {name}={value!r}"
        if meaning.required:
            counts["rejected"] += 1
            if fits(made, {n: v for n, v in whole.items() if n != name}):
                return f"accepted without {name}"
        if meaning.nullable and not fits(made, {**whole, name: None}):
            return f"refused: {name}=null"
    return None


@pytest.mark.slow
def test_of_3000_odd_descriptions_none_is_silently_read_wrongly(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "agentkit")
    source = random.Random("descriptions")
    counts, wrong = Counter[str](), list[str]()
    for number in range(COUNT):
        fields = {f"p{n}": meant(source) for n in range(source.randint(1, 5))}
        parameters = {"type": source.choice(["dict", "object", "Dict"]), **with_properties(fields, source)}
        name = source.choice([f"f{number}", f"math.f{number}", f"geo.maps.f{number}", f"f-{number}"])
        told = None
        if source.random() < 0.2:
            parameters, told = spoiled(parameters, source)
        caplog.clear()
        before = json.dumps(parameters)
        try:
            made = Tool.from_schema(name, "Does it.", parameters, lambda **arguments: arguments)
        except ConfigurationError as error:
            counts["refused"] += 1
            if told is None or told not in str(error):
                wrong.append(f"{number}: refused, but not for {told!r}: {error}: {before}")
            continue
        finally:
            assert json.dumps(parameters) == before  # what was given is not changed
        counts["imported"] += 1
        counts["imported with a warning"] += bool(caplog.records)
        problem = f"has no meaning ({told}), but was imported" if told else misjudged(made, fields, source, counts)
        if problem is not None:
            wrong.append(f"{number}: {problem}: {before}")
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", made.name)
        assert set(re.findall(r'"type":\s*"(\w+)"', json.dumps(made.plain_parameters))) <= {
            "object", "array", "string", "integer", "number", "boolean", "null",
        } or "example" in before  # fmt: skip
    print(dict(counts))
    assert wrong == []
    assert counts["imported"] + counts["refused"] == COUNT
    assert counts["refused"] > 400


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"type": "Optional[str]"}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({"type": "int | None"}, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        ({"type": "Union[int, List[str]]"}, {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "string"}}]}),
        ({"type": "dict[str, float]"}, {"type": "object", "additionalProperties": {"type": "number"}}),
        ({"type": ["str", "null"]}, {"type": ["string", "null"]}),
        ({"type": "tuple[int, str]"}, {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False, "minItems": 2}),
        ({"type": "array", "items": [{"type": "int"}]}, {"type": "array", "prefixItems": [{"type": "integer"}]}),
        ({"minimum": 1, "exclusiveMinimum": True}, {"exclusiveMinimum": 1}),
        ("float", {"type": "number"}),
    ],
)  # fmt: skip
def test_words_of_other_dialects_mean_what_they_say(given: Any, read: dict[str, Any]) -> None:
    made = Tool.from_schema("f", "F.", {"type": "dict", "properties": {"a": given}}, lambda a: a)
    assert made.plain_parameters["properties"]["a"] == read


def test_what_was_read_otherwise_is_said_in_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "agentkit"):
        made = Tool.from_schema(
            "geo.area", "Area.", {"type": "dict", "properties": {"r": {"type": "float"}}}, lambda r: r
        )
    assert made.name == "geo_area"
    assert [record.getMessage() for record in caplog.records] == [
        "tool 'geo.area': its schema is read as JSON Schema: parameters: the type 'dict'; r: the type 'float'",
        "tool 'geo.area': names hold no dots; it is offered as 'geo_area'",
    ]


def test_a_standard_schema_is_left_as_it_is_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    schema = {
        "type": "object",
        "properties": {"required": {"type": ["string", "null"], "enum": ["a", None]}},
        "required": ["required"],
    }
    with caplog.at_level(logging.WARNING, "agentkit"):
        made = Tool.from_schema("f", "F.", schema, lambda required: required)
    assert made.plain_parameters == schema
    assert caplog.records == []


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"properties": {"a": {"$ref": "#/$defs/nowhere"}}}, "leads nowhere; define it under"),
        ({"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"$ref": "#/$defs/a"}}}, "leads back to itself"),
        (
            {"$schema": "https://example.org/mine", "properties": {}},
            "the $schema 'https://example.org/mine' is unknown",
        ),
        ({"properties": {f"p{n}": {"type": "string"} for n in range(10_001)}}, "more than 10000 parts"),
    ],
)
def test_a_schema_that_cannot_be_checked_is_refused(schema: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(told)):
        Tool.from_schema("f", "F.", schema, lambda **a: a)


def test_null_for_an_optional_enum_without_a_type_means_that_it_was_left_out() -> None:
    schema = {"type": "object", "properties": {"unit": {"enum": ["c", "f"]}, "kind": {"const": 1}, "any": {}}}
    made = Tool.from_schema("f", "F.", schema, lambda **a: a)
    assert made.strict is False
    arguments = made.validate('{"unit": null, "kind": null, "any": null}')
    assert arguments.values == {"any": None}
    assert arguments.repairs == ("null for the default of unit", "null for the default of kind")


def test_a_pattern_of_a_key_cannot_hang_the_check() -> None:
    schema = {"type": "object", "patternProperties": {"^(a+)+$": {"type": "integer"}}, "additionalProperties": False}
    made = Tool.from_schema("f", "F.", schema, lambda **a: a)
    assert fits(made, {"aaaa": 1})
    assert not fits(made, {"a" * 5_000 + "!": 1})
