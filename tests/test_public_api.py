"""The public names and their keywords: what users and checks may rely on."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any, get_args

import pytest

import agentkit
from agentkit import Agent, ChatClient, Context, Event, Limits, RemoteModel, RunResult, RunState, Settings, Tool, tool
from agentkit.agent import AgentOptions, RunOptions
from agentkit.tools import ToolOptions

NAMES = """
Agent AgentChanged AgentKitError AuthenticationFailed BadRequest ChatClient ChatCompletion ChatRequest ConfigurationError
ConnectionFailed ContentFiltered Context ContextOverflow Event FunctionModel GuardrailTripped LimitReached Limits
MemoryStore Middleware Model ModelCall ModelError ModelRefused OfflineModel OutputInvalid OutputTruncated PartialOutput
PostgresStore Profile ProtocolError RateLimited ReasoningDelta RefusalDelta RemoteModel Restarted RunCall RunFinished RunResult
RunStarted RunState RunStream SQLiteStore ScriptedModel ServerFailed Session SessionConflict Settings StatusError StillWaiting Store StoreError
StreamInterrupted StreamTruncated SyncRunStream TextDelta Timeout Tool ToolError ToolFailed ToolFinished ToolProgress ToolProposed
ToolResult ToolRun ToolStarted Usage Waiting event_json model_from_environment tool
"""

KEYWORDS: dict[Any, str] = {
    Agent: "model deps output name instructions tools settings limits handoffs middleware early_start choose",
    Agent.run: "input deps session settings limits middleware take_over",
    Agent.run_sync: "input deps session settings limits middleware take_over",
    Agent.stream: "input deps session settings limits middleware take_over",
    Agent.stream_sync: "input deps session settings limits middleware take_over",
    tool: "function effect approval expires timeout max_failures strict max_result thread lock when untrusted name description",
    Tool.from_schema: "name description parameters function effect approval expires timeout max_failures strict max_result thread lock when untrusted",
    Context: "deps run_id agent call_id idempotency_key attempt messages usage progress",
    RemoteModel: "name base_url api_key headers timeout retries proxy trust_env client profile transport",
    ChatClient: "base_url api_key transport http headers timeout retries proxy trust_env verify allow_http",
    ChatClient.complete: "request on_chunk body",
    Limits: "turns tool_calls tokens seconds repairs repeats parallel on_limit",
    RunState.decide: "call approve reason retry tell_model result",
    RunState.approve: "call arguments",
    RunState.deny: "call reason",
    RunState.answer: "call result",
    RunState.retry: "call",
}
OPTIONS: dict[str, Any] = {"RunOptions": RunOptions, "AgentOptions": AgentOptions, "ToolOptions": ToolOptions}
EVENTS: dict[str, str] = {
    "RunStarted": "run_id agent", "TextDelta": "text choice", "ReasoningDelta": "text choice", "RefusalDelta": "text choice",
    "PartialOutput": "value choice", "ToolProposed": "call", "ToolStarted": "call", "ToolProgress": "call message done total",
    "ToolFinished": "call result", "AgentChanged": "agent", "Waiting": "call tool arguments why expires", "Restarted": "reason",
    "RunFinished": "status",
}  # fmt: skip
READ: dict[type, str] = {
    RunResult: "output status stopped_by waiting messages new_messages usage state completions confidence agent abandoned",
    Tool: "name description parameters strict effect approval expires timeout max_failures max_result lock when untrusted schema digest",
    RunState: "messages new_messages waiting usage agent run_id",
}


def keywords(thing: Any) -> list[str]:
    """The keywords of a callable, those of an unpacked TypedDict included."""
    found: list[str] = []
    for name, parameter in inspect.signature(thing).parameters.items():
        unpacked = [options for title, options in OPTIONS.items() if title in str(parameter.annotation)]
        unpacked = unpacked or ([ToolOptions] if "SchemaOptions" in str(parameter.annotation) else [])
        if parameter.kind is parameter.VAR_KEYWORD:
            own = list(inspect.get_annotations(unpacked[0]).keys() | _inherited(unpacked[0]))
            found += [
                o for o in own if "SchemaOptions" not in str(parameter.annotation) or o not in ("name", "description")
            ]
        elif name != "self":
            found.append(name)
    return found


def _inherited(options: Any) -> set[str]:
    return set(options.__annotations__)


def test_all_names_are_there_and_no_others() -> None:
    assert sorted(agentkit.__all__) == sorted(NAMES.split())
    for name in agentkit.__all__:
        assert getattr(agentkit, name) is not None


@pytest.mark.parametrize("thing", KEYWORDS, ids=lambda thing: getattr(thing, "__qualname__", str(thing)))
def test_the_keywords_of_a_verb_stay_what_they_are(thing: Any) -> None:
    assert sorted(keywords(thing)) == sorted(KEYWORDS[thing].split())


def test_settings_are_the_parameters_of_the_endpoint_by_their_wire_names() -> None:
    own = {"extra"}
    left_out = {"messages", "model", "tools", "stream", "functions", "function_call"}
    assert set(Settings.model_fields) - own == set(agentkit.ChatRequest.model_fields) - left_out


def test_events_are_a_closed_union_with_these_fields() -> None:
    events = {event.__name__: [f.name for f in dataclasses.fields(event)] for event in get_args(Event)}
    assert events == {name: fields.split() for name, fields in EVENTS.items()}


@pytest.mark.parametrize("kind", READ, ids=lambda kind: kind.__name__)
def test_what_can_be_read_off_a_value(kind: type) -> None:
    agent = Agent("offline", tools=[tool(lambda: None, name="f", description="F.")])
    value: Any = agent.run_sync("hi")
    value = {RunResult: value, RunState: value.state, Tool: agent.spec.tools[0]}[kind]
    for name in READ[kind].split():
        getattr(value, name)


def test_every_public_name_says_what_it_is_for() -> None:
    silent = [name for name in agentkit.__all__ if name != "Event" and not inspect.getdoc(getattr(agentkit, name))]
    for name in agentkit.__all__:
        thing = getattr(agentkit, name)
        if inspect.isclass(thing):
            members = [
                (n, m)
                for n, m in vars(thing).items()
                if not n.startswith("_") and (inspect.isfunction(m) or isinstance(m, (property, classmethod)))
            ]
            silent += [
                f"{name}.{n}" for n, m in members if not inspect.getdoc(m) and not inspect.getdoc(getattr(thing, n))
            ]
    assert silent == []


def test_every_error_is_in_the_drawn_tree_under_its_base() -> None:
    tree = agentkit.errors.__doc__ or ""
    depth = {line.split("── ")[1].split()[0]: line.index("── ") for line in tree.splitlines() if "── " in line}
    for name in agentkit.__all__:
        thing = getattr(agentkit, name)
        if inspect.isclass(thing) and issubclass(thing, Exception) and thing is not agentkit.AgentKitError:
            assert name in depth
            base = thing.__base__.__name__ if thing.__base__ else ""
            assert depth.get(base, -3) == depth[name] - 4, name


def test_the_version_is_that_of_the_distribution() -> None:
    from importlib.metadata import version

    assert version("agentkit") == "0.1.0"
