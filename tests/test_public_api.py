"""The public names and their keywords: what users and checks may rely on."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any, get_args, is_typeddict

import pytest

import agentkit
from agentkit import Agent, Event, RunResult, RunState, Settings, Tool, names, tool
from agentkit.agent import AgentOptions, Changes, RunOptions, StreamOptions
from agentkit.chat.settings import SettingsOptions
from agentkit.tools import SchemaOptions, ToolOptions

NAMES = """
Agent AgentChanged AgentEvent AgentKitError AuthenticationFailed BadRequest ChatClient ChatCompletion ChatRequest ConfigurationError
ConnectionFailed ContentFiltered Context ContextOverflow Event FallbackModel FunctionModel GuardrailTripped Handoff LimitReached Limits
MCPServer MemoryStore Middleware Model ModelCall ModelError ModelRefused OfflineModel OpenAPI OutputInvalid OutputTruncated PartialOutput
PostgresStore Profile ProtocolError RateLimited ReasoningDelta RecordedModel RefusalDelta RemoteModel Restarted RunCall RunFinished RunResult
RunStarted RunState RunStream SQLiteStore ScriptedModel ServerFailed Session SessionConflict Settings SourceFailed StatusError StillWaiting Store StoreError
StreamInterrupted StreamTruncated SyncRunStream TextDelta Timeout Tool ToolError ToolFailed ToolFinished ToolProgress ToolProposed
ToolResult ToolRun ToolSearch ToolSource ToolStarted Usage Waiting event_json model_from_environment tool
"""

OPTIONS: dict[str, Any] = {
    o.__name__: o
    for o in (AgentOptions, Changes, RunOptions, StreamOptions, SchemaOptions, ToolOptions, SettingsOptions)
}
SIGNATURES = """
Agent(model: str | Model, *, deps: Any = None, output: Any = <class 'str'>, name: str = 'agent', instructions:
    Instructions = '', tools: Sequence[object] = (), settings: Settings | None = None, limits: Limits | None = None,
    handoffs: Handoffs = (), middleware: Sequence[Middleware] = (), early_start: bool | None = None, choose: Choose
    = 'first')
Agent.replace(**changes: Any) -> Agent[Any, Any]
Agent.override(**changes: Unpack[Changes]) -> Generator[None]
Agent.run(input: RunInput, *, deps: Any = None, **options: Unpack[RunOptions]) -> RunResult[Any]
Agent.run_sync(input: RunInput, *, deps: Any = None, **options: Unpack[RunOptions]) -> RunResult[Any]
Agent.stream(input: RunInput, *, deps: Any = None, **options: Unpack[StreamOptions]) -> RunStream[Any]
Agent.stream_sync(input: RunInput, *, deps: Any = None, **options: Unpack[StreamOptions]) -> SyncRunStream[Any]
Agent.as_tool(name: str | None = None, description: str | None = None, **options: Unpack[SchemaOptions]) ->
    Tool[..., Any]
Agent.graph() -> Graph
Handoff(agent: HasSpec, history: History = 'all', description: str = '', name: str = '')
AgentOptions(name: str, instructions: Instructions, tools: Sequence[object], settings: Settings | None, limits:
    Limits | None, handoffs: Handoffs, middleware: Sequence[Middleware], early_start: bool | None, choose: Choose)
Changes(name: str, instructions: Instructions, tools: Sequence[object], settings: Settings | None, limits: Limits |
    None, handoffs: Handoffs, middleware: Sequence[Middleware], early_start: bool | None, choose: Choose, model: str
    | Model)
RunOptions(session: Session | None, settings: Settings | None, limits: Limits | None, middleware:
    Sequence[Middleware], take_over: bool)
StreamOptions(session: Session | None, settings: Settings | None, limits: Limits | None, middleware:
    Sequence[Middleware], take_over: bool, nested: bool)
tool(function: Callable[..., Any] | None = None, /, **options: Unpack[ToolOptions]) -> Any
Tool.of(thing: Tool[..., Any] | Callable[..., Any]) -> Tool[..., Any]
Tool.from_schema(name: str, description: str, parameters: Json, function: Callable[..., Any], **options:
    Unpack[SchemaOptions]) -> Tool[..., Any]
Tool.external(name: str, description: str, parameters: Json, **options: Unpack[SchemaOptions]) -> Tool[..., Any]
SchemaOptions(effect: Effect, approval: bool | Predicate, expires: float | None, timeout: float | None,
    max_failures: int, strict: bool | None, max_arguments: int, max_result: int, thread: bool, lock: str | None, when:
    Callable[[Context[Any]], bool | Awaitable[bool]] | None, untrusted: bool)
