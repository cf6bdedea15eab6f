"""Runs as spans, read from OpenTelemetry's own SDK and from the trace file: the same trees."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from opentelemetry import trace

from agentkit import (
    Agent,
    ConfigurationError,
    FunctionModel,
    LimitReached,
    Limits,
    MemoryStore,
    Middleware,
    ModelError,
    RateLimited,
    RemoteModel,
    RunCall,
    RunResult,
    ScriptedModel,
    Settings,
    ToolError,
    ToolFailed,
    tool,
)
from agentkit.chat import ChatCompletion, ChatRequest
from agentkit.middleware import TraceFile, Tracing
from agentkit.testing import FakeServer
from tests.loopback import serve, sse, whole
from tests.middleware.trees import Exported, tree_of_file

pytestmark = pytest.mark.anyio
ONE_BY_ONE = Settings(parallel_tool_calls=False)  # trio begins parallel calls in any order
HELLO = whole({"choices": [{"message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}]})


@tool(effect="read")
async def look_up(order: int) -> str:
    """Look an order up."""
    return f"order {order}"


@tool
async def refund(order: int) -> str:
    """Refund an order."""
    raise ToolError(f"order {order} was never paid")


@tool(approval=True)
async def pay(amount: int) -> str:
    """Pay an amount."""
    return "paid"


@pytest.fixture
def exported() -> Exported:
    return Exported()


async def test_a_run_is_a_tree_of_agent_requests_and_calls(exported: Exported, tmp_path: Path) -> None:
    script = [[("look_up", {"order": 7}), ("refund", {"order": 7})], "It was never paid."]
    layers = [exported.tracing, TraceFile(tmp_path / "trace.jsonl")]
    agent = Agent(ScriptedModel(script), name="desk", tools=[look_up, refund], middleware=layers)
    await agent.run("Refund 7.", settings=ONE_BY_ONE)
    expected = """\
invoke_agent desk done
  chat scripted
  execute_tool look_up
  execute_tool refund error:ToolError
  chat scripted"""
    assert exported.tree == expected
    assert tree_of_file(tmp_path / "trace.jsonl") == expected


async def test_a_call_that_starts_while_its_message_streams_is_marked(exported: Exported, tmp_path: Path) -> None:
    script = [[("look_up", {"order": 7}), ("look_up", {"order": 8}), ("refund", {"order": 7})], "done"]
    layers = [exported.tracing, TraceFile(tmp_path / "trace.jsonl")]
    async with Agent(ScriptedModel(script), tools=[look_up, refund], middleware=layers).stream("go") as run:
        await run.finish()
    expected = """\
invoke_agent agent done
  chat scripted
  execute_tool look_up early
  execute_tool look_up early
  execute_tool refund error:ToolError
  chat scripted"""
    assert exported.tree == expected
    assert tree_of_file(tmp_path / "trace.jsonl") == expected


async def test_early_calls_of_a_message_that_is_never_completed_end_with_it(exported: Exported) -> None:
    started = anyio.Event()

    @tool(effect="read")
    async def slow(order: int) -> str:
        """Slow."""
        started.set()
        await anyio.sleep_forever()
        return ""

    class Breaks:
        name = "breaks"

        async def complete(self, request: ChatRequest, on_chunk: Any = None) -> ChatCompletion:
            script = ScriptedModel([[("slow", {"order": 1}), ("slow", {"order": 2})]])
            await script.complete(request, on_chunk)
            await started.wait()
            raise ModelError("cut")

    with pytest.raises(ModelError):
        async with Agent(Breaks(), tools=[slow], middleware=[exported.tracing]).stream("go") as run:
            await run.finish()
    assert (
        exported.tree
        == """\
invoke_agent agent error:ModelError
  chat breaks error:ModelError
  execute_tool slow early error:cancelled
  execute_tool slow early error:cancelled"""
    )


async def test_an_agent_that_takes_over_has_a_span_of_its_own(exported: Exported, tmp_path: Path) -> None:
    billing = Agent(ScriptedModel(["?", [("look_up", {"order": 7})], "Paid."]), name="billing", tools=[look_up])
    triage = Agent(ScriptedModel([[("transfer_to_billing", {})]]), name="triage", handoffs=[billing])
    layers = [exported.tracing, TraceFile(tmp_path / "trace.jsonl")]
    await triage.run("Was order 7 paid?", middleware=layers)
    expected = """\
