"""`agentkit tools`: what the model gets to see of an agent's tools, and what is wrong with it."""

from __future__ import annotations

import json
from typing import Any

import click

from agentkit.chat import Json, is_json
from agentkit.run.nested import team_of
from agentkit.tools import Tool, to_strict

from .commands import COMMANDS, OK
from .target import target_at
from .terminal import say

LONG = 1024  # characters of a description, above which providers complain or models lose the thread


@click.command(help=COMMANDS["tools"])
@click.argument("target")
@click.option("--json", "as_json", is_flag=True, help="Print the request's `tools` as JSON and nothing else.")
def command(target: str, as_json: bool) -> int:
    spec = target_at(target).agent.spec
    tools = [*spec.by_name.values()]
    if as_json:
        click.echo(json.dumps([tool.schema for tool in tools], indent=2, ensure_ascii=False))
        return OK
    if not tools:
        say(f"agent {spec.name!r} has no tools")
    for tool in tools:
        _show(tool)
    sent = sum(len(json.dumps(tool.schema)) for tool in tools)
    say(f"{len(tools)} {'tool' if len(tools) == 1 else 'tools'}, {sent} characters in each request")
    return OK


def _show(tool: Tool[..., Any]) -> None:
    say(tool.name, bold=True)
    say(f"  {', '.join(_traits(tool))}")
    for line in (tool.description or "").splitlines():
        say(f"  {line}")
    for problem in problems(tool):
        say(f"  problem: {problem}", fg="yellow")
    body = json.dumps(tool.schema["function"].get("parameters", {}), indent=2, ensure_ascii=False)
    for line in body.splitlines():
        say(f"  {line}", dim=True)
    say("")


def _traits(tool: Tool[..., Any]) -> list[str]:
    traits = [f"effect {tool.effect}"]
    if tool.approval is not False:
        traits.append("needs approval" if tool.approval is True else "may need approval")
    if team_of(tool) is not None:
        traits.append("runs an agent")
    elif tool.runs_elsewhere:
        traits.append("runs elsewhere")
    if tool.lock is not None:
        traits.append(f"lock {tool.lock}")
    if tool.timeout is not None:
        traits.append(f"timeout {tool.timeout:g} s")
    if tool.when is not None:
        traits.append("offered when its predicate says so")
    return [*traits, strictness(tool)]


def strictness(tool: Tool[..., Any]) -> str:
    """Whether the schema is strict, and why not."""
    if tool.strict:
        return "strict"
    reason = to_strict(tool.parameters, null_for_default=True)
    return f"not strict: {reason if isinstance(reason, str) else 'it was made with strict=False'}"


def problems(tool: Tool[..., Any]) -> list[str]:
    """What makes a tool hard to use for a model."""
    found: list[str] = []
    if not tool.description:
        found.append("no description: write a docstring, the model cannot know what it is for")
    elif len(tool.description) > LONG:
        found.append(f"the description has {len(tool.description)} characters; keep it under {LONG}")
    for name, schema in tool.parameters.get("properties", {}).items():
        if not _described(schema, tool.parameters):
            found.append(f"{name} has no description: write it under Args: in the docstring")
    return found


def _described(schema: Any, whole: Json) -> bool:
    if not is_json(schema):
        return True
    if "$ref" in schema and not schema.get("description"):
        schema = whole.get("$defs", {}).get(schema["$ref"].rpartition("/")[2], {})
    return bool(schema.get("description") or any(_described(sub, whole) for sub in schema.get("anyOf", ())))
