"""Tools of the client: external tools of the run, which goes on when their results come."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from agentkit import Agent, ChatRequest, FunctionModel, RateLimited, ScriptedModel, tool
from agentkit.serve import Reach, create_app, pass_through
from agentkit.serve.paused import Parking

from .asking import HELLO, Asking, function, reason_of, text_of, with_results
from .running import running

CITY = {"type": "string"}
WEATHER = function("weather", city=CITY)
TIME = function("time", city=CITY)


def desk(*answers: Any) -> tuple[Agent[Any, Any], list[str], ScriptedModel]:
    """An agent with a tool of its own, what that tool was called with, and its model."""
    ran: list[str] = []

    @tool
    def book(room: str) -> str:
        """Book a room."""
        ran.append(room)
        return f"booked {room}"

    model = ScriptedModel(list(answers))
    return Agent(model, name="desk", tools=[book]), ran, model


MIXED = [[("book", {"room": "7"}), ("weather", {"city": "Oslo"})], "Booked 7; snow in Oslo."]


def calls_of(chunks: Any) -> Any:
    found: list[Any] = []
    for chunk in chunks:
        for choice in chunk["choices"]:
            found += choice["delta"].get("tool_calls") or []
    return found


@pytest.mark.parametrize("stream", [False, True])
def test_the_client_gets_its_own_calls_alone_and_the_run_goes_on(stream: bool) -> None:
    agent, ran, model = desk(*MIXED)
    with running(create_app(agent)) as url, Asking(url) as client:
        if stream:
            chunks = client.chunks("desk", tools=[WEATHER])
            assert reason_of(chunks) == "tool_calls"
            calls = [{name: call[name] for name in ("id", "type", "function")} for call in calls_of(chunks)]
            message = {"content": text_of(chunks) or None, "tool_calls": calls}
        else:
            choice = client.ask("desk", tools=[WEATHER])["choices"][0]
            assert choice["finish_reason"] == "tool_calls"
            message = choice["message"]
        assert message["content"] is None
        assert [call["function"] for call in message["tool_calls"]] == [
            {"name": "weather", "arguments": '{"city":"Oslo"}'}
        ]
        assert ran == ["7"]
        then = with_results(HELLO, message, weather="snow")
        answer = client.ask("desk", then, tools=[WEATHER])
        assert answer["choices"][0]["message"]["content"] == "Booked 7; snow in Oslo."
        assert ran == ["7"]
        results = [m for m in model.requests[-1].messages if m.role == "tool"]
        assert [getattr(m, "content", "") for m in results] == ["booked 7", "snow"]


def test_several_steps_of_one_run() -> None:
    agent, _, model = desk(
        [("weather", {"city": "Oslo"})], [("book", {"room": "1"})], [("time", {"city": "Oslo"})], "ok"
    )
    with running(create_app(agent)) as url, Asking(url) as client:
        messages, spent = HELLO, 0
        for _ in range(2):
            answer = client.ask("desk", messages, tools=[WEATHER, TIME])
            spent += answer["usage"]["total_tokens"]
            message = answer["choices"][0]["message"]
            messages = with_results(messages, message, weather="snow", time="noon")
        answer = client.ask("desk", messages, tools=[WEATHER, TIME])
        assert answer["choices"][0]["message"]["content"] == "ok"
        assert spent + answer["usage"]["total_tokens"] == agent_usage(model)


def agent_usage(model: ScriptedModel) -> int:
    """What the model's answers cost, as the model itself counts."""
    from agentkit.models.scripted import completion_of

    total = 0
    for request in model.requests:
        usage = completion_of(model._next(request), request).usage
        total += usage.total_tokens if usage is not None else 0
    return total


def test_ids_of_calls_are_the_servers_own() -> None:
    agent, _, _ = desk(*MIXED)
    with running(create_app(agent)) as url, Asking(url) as client:
        ids = {client.ask("desk", tools=[WEATHER])["choices"][0]["message"]["tool_calls"][0]["id"] for _ in range(3)}
        assert len(ids) == 3