invoke_agent triage done
  chat scripted
  execute_tool transfer_to_billing
  invoke_agent billing
    chat scripted
    execute_tool look_up
    chat scripted"""
    assert exported.tree == expected
    assert tree_of_file(tmp_path / "trace.jsonl") == expected
    assert {s.attributes["gen_ai.agent.name"] for s in exported.spans if s.name == "execute_tool look_up"} == {
        "billing"
    }


async def test_an_agent_that_runs_as_a_tool_lies_inside_its_call(exported: Exported, tmp_path: Path) -> None:
    clerk = Agent(ScriptedModel([[("look_up", {"order": 7})], "Paid."]), name="clerk", tools=[look_up])
    fails = Agent(ScriptedModel([RateLimited("busy", status=429)]), name="fails")
    calls = [[("clerk", {"input": "7?"}), ("fails", {"input": "8?"})], "Yes."]
    desk = Agent(ScriptedModel(calls), name="desk", tools=[clerk.as_tool(), fails.as_tool()])
    layers = [exported.tracing, TraceFile(tmp_path / "trace.jsonl")]
    await desk.run("Was order 7 paid?", settings=ONE_BY_ONE, middleware=layers)
    expected = """\
invoke_agent desk done
  chat scripted
  execute_tool clerk
    invoke_agent clerk done
      chat scripted
      execute_tool look_up
      chat scripted
  execute_tool fails error:RateLimited
    invoke_agent fails error:RateLimited
      chat scripted error:RateLimited
  chat scripted"""
    assert exported.tree == expected
    assert tree_of_file(tmp_path / "trace.jsonl") == expected


async def test_attempts_that_failed_are_events_and_every_attempt_carries_the_trace(exported: Exported) -> None:
    busy = whole({"error": {"message": "busy"}}, 503, retry_after_ms="1")
    with serve([busy, busy, HELLO]) as server:
        agent = Agent(RemoteModel("m", base_url=server.base_url), middleware=[exported.tracing])
        await agent.run("hi")
    assert (
        exported.tree
        == """\
invoke_agent agent done
  chat m (attempt_failed ServerFailed) (attempt_failed ServerFailed)"""
    )
    chat = exported.spans[1]
    expected = ["00", f"{chat.context.trace_id:032x}", f"{chat.context.span_id:016x}"]
    assert [request.headers["traceparent"].split("-")[:3] for request in server.requests] == [expected] * 3
    about = exported.named("chat m")
    assert about["server.address"] == "127.0.0.1"
    assert f":{about['server.port']}/" in server.base_url


async def test_an_error_of_the_run_is_on_every_span_that_it_ended(exported: Exported) -> None:
    refused = whole({"error": {"message": "no such model"}}, 404)
    with serve([refused]) as server:
        agent = Agent(RemoteModel("m", base_url=server.base_url), middleware=[exported.tracing])
        with pytest.raises(ModelError):
            await agent.run("hi")
    assert (
        exported.tree
        == """\
invoke_agent agent error:BadRequest
  chat m error:BadRequest (attempt_failed BadRequest)"""
    )
    assert exported.named("chat m")["http.response.status_code"] == 404
    assert [span.status.description for span in exported.spans] == [None, None]


async def test_a_call_that_takes_too_long_is_a_timeout_not_a_cancelled_one(exported: Exported) -> None:
    @tool(effect="read", timeout=0.01)
    async def slow() -> str:
        """Slow."""
        await anyio.sleep_forever()
        return ""

    await Agent(ScriptedModel([[("slow", {})], "ok"]), tools=[slow], middleware=[exported.tracing]).run("go")
    assert "  execute_tool slow error:timeout\n" in exported.tree


async def test_a_run_that_waits_says_so_and_the_one_that_goes_on_is_the_same_run(exported: Exported) -> None:
    @tool(approval=True)
    def pay() -> str:
        """Pay."""
        return "paid"

    agent = Agent(ScriptedModel([[("pay", {})], "ok"]), tools=[pay], middleware=[exported.tracing])
    session = MemoryStore().session("u42")
    waiting = await agent.run("go", session=session)
    await agent.run(waiting.state.approve(waiting.waiting[0]), session=session)
    assert (
        exported.tree
        == """\