ToolOptions(effect: Effect, approval: bool | Predicate, expires: float | None, timeout: float | None, max_failures:
    int, strict: bool | None, max_arguments: int, max_result: int, thread: bool, lock: str | None, when:
    Callable[[Context[Any]], bool | Awaitable[bool]] | None, untrusted: bool, name: str, description: str)
Context(deps: Deps = None, *, run_id: str = '', agent: str = '', call_id: str = '', idempotency_key: str = '',
    attempt: int = 1, messages: Callable[[], tuple[Message, ...]] | None = None, usage: Callable[[], Usage] | None =
    None, untrusted: Callable[[], frozenset[str]] | None = None, progress: Progress | None = None)
ToolResult(content: object, data: Any = None, images: Sequence[str] = ())
RemoteModel(name: str, *, base_url: str | None = None, api_key: str | None = None, headers: Mapping[str, str] | None
    = None, timeout: Timeout | None = None, retries: int = 2, proxy: str | None = None, trust_env: bool = False,
    client: ChatClient | None = None, profile: Profile | None = None, transport: Transport = 'stack',
    max_concurrency: int | None = None, requests_per_minute: int | None = None, tokens_per_minute: int | None = None)
OfflineModel()
FunctionModel(answer: Callable[[ChatRequest], Answer | Awaitable[Answer]])
ScriptedModel(script: Sequence[Answer])
model_from_environment(default: str | None = None) -> Model
Model.complete(request: ChatRequest, on_chunk: OnChunk | None = None) -> ChatCompletion
ChatClient(base_url: str | None = None, api_key: str | None = None, *, transport: Transport = 'stack', http: Any =
    None, headers: Mapping[str, str] | None = None, timeout: Timeout | None = None, sizes: Sizes | None = None,
    retries: int = 2, proxy: str | None = None, trust_env: bool = False, verify: bool = True, allow_http: bool = False,
    max_concurrency: int | None = None, requests_per_minute: int | None = None, tokens_per_minute: int | None = None)
ChatClient.complete(request: ChatRequest, on_chunk: OnChunk | None = None, *, body: bytes | None = None) ->
    ChatCompletion
ChatClient.stream(request: ChatRequest) -> CompletionStream
Timeout(connect: float = 10.0, first: float = 600.0, between: float = 120.0, headers: float = 120.0, retry_after:
    float = 120.0)
Limits(turns: int = 20, tool_calls: int = 200, tokens: int | None = None, seconds: float | None = None, repairs: int
    = 2, repeats: int | None = 3, parallel: int = 16, on_limit: Literal['raise', 'conclude'] = 'raise',
    calls_per_turn: int = 64, retries: int = 8, handoffs: int = 10, depth: int = 5)
Settings(**values: Unpack[SettingsOptions])
SettingsOptions(frequency_penalty: float | None, presence_penalty: float | None, logit_bias: Mapping[str, float] |
    None, logprobs: bool | None, top_logprobs: int | None, max_completion_tokens: int | None, max_tokens: int |
    None, n: int | None, parallel_tool_calls: bool | None, response_format: ResponseFormat | Json | None, seed: int
    | None, stop: str | Sequence[str] | None, store: bool | None, stream_options: StreamOptions | Json | None,
    temperature: float | None, tool_choice: ToolChoice | Json | None, top_p: float | None, reasoning_effort: str |
    None, verbosity: Literal['low', 'medium', 'high'] | None, metadata: Mapping[str, str] | None, modalities:
    Sequence[Literal['text', 'audio']] | None, audio: Json | None, prediction: Json | None, service_tier: str |
    None, user: str | None, safety_identifier: str | None, prompt_cache_key: str | None, prompt_cache_retention: str
    | None, prompt_cache_options: Json | None, moderation: Json | None, web_search_options: Json | None, extra:
    Json)
Session(store: Store = <factory>, id: str = <factory>)
Session.load() -> RunState
SQLiteStore(path: str | os.PathLike[str], *, busy_timeout: float = 10.0)
SQLiteStore.session(id: str) -> Session
RunState.decide(call: Waiting | str, *, approve: bool | None = None, reason: str = '', retry: bool = False,
    tell_model: bool = False, result: object = None) -> RunState
RunState.approve(call: Waiting | str, arguments: dict[str, object] | None = None, *, always: bool | dict[str, object]
    = False) -> RunState