def test_results_that_no_run_waits_for_are_a_claim_like_all_history() -> None:
    agent, ran, model = desk("fresh", "went on")
    call = {"id": "call_lost", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    messages = with_results(HELLO, {"content": None, "tool_calls": [call]}, weather="snow")
    with running(create_app(agent)) as url, Asking(url) as client:
        assert client.ask("desk", messages, tools=[WEATHER])["choices"][0]["message"]["content"] == "went on"
        assert [m.role for m in model.requests[0].messages] == ["user", "assistant", "tool"]
    assert ran == []


def test_a_paused_run_belongs_to_the_key_that_began_it() -> None:
    agent, _, model = desk(*MIXED)
    with running(create_app(agent, keys=["one", "two"])) as url, Asking(url, "one") as one, Asking(url, "two") as two:
        message = one.ask("desk", tools=[WEATHER])["choices"][0]["message"]
        then = with_results(HELLO, message, weather="snow")
        two.ask("desk", then, tools=[WEATHER])
        assert len([m for m in model.requests[-1].messages if m.role == "tool"]) == 1  # only what it claims itself
        one.ask("desk", then, tools=[WEATHER])
        assert len([m for m in model.requests[-1].messages if m.role == "tool"]) == 2


def test_a_new_message_may_follow_the_results() -> None:
    agent, ran, model = desk(*MIXED)
    with running(create_app(agent)) as url, Asking(url) as client:
        message = client.ask("desk", tools=[WEATHER])["choices"][0]["message"]
        then = [*with_results(HELLO, message, weather="snow"), {"role": "user", "content": "and?"}]
        assert client.ask("desk", then, tools=[WEATHER])["choices"][0]["message"]["content"] == MIXED[1]
        assert [m.role for m in model.requests[-1].messages] == ["user", "assistant", "tool", "tool", "user"]
    assert ran == ["7"]


def test_every_call_needs_its_result() -> None:
    agent, _, _ = desk([("weather", {"city": "Oslo"}), ("weather", {"city": "Rome"})], "ok")
    with running(create_app(agent)) as url, Asking(url) as client:
        message = client.ask("desk", tools=[WEATHER])["choices"][0]["message"]
        status, error = client.fails("desk", with_results(HELLO, message, weather="snow")[:-1], tools=[WEATHER])
        assert (status, error["param"]) == (400, "messages")
        one = {**message, "tool_calls": message["tool_calls"][:1]}  # a client that hides a call is asked again
        again = client.ask("desk", with_results(HELLO, one, weather="snow"), tools=[WEATHER])
        assert again["choices"][0]["message"]["tool_calls"] == message["tool_calls"][1:]
        two = {**message, "tool_calls": message["tool_calls"][1:]}
        final = client.ask("desk", with_results(HELLO, two, weather="sun"), tools=[WEATHER])
        assert final["choices"][0]["message"]["content"] == "ok"


def test_the_results_alone_go_on_with_the_run() -> None:
    agent, ran, _ = desk(*MIXED)
    with running(create_app(agent)) as url, Asking(url) as client:
        message = client.ask("desk", tools=[WEATHER])["choices"][0]["message"]
        answer = client.ask("desk", with_results(HELLO, message, weather="snow"))  # its tools are not said again
        assert answer["choices"][0]["message"]["content"] == MIXED[1]
    assert ran == ["7"]


def test_a_request_that_failed_may_be_sent_again() -> None:
    ran: list[str] = []
    failures = [RateLimited("busy", status=429)] * 2

    @tool
    def book(room: str) -> str:
        """Book a room."""
        ran.append(room)
        return f"booked {room}"

    def answer(request: ChatRequest) -> Any:
        said = [message for message in request.messages if message.role == "assistant"]
        if not said:
            return MIXED[0]
        return failures.pop() if failures else MIXED[1]

    agent = Agent(FunctionModel(answer), name="desk", tools=[book])
    with running(create_app(agent)) as url, Asking(url) as client:
        message = client.ask("desk", tools=[WEATHER])["choices"][0]["message"]
        then = with_results(HELLO, message, weather="snow")
        assert client.fails("desk", then, tools=[WEATHER])[0] == 429
        assert client.fails("desk", then, tools=[WEATHER], stream=True)[0] == 429
        assert client.ask("desk", then, tools=[WEATHER])["choices"][0]["message"]["content"] == MIXED[1]
    assert ran == ["7"]


def test_tool_choice_is_about_the_clients_tools() -> None:
    agent, _, model = desk("x")
    with running(create_app(agent)) as url, Asking(url) as client:
        client.ask("desk", tools=[WEATHER], tool_choice="none")
        assert [t.name for t in model.requests[-1].tools or ()] == ["book"]
        client.ask("desk", tools=[WEATHER], tool_choice="required")
        assert model.requests[-1].to_json()["tool_choice"] == {"function": {"name": "weather"}, "type": "function"}
        client.ask("desk", tools=[WEATHER, TIME], tool_choice="required")
        choice = model.requests[-1].to_json()["tool_choice"]["allowed_tools"]
        assert (choice["mode"], len(choice["tools"])) == ("required", 2)
        named = {"type": "function", "function": {"name": "time"}}
        client.ask("desk", tools=[WEATHER, TIME], tool_choice=named)
        assert model.requests[-1].to_json()["tool_choice"] == named
        allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [named]}}
        client.ask("desk", tools=[WEATHER, TIME], tool_choice=allowed, parallel_tool_calls=False)
        assert [t.name for t in model.requests[-1].tools or ()] == ["book", "time"]
        assert model.requests[-1].parallel_tool_calls is False