invoke_agent agent waiting
  chat scripted
invoke_agent agent done
  execute_tool pay
  chat scripted"""
    )
    runs = [dict(span.attributes or {}) for span in exported.spans if span.name == "invoke_agent agent"]
    assert len({run["agentkit.run.id"] for run in runs}) == 1
    assert {run["gen_ai.conversation.id"] for run in runs} == {"u42"}


async def test_calls_that_were_refused_have_a_span_that_says_why(exported: Exported, tmp_path: Path) -> None:
    wrong = [("look_up", {"order": "seven"}), ("lookup", {"order": 7}), ("look_up", {"order": 7})]
    script = [wrong, [("pay", {"amount": 7})], "Nothing was paid."]
    layers = [exported.tracing, TraceFile(tmp_path / "trace.jsonl")]
    agent = Agent(ScriptedModel(script), name="desk", tools=[look_up, pay], middleware=layers)
    waits = await agent.run("Pay 7.", settings=ONE_BY_ONE)
    await agent.run(waits.state.deny(waits.waiting[0]))
    expected = """\
invoke_agent desk waiting
  chat scripted
  execute_tool look_up
  execute_tool look_up error:invalid
  execute_tool lookup error:invalid
  chat scripted
invoke_agent desk done
  execute_tool pay error:denied
  chat scripted"""
    assert exported.tree == expected
    assert tree_of_file(tmp_path / "trace.jsonl") == expected
    refused = exported.named("execute_tool pay")
    assert (refused["gen_ai.tool.call.id"], refused["gen_ai.agent.name"]) == ("1.0", "desk")
    assert "gen_ai.tool.call.result" not in refused


async def test_calls_beyond_a_limit_have_a_span_where_they_were_answered(exported: Exported) -> None:
    script = [[("look_up", {"order": 7}), ("look_up", {"order": 8})], "I stop here."]
    agent = Agent(ScriptedModel(script), tools=[look_up], middleware=[exported.tracing])
    await agent.run("go", limits=Limits(tool_calls=1, on_limit="conclude"))
    assert exported.tree.count("execute_tool look_up error:cancelled") == 2
    with pytest.raises(LimitReached):
        await agent.replace(model=ScriptedModel(script)).run("go", limits=Limits(tool_calls=1))
    assert exported.tree.count("execute_tool") == 2


async def test_a_call_that_was_refused_last_has_its_span_although_the_run_fails(exported: Exported) -> None:
    agent = Agent(ScriptedModel([[("nowhere", {})]] * 5), tools=[look_up], middleware=[exported.tracing])
    with pytest.raises(ToolFailed):
        await agent.run("go")
    assert exported.tree.endswith("chat scripted\n  execute_tool nowhere error:invalid")
    assert exported.tree.count("execute_tool") == exported.tree.count("chat")


async def test_spans_carry_the_attributes_of_the_conventions(exported: Exported) -> None:
    def answer(request: dict[str, Any]) -> Any:
        return [("look_up", {"order": 7})] if len(request["messages"]) == 1 else "paid"

    with FakeServer(answer) as server:
        model = RemoteModel("m", base_url=server.base_url)
        settings = Settings(temperature=0.5, max_completion_tokens=50, stop="END", seed=3)
        agent = Agent(model, name="desk", tools=[look_up], settings=settings, middleware=[exported.tracing])
        result = await agent.run("Was 7 paid?")
    conversation = result.state.journal
    common = {
        "gen_ai.provider.name": "openai",
        "gen_ai.agent.name": "desk",
        "gen_ai.conversation.id": conversation,
    }
    assert exported.named("invoke_agent desk") == {
        **common,
        "gen_ai.operation.name": "invoke_agent",
        "agentkit.run.id": result.state.run_id,
        "agentkit.status": "done",
        "gen_ai.usage.input_tokens": result.usage.prompt_tokens,
        "gen_ai.usage.output_tokens": result.usage.completion_tokens,
    }
    usage = result.completions[0].usage
    assert usage is not None
    assert exported.named("chat m") == {
        **common,
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.request.seed": 3,
        "gen_ai.response.id": "chatcmpl-scripted",
        "gen_ai.response.model": "m",
        "gen_ai.response.finish_reasons": ("tool_calls",),
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.completion_tokens,
        "server.address": "127.0.0.1",
        "server.port": int(server.base_url.split(":")[2].split("/")[0]),
    }
    assert exported.named("execute_tool look_up") == {
        **common,
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "look_up",
        "gen_ai.tool.call.id": "0.0",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.description": "Look an order up.",
        "agentkit.tool.effect": "read",
    }
    kinds = {span.name.split()[0]: span.kind.name for span in exported.spans}
    assert kinds == {"invoke_agent": "INTERNAL", "chat": "CLIENT", "execute_tool": "INTERNAL"}


async def test_no_content_leaves_unless_it_is_asked_for(tmp_path: Path) -> None:
    @tool
    async def fails(word: str) -> str:
        """Fail."""
        raise ValueError(f"the secret word is {word}")

    for content in (False, True):
        exported, path = Exported(content=content), tmp_path / f"{content}.jsonl"
        script = ScriptedModel([[("fails", {"word": "xyzzy"})], "plugh"])
        layers = [exported.tracing, TraceFile(path, content=content)]
        await Agent(script, tools=[fails], instructions="frobozz", middleware=layers).run("quux")
        told = json.dumps([json.loads(span.to_json()) for span in exported.spans])
        for text in (told, path.read_text()):
            found = [word for word in ("xyzzy", "plugh", "frobozz", "quux") if word in text]
            assert found == (["xyzzy", "plugh", "frobozz", "quux"] if content else [])


async def test_content_has_the_form_of_the_conventions() -> None:
    exported = Exported(content=True)
    script = ScriptedModel([[("look_up", {"order": 7})], "paid"])
    await Agent(script, tools=[look_up], middleware=[exported.tracing]).run("Was 7 paid?")
    first, last = (dict(s.attributes or {}) for s in exported.spans if s.name == "chat scripted")
    call = {"type": "tool_call", "id": "call_0_0", "name": "look_up", "arguments": '{"order": 7}'}
    assert json.loads(str(first["gen_ai.output.messages"])) == [
        {"role": "assistant", "parts": [call], "finish_reason": "tool_calls"}
    ]
    asked, called, told = json.loads(str(last["gen_ai.input.messages"]))
    assert asked == {"role": "user", "parts": [{"type": "text", "content": "Was 7 paid?"}]}
    assert called["parts"] == [{**call, "arguments": '{"order": 7}'}]
    assert told == {
        "role": "tool",
        "parts": [{"type": "tool_call_response", "id": "call_0_0", "response": "order 7"}],
    }
    assert json.loads(str(first["gen_ai.tool.definitions"]))[0]["name"] == "look_up"
    assert exported.named("execute_tool look_up")["gen_ai.tool.call.result"] == "order 7"


async def test_durations_and_tokens_are_metrics_of_the_conventions(exported: Exported) -> None:
    script = ScriptedModel(["hello", RateLimited("busy", status=429)])
    agent = Agent(script, middleware=[exported.tracing])
    result = await agent.run("hi")
    with pytest.raises(RateLimited):
        await agent.run([*result.messages, {"role": "user", "content": "again"}])
    durations = exported.measured("gen_ai.client.operation.duration")
    assert sorted(about.get("error.type", "") for about, _ in durations) == ["", "RateLimited"]
    tokens = {about["gen_ai.token.type"]: point.sum for about, point in exported.measured("gen_ai.client.token.usage")}
    assert tokens == {"input": result.usage.prompt_tokens, "output": result.usage.completion_tokens}


async def test_spans_that_a_tool_opens_lie_below_its_own_also_in_threads(exported: Exported) -> None:
    tracer = trace.get_tracer("shop", tracer_provider=exported.provider)

    @tool
    async def on_the_loop() -> str:
        """One."""
        with tracer.start_as_current_span("query"):
            return "ok"

    @tool
    def in_a_thread() -> str:
        """Two."""
        with tracer.start_as_current_span("read"):
            return "ok"

    script = ScriptedModel([[("on_the_loop", {})], [("in_a_thread", {})], "done"])
    with tracer.start_as_current_span("request"):
        await Agent(script, tools=[on_the_loop, in_a_thread], middleware=[exported.tracing]).run("go")
    assert (
        exported.tree
        == """\