RunState.deny(call: Waiting | str, reason: str = '') -> RunState
RunState.answer(call: Waiting | str, result: object) -> RunState
RunState.retry(call: Waiting | str) -> RunState
RunState.of(error: AgentKitError) -> RunState
RunStarted(run_id: str, agent: str)
TextDelta(text: str, choice: int = 0)
ReasoningDelta(text: str, choice: int = 0)
RefusalDelta(text: str, choice: int = 0)
PartialOutput(value: Any, choice: int = 0)
ToolProposed(call: ToolUse)
ToolStarted(call: ToolUse)
ToolProgress(call: ToolUse, message: str, done: float | None = None, total: float | None = None)
ToolFinished(call: ToolUse, result: Result)
AgentChanged(agent: str)
AgentEvent(call: str, agent: str, inner: Event)
Waiting(call: str, tool: str, arguments: str, why: Why, expires: float | None = None)
Restarted(reason: str = '')
RunFinished(status: Literal['done', 'waiting'])
event_json(event: Event) -> str
"""
EVENTS = """
RunStarted TextDelta ReasoningDelta RefusalDelta PartialOutput ToolProposed ToolStarted ToolProgress ToolFinished
AgentChanged AgentEvent Waiting Restarted RunFinished
"""
READ: dict[type, str] = {
    RunResult: "output status stopped_by waiting messages new_messages usage usage_by_agent state completions confidence agent abandoned",
    Tool: "name description parameters strict effect approval expires timeout max_failures max_result lock when untrusted schema digest",
    RunState: "messages new_messages waiting usage agent run_id",
}


def rows(text: str) -> dict[str, str]:
    """The text's rows by what they describe; a row that begins with spaces goes on with the one before."""
    joined = (" ".join(row.split()) for row in re.split(r"\n(?! )", text.strip()))
    return {row.split("(")[0]: row for row in joined}


def signature(thing: Any) -> str:
    """How a thing is called, as its source spells it; of a TypedDict, its keywords."""
    if is_typeddict(thing):
        keywords = ", ".join(f"{name}: {kind.__forward_arg__}" for name, kind in thing.__annotations__.items())
        return f"{thing.__name__}({keywords})"
    written = thing.__init__ if inspect.isclass(thing) and "__init__" in vars(thing) else thing
    found = inspect.signature(written)  # pydantic shows another one once its schema is built
    words: list[str] = []
    for name, parameter in found.parameters.items():
        if name in ("self", "unknown"):  # **unknown is there to be refused with a remedy
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in words:
            words.append("*")
        stars = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        words.append(f"{stars}{name}: {parameter.annotation}{default}")
        if parameter.kind is parameter.POSITIONAL_ONLY:
            words.append("/")
    answer = "" if inspect.isclass(thing) else f" -> {found.return_annotation}"
    return f"{thing.__qualname__}({', '.join(words)}){answer}"


def named(path: str) -> Any:
    """What a row is about: a public name, a method of one, or keywords that others unpack."""
    first, *rest = path.split(".")
    thing = OPTIONS[first] if first in OPTIONS else getattr(agentkit, first)
    for name in rest:
        thing = getattr(thing, name)
    return thing


def test_all_names_are_there_and_no_others() -> None:
    assert agentkit.__all__ == sorted(NAMES.split())
    for name in agentkit.__all__:
        assert getattr(agentkit, name) is not None


def test_what_the_front_door_imports_is_what_it_offers() -> None:
    source = ast.parse(Path(names.__file__).read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(source) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert imported == {*agentkit.__all__}
    star: dict[str, object] = {}
    exec("from agentkit import *", star)
    assert {*star} - {"__builtins__"} == imported


@pytest.mark.parametrize("name", rows(SIGNATURES))
def test_a_public_signature_stays_what_it_is(name: str) -> None:
    assert signature(named(name)) == rows(SIGNATURES)[name]


@pytest.mark.parametrize(
    ("thing", "options", "others"),
    [
        (Agent, AgentOptions, {"model", "deps", "output"}),
        (Changes, AgentOptions, {"model"}),
        (Tool, ToolOptions, set()),
    ],
)
def test_typed_keywords_are_those_that_the_code_takes(thing: Any, options: Any, others: set[str]) -> None:
    taken = set(thing.__annotations__ if is_typeddict(thing) else inspect.signature(thing).parameters)
    own = {"function", "parameters", "validator", "context", "deps_type", "unknown"}  # what no user gives
    assert taken - own == {*options.__annotations__} | others


def test_settings_are_the_parameters_of_the_endpoint_by_their_wire_names() -> None:
    own = {"extra"}
    left_out = {"messages", "model", "tools", "stream", "functions", "function_call"}
    assert set(Settings.model_fields) - own == set(agentkit.ChatRequest.model_fields) - left_out


def test_events_are_a_closed_union_and_each_has_its_row() -> None:
    assert {event.__name__ for event in get_args(Event)} == {*EVENTS.split()}
    assert {*EVENTS.split()} <= {*rows(SIGNATURES)}
    for event in get_args(Event):
        assert event.__dataclass_params__.frozen


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
