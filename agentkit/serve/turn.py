"""What one request makes an agent do: its tools and the client's, the settings, and what the run begins with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from starlette.requests import Request

from agentkit.chat import (
    AllowedToolsChoice,
    AssistantMessage,
    ChatRequest,
    DeveloperMessage,
    FunctionChoice,
    FunctionTool,
    Json,
    Message,
    Settings,
    SystemMessage,
    ToolMessage,
    Usage,
)
from agentkit.errors import ConfigurationError
from agentkit.journal import RunState, Session
from agentkit.run import Team
from agentkit.run.input import RunInput
from agentkit.tools import Tool

from .asked import Asked, invalid
from .failure import Refusal
from .service import AnyAgent, Service

# What the server does itself, and what is handled apart.
_OURS = frozenset({"store", "metadata", "stream_options", "tool_choice", "parallel_tool_calls", "max_tokens"})
_MOST = 128  # tools of a request


@dataclass(frozen=True)
class Turn:
    """A run that is ready to begin or to go on.

    before: what it had spent when the request came. calls: those of the client whose results the request brings.
    """

    asked: Asked
    model: str
    agent: AnyAgent
    input: RunInput
    options: dict[str, Any]
    client_tools: frozenset[str]
    session: Session | None = None
    before: Usage = field(default_factory=Usage)
    calls: frozenset[str] = frozenset()

    def going_on(self, state: RunState) -> Turn:
        """The turn that goes on from a state. Raises Refusal when another agent's run stands there."""
        spec = self.agent.spec
        if state.agent not in Team(spec, spec.limits).specs:
            told = f"the run that goes on here is another agent's than {self.model!r}"
            raise Refusal(409, told, param="model", code="session_conflict")
        return replace(self, input=state, before=state.usage)

    @property
    def structured(self) -> bool:
        """Whether the answer has to be JSON."""
        format_ = self.asked.chat.response_format
        return self.agent.spec.output is not None or (format_ is not None and format_.type != "text")

    @property
    def last_alone(self) -> bool:
        """Whether the answer is the last turn's alone: JSON cannot be joined, and log probabilities are of one turn."""
        return self.structured or bool(self.asked.chat.logprobs)

    @property
    def held(self) -> bool:
        """Whether a stream tells such an answer at its end: which turn is the last is known when the run is over."""
        several = self.agent.spec.output is not None or self.agent.spec.by_name.keys() > self.client_tools
        return bool(self.asked.chat.logprobs) or (self.structured and several)


async def prepared(service: Service, request: Request, asked: Asked, model: str) -> Turn:
    """The turn that begins with the request's messages. Raises Refusal for what this agent does not take."""
    agent, chat = service.agent(model), asked.chat
    own = agent.spec.by_name
    if (chat.n or 1) > 1 and own:
        raise Refusal(400, "n is only for agents without tools of their own", param="n", code="unsupported")
    if chat.response_format is not None and agent.spec.output is not None:
        told = "this agent has an output format of its own"
        raise Refusal(400, told, param="response_format", code="unsupported")
    extra = _extra(agent, chat)
    changes: dict[str, Any] = {name: value for name, value in chat.parameters().items() if name not in _OURS}
    if chat.max_tokens is not None:
        changes.setdefault("max_completion_tokens", chat.max_tokens)
    tools, choice = _offered(chat, bool(own))
    if tools:
        changes |= {"tool_choice": choice, "parallel_tool_calls": chat.parallel_tool_calls}
        agent = _with_tools(agent, tools)
    deps = await service.deps_for(agent, request)
    options = {"deps": deps, "settings": Settings(**changes, extra=extra)}
    return Turn(asked, model, agent, chat.messages, options, frozenset(tool.name for tool in tools))


def _extra(agent: AnyAgent, chat: ChatRequest) -> dict[str, Any]:
    """What the page does not know, for the endpoint behind; agents that are more than a model have no use for it."""
    extra = chat.model_extra or {}
    if extra and (agent.spec.instructions or agent.spec.by_name):
        name = next(iter(extra))
        raise Refusal(400, f"there is no parameter {name!r}", param=name, code="unknown_parameter")
    return extra


def _offered(chat: ChatRequest, has_own: bool) -> tuple[list[FunctionTool], Any]:
    """The client's tools that may be called, and the choice among them; "none" leaves the agent its own."""
    tools: list[FunctionTool] = []
    for position, tool in enumerate(chat.tools or ()):
        if not isinstance(tool, FunctionTool):
            told = f"tools[{position}]: only functions can be tools here"
            raise Refusal(400, told, param=f"tools[{position}].type", code="unsupported")
        tools.append(tool)
    choice: Any = chat.tool_choice
    if isinstance(choice, AllowedToolsChoice):
        rows: list[Json] = [tool.get("function") or {} for tool in choice.allowed_tools.tools]
        allowed = {row.get("name") for row in rows}
        tools, choice = [tool for tool in tools if tool.name in allowed], choice.allowed_tools.mode
    if choice == "none":
        return [], None
    if choice == "required" and has_own:  # one of the client's, not one of the agent's
        if len(tools) == 1:
            return tools, FunctionChoice.model_validate({"function": {"name": tools[0].name}})
        named = [{"type": "function", "function": {"name": tool.name}} for tool in tools]
        allowed_tools = {"mode": "required", "tools": named}
        return tools, AllowedToolsChoice.model_validate({"allowed_tools": allowed_tools})
    return tools, choice


def _with_tools(agent: AnyAgent, tools: list[FunctionTool]) -> AnyAgent:
    own = agent.spec.by_name
    clash = next((tool.name for tool in tools if tool.name in own), None)
    if clash is not None:
        raise Refusal(400, f"the agent has a tool {clash!r} of its own; rename yours", param="tools", code="name_taken")
    if len(own) + len(tools) > _MOST:
        raise Refusal(400, f"the agent has {len(own)} tools, so at most {_MOST - len(own)} can be given", param="tools")
    try:
        return agent.replace(tools=[*agent.spec.tools, *map(_external, tools)])
    except ConfigurationError as error:
        raise invalid(error, "tools") from None


def _external(tool: FunctionTool) -> Tool[..., Any]:
    function = tool.function
    strict = bool(function.strict)
    return Tool.external(function.name, function.description or "", function.parameters or {}, strict=strict)


def results(messages: tuple[Message, ...]) -> dict[str, str]:
    """What the client's tools gave, by the ids of their calls: the tool messages that end the request."""
    found: dict[str, str] = {}
    for message in _new(messages):
        if isinstance(message, ToolMessage):
            content = message.content
            found[message.tool_call_id] = content if isinstance(content, str) else "".join(p.text for p in content)
    return found


def additions(messages: tuple[Message, ...], state: RunState) -> tuple[Message, ...]:
    """What a request adds to a session that remembers: clients send the whole history again, or what is new alone."""
    if not state.messages:
        return messages
    new = [message for message in _new(messages) if not isinstance(message, ToolMessage)]
    known = [m for m in state.messages if isinstance(m, SystemMessage | DeveloperMessage)]
    return tuple(m for m in new if not (isinstance(m, SystemMessage | DeveloperMessage) and m in known))


def _new(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    said = [position for position, message in enumerate(messages) if isinstance(message, AssistantMessage)]
    return messages[said[-1] + 1 :] if said else messages