request
  invoke_agent agent done
    chat scripted
    execute_tool on_the_loop
      query
    chat scripted
    execute_tool in_a_thread
      read
    chat scripted"""
    )


async def test_a_request_that_a_tool_makes_carries_the_trace_of_its_call(exported: Exported) -> None:
    with serve([HELLO]) as server:

        @tool
        async def ask() -> str:
            """Ask another model."""
            return (await Agent(RemoteModel("m", base_url=server.base_url)).run("hi")).output

        await Agent(ScriptedModel([[("ask", {})], "ok"]), tools=[ask], middleware=[exported.tracing]).run("go")
    call = next(span for span in exported.spans if span.name == "execute_tool ask")
    assert server.requests[0].headers["traceparent"].split("-")[2] == f"{call.context.span_id:016x}"


async def test_without_tracing_no_request_carries_a_trace() -> None:
    with serve([HELLO]) as server:
        await Agent(RemoteModel("m", base_url=server.base_url)).run("hi")
    assert "traceparent" not in server.requests[0].headers


async def test_a_streamed_request_carries_the_trace_as_well(exported: Exported) -> None:
    chunk = {"choices": [{"index": 0, "delta": {"content": "hello"}, "finish_reason": "stop"}]}
    with serve([sse(chunk, "[DONE]")]) as server:
        agent = Agent(RemoteModel("m", base_url=server.base_url), middleware=[exported.tracing])
        async with agent.stream("hi") as run:
            await run.finish()
    assert server.requests[0].headers["traceparent"].startswith("00-")


async def test_layers_see_the_run_of_an_agent_that_is_a_tool_and_the_conversation() -> None:
    seen: list[tuple[str, str, str]] = []

    class See(Middleware):
        async def around_run(self, call: RunCall, proceed: Any) -> RunResult[Any]:
            seen.append((call.context.agent, call.conversation, call.inside.id if call.inside else ""))
            return await proceed(call)

    clerk = Agent(ScriptedModel(["Paid."]), name="clerk")
    desk = Agent(ScriptedModel([[("clerk", {"input": "7?"})], "Yes."]), name="desk", tools=[clerk.as_tool()])
    await desk.run("go", session=MemoryStore().session("u42"), middleware=[See()])
    assert seen == [("desk", "u42", ""), ("clerk", "u42", "0.0")]


async def test_what_is_watched_does_not_fail_because_of_the_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    layer = TraceFile(folder / "trace.jsonl")
    (folder / "trace.jsonl").unlink()
    folder.rmdir()
    assert (await Agent(FunctionModel(lambda request: "hi"), middleware=[layer]).run("hi")).output == "hi"
    assert "cannot be written" in caplog.text


def test_what_cannot_be_used_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be written: No such file"):
        TraceFile(tmp_path / "no" / "trace.jsonl")
    wrong: Any = "yes"
    with pytest.raises(ConfigurationError, match=r"TraceFile\(content='yes'\)"):
        TraceFile(tmp_path / "trace.jsonl", content=wrong)
    with pytest.raises(ConfigurationError, match="give a provider of OpenTelemetry"):
        Tracing(tracer_provider=wrong)


def test_without_the_extra_tracing_names_it_and_the_trace_file_works(tmp_path: Path) -> None:
    program = """
import sys
sys.modules["opentelemetry"] = None
from agentkit import Agent, ConfigurationError
from agentkit.middleware import TraceFile, Tracing
try:
    Tracing()
except ConfigurationError as error:
    print(error)
Agent("offline", middleware=[TraceFile("trace.jsonl")]).run_sync("hi")
"""
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout == "Tracing needs the extra `otel`: pip install 'agentkit[otel]'\n", done.stderr
    assert tree_of_file(tmp_path / "trace.jsonl") == "invoke_agent agent done\n  chat offline"