def test_a_bare_model_offers_the_clients_tools_as_they_are() -> None:
    with running(create_app(pass_through("offline"))) as url, Asking(url) as client:
        question = [{"role": "user", "content": "weather in Oslo and Rome"}]
        answer = client.ask("offline", question, tools=[WEATHER, TIME], tool_choice="required")
        message = answer["choices"][0]["message"]
        assert [call["function"]["name"] for call in message["tool_calls"]] == ["weather", "weather"]
        final = client.ask("offline", with_results(question, message, weather="snow"), tools=[WEATHER, TIME])
        assert "snow" in final["choices"][0]["message"]["content"]


def test_arguments_that_do_not_fit_are_mended_before_the_client_sees_the_call() -> None:
    agent, _, model = desk([("weather", {"town": "Oslo"})], [("weather", {"city": "Oslo"})], "ok")
    with running(create_app(agent)) as url, Asking(url) as client:
        call = client.ask("desk", tools=[WEATHER])["choices"][0]["message"]["tool_calls"][0]
        assert call["function"]["arguments"] == '{"city":"Oslo"}'
        assert len(model.requests) == 2


def test_a_schema_that_is_none_is_refused() -> None:
    agent, _, _ = desk("x")
    with running(create_app(agent)) as url, Asking(url) as client:
        bad = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": 5}}}
        assert client.fails("desk", tools=[bad])[1]["param"] == "tools"
        many = [function(f"f{n}") for n in range(128)]
        assert client.fails("desk", tools=many)[1]["param"] == "tools"
        custom = {"type": "custom", "custom": {"name": "c"}}
        assert client.fails("desk", tools=[custom])[1]["param"] == "tools[0].type"


@pytest.mark.anyio
async def test_runs_wait_for_their_time_and_no_more_than_are_kept() -> None:
    parking = Parking(seconds=0.05, most=2)
    session = parking.store.session("o/runs/1")
    await parking.store.append(session.id, 0, [b"{}"])
    await parking.keep("o", session, "m", ["call_1"])
    assert parking.find("o", "m", ["call_1"]) == session
    assert parking.find("o", "other", ["call_1"]) is None
    await anyio.sleep(0.06)
    assert parking.find("o", "m", ["call_1"]) is None
    await parking.keep("o", parking.store.session("o/runs/2"), "m", ["call_2"])
    assert await parking.store.journals() == []
    for n in (3, 4, 5):
        await parking.keep("o", parking.store.session(f"o/runs/{n}"), "m", [f"call_{n}"])
    assert parking.find("o", "m", ["call_2"]) is None
    assert parking.find("o", "m", ["call_5"]) is not None


def test_a_result_that_comes_too_late_is_a_claim() -> None:
    agent, ran, model = desk(*MIXED)
    with running(create_app(agent, reach=Reach(paused=1e-6))) as url, Asking(url) as client:
        message = client.ask("desk", tools=[WEATHER])["choices"][0]["message"]
        client.ask("desk", with_results(HELLO, message, weather="snow"), tools=[WEATHER])
        assert len([m for m in model.requests[-1].messages if m.role == "tool"]) == 1
    assert ran == ["7"]
