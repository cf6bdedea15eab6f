"""The JSON-Schema-Test-Suite, draft 2020-12, through the front door: as the parameters of a tool a model calls.

The files are those of the jsonschema 4.26 source distribution, unchanged; their licence lies beside them.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from agentkit import ConfigurationError, Tool, ToolError

SUITE = Path(__file__).parent.parent / "data" / "json-schema-test-suite"
GROUPS: list[tuple[str, dict[str, Any]]] = [
    (f"{path.stem}: {group['description']}", group)
    for path in sorted(SUITE.glob("*.json"))
    for group in json.loads(path.read_text(encoding="utf-8"))
]


def as_tool(schema: dict[str, Any]) -> Tool[..., Any]:
    return Tool.from_schema("f", "F.", schema, lambda **arguments: None)


def in_a_property(schema: Any) -> dict[str, Any] | None:
    """The schema as that of one argument; None where its references would point elsewhere then."""
    text = json.dumps(schema)
    if '"$ref"' in text or '"$dynamicRef"' in text or '"$id"' in text:
        return None
    return {"type": "object", "properties": {"value": schema}, "required": ["value"]}


def wrong(made: Tool[..., Any], schema: Any, data: Any, valid: bool, counts: Counter[str]) -> str | None:
    """What is wrong with how a call was judged; None when it is right."""
    text = json.dumps(data)
    try:
        arguments = made.validate(text)
    except ToolError as error:
        counts["rejected" if not valid else "refused though valid"] += 1
        return f"valid, but: {error}" if valid else None if str(error) else "rejected without a word"
    counts["accepted" if valid else "mended"] += 1
    if not valid and not arguments.repairs:
        return "invalid, but accepted"
    passed_on = Draft202012Validator(schema).is_valid(json.loads(arguments.json))
    return None if passed_on else "what is passed on is not valid"


def run(groups: list[tuple[str, Any, list[tuple[Any, bool]]]]) -> tuple[Counter[str], list[str], list[str]]:
    counts, problems, refused = Counter[str](), list[str](), list[str]()
    for name, schema, cases in groups:
        try:
            made = as_tool(schema)
        except ConfigurationError as error:
            refused.append(f"{name}: {error}")
            continue
        counts["groups"] += 1
        for data, valid in cases:
            problem = wrong(made, schema, data, valid, counts)
            if problem is not None:
                problems.append(f"{name}: {json.dumps(data)[:100]}: {problem}")
    return counts, problems, refused


def test_schemas_of_objects_judge_arguments_as_the_suite_says() -> None:
    groups = [
        (name, group["schema"], [(t["data"], t["valid"]) for t in group["tests"] if isinstance(t["data"], dict)])
        for name, group in GROUPS
        if isinstance(group["schema"], dict) and group["schema"].get("type", "object") == "object"
    ]
    usable = [(name, schema, cases) for name, schema, cases in groups if cases]
    counts, problems, refused = run(usable)
    print(f"{len(usable)} groups, {len(refused)} refused: {dict(counts)}", *refused, sep="\n  ")
    assert problems == []


def test_every_schema_as_that_of_one_argument_judges_it_as_the_suite_says() -> None:
    groups = [
        (name, schema, [({"value": t["data"]}, t["valid"]) for t in group["tests"]])
        for name, group in GROUPS
        if (schema := in_a_property(group["schema"])) is not None
    ]
    counts, problems, refused = run(groups)
    print(f"{len(groups)} groups, {len(refused)} refused: {dict(counts)}", *refused, sep="\n  ")
    assert problems == []
