"""An agent as a tool: its journal lives inside its caller's, so a pause in it pauses the caller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from typing_extensions import Unpack

from agentkit.errors import ConfigurationError, refuse_unknown_keywords
from agentkit.tools import SchemaOptions, SchemaValidator, Tool

from .spec import AgentSpec, Team

INPUT = {
    "type": "object",
    "properties": {"input": {"type": "string", "description": "What the agent is asked, with all it needs to know."}},
    "required": ["input"],
    "additionalProperties": False,
}


@dataclass(frozen=True, eq=False)
class AgentFunction:
    """The function of a tool that runs an agent; the dispatcher runs the team inside the caller's journal."""

    team: Team

    async def __call__(self, input: str) -> object:
        """Only a run can call it: the nested journal has its place in the run's."""
        raise ConfigurationError(f"agent {self.team.first.name!r} as a tool can only be called inside a run")


def agent_tool(spec: AgentSpec, name: str, description: str, **options: Unpack[SchemaOptions]) -> Tool[..., Any]:
    """The tool that runs this agent on a text and gives back its output."""
    refuse_unknown_keywords("agent.as_tool", options, ("name", "description", *SchemaOptions.__annotations__))
    function = AgentFunction(Team(spec, spec.limits))
    validator = SchemaValidator(INPUT, f"tool {name!r}")
    return Tool(function, name=name, description=description, parameters=INPUT, validator=validator, **options)


def team_of(tool: Tool[..., Any] | None) -> Team | None:
    """The team that runs when the tool is called; None for an ordinary tool."""
    function = tool.function if tool is not None else None
    return function.team if isinstance(function, AgentFunction) else None
