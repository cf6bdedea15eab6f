"""Answers of served agents: whole and streamed, by every road to them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel
from starlette.requests import Request

from agentkit import Agent, ConfigurationError, Context, Limits, OfflineModel, ScriptedModel, Settings, tool
from agentkit.chat import ChatCompletion
from agentkit.errors import RateLimited, ServerFailed
from agentkit.serve import create_app, pass_through

from .asking import HELLO, Asking, function, reason_of, text_of
from .running import running


@tool(effect="read")
def stock(item: str) -> int:
    """How many there are."""
    return 3


class Answer(BaseModel):
    city: str
    degrees: int


def scripted(*answers: Any, **options: Any) -> Agent[Any, Any]:
    return Agent(ScriptedModel(list(answers)), name="a", **options)


def test_an_agent_answers_under_its_name_and_by_its_path() -> None:
    with running(create_app([pass_through("offline"), scripted("from a")])) as url, Asking(url) as client:
        assert client.ask("a")["choices"][0]["message"]["content"] == "from a"
        assert "You said: hello" in client.ask("offline")["choices"][0]["message"]["content"]
        client.path = "/v1/ai/a/chat/completions"
        answer = client.ask("gpt-5")
        assert answer["choices"][0]["message"]["content"] == "from a"
        assert answer["model"] == "a"
        names = [model["id"] for model in client.http.get("/v1/models").json()["data"]]
        assert names == ["offline", "a"]
        assert client.http.get("/v1/models/a").json()["object"] == "model"
        assert client.http.get("/healthz").json() == {"status": "ok"}


def test_an_unknown_model_is_404() -> None:
    with running(create_app(scripted("x"))) as url, Asking(url) as client:
        status, error = client.fails("gpt-99")
        assert (status, error["param"], error["code"]) == (404, "model", "model_not_found")
        assert client.refused(client.http.get("/v1/models/gpt-99"))["code"] == "model_not_found"
        client.path = "/v1/ai/gpt-99/chat/completions"
        assert client.fails("a")[0] == 404


def test_own_tools_run_inside_and_usage_is_the_sum_of_the_run() -> None:
    agent = scripted([("stock", {"item": "lamp"})], "There are 3.", tools=[stock])
    with running(create_app(agent)) as url, Asking(url) as client:
        answer = client.ask("a")
        assert answer["choices"][0]["message"] == {"role": "assistant", "content": "There are 3.", "refusal": None}
        assert answer["choices"][0]["finish_reason"] == "stop"
        assert "agentkit" not in answer
        direct = agent.run_sync("hello").usage
        assert answer["usage"]["total_tokens"] == direct.total_tokens
        told = client.ask("a", agentkit={"steps": True})["agentkit"]["steps"]
        assert told == [{"tool": "stock", "arguments": '{"item": "lamp"}', "result": "3"}]


def test_a_stream_and_the_whole_answer_say_the_same() -> None:
    looking = {"content": "Let me look.", "tool_calls": [_call("stock", '{"item":"lamp"}')]}
    agent = scripted(looking, "There are 3.", tools=[stock])
    with running(create_app(agent)) as url, Asking(url) as client:
        whole = client.ask("a")
        chunks = client.chunks("a")
        assert text_of(chunks) == whole["choices"][0]["message"]["content"] == "Let me look.\n\nThere are 3."
        assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
        assert chunks[-1]["choices"][0] == {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
        assert reason_of(chunks) == "stop"
        assert not any("usage" in chunk for chunk in chunks)


def _call(name: str, arguments: str) -> dict[str, Any]:
    return {"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}


def test_usage_comes_in_a_last_chunk_without_choices_when_asked_for() -> None:
    with running(create_app(scripted("hi"))) as url, Asking(url) as client:
        *chunks, last = client.chunks("a", stream_options={"include_usage": True})
        assert last["choices"] == []
        assert last["usage"] == client.ask("a")["usage"]
        assert all(chunk["usage"] is None for chunk in chunks)


def test_chunks_are_padded_to_equal_sizes_unless_that_is_switched_off() -> None:
    with running(create_app(scripted("a" * 40))) as url, Asking(url) as client:
        chunks = client.chunks("a")
        sizes = {len(chunk["obfuscation"]) + len(text_of([chunk])) for chunk in chunks if text_of([chunk])}
        assert len(sizes) == 1
        plain = client.chunks("a", stream_options={"include_obfuscation": False})
        assert not any("obfuscation" in chunk for chunk in plain)


def test_log_probabilities_are_those_of_the_last_turn() -> None:
    agent: Agent[Any, Any] = Agent("offline", name="a", tools=[stock])
    with running(create_app(agent)) as url, Asking(url) as client:
        question = [{"role": "user", "content": "stock of 'lamp'"}]
        whole = client.ask("a", question, logprobs=True, top_logprobs=2)["choices"][0]
        rows = whole["logprobs"]["content"]
        assert "".join(row["token"] for row in rows) == whole["message"]["content"]
        assert "3" in whole["message"]["content"]
        assert all(len(row["top_logprobs"]) == 2 for row in rows)
        chunks = client.chunks("a", question, logprobs=True, top_logprobs=2)
        streamed = [c["logprobs"]["content"][0] for chunk in chunks for c in chunk["choices"] if c["logprobs"]]
        assert streamed == rows


def test_n_choices_come_from_agents_without_tools() -> None:
    with running(create_app([pass_through("offline"), scripted("x", tools=[stock])])) as url, Asking(url) as client:
        choices = client.ask("offline", n=3)["choices"]
        assert [choice["index"] for choice in choices] == [0, 1, 2]
        assert len({choice["message"]["content"] for choice in choices}) == 1
        chunks = client.chunks("offline", n=2)
        assert text_of(chunks, 0) == text_of(chunks, 1) == choices[0]["message"]["content"]
        status, error = client.fails("a", n=2)
        assert (status, error["param"]) == (400, "n")


def test_an_output_type_is_the_answer_as_json_and_refuses_another_format() -> None:
    looking = {"content": "One moment.", "tool_calls": [_call("stock", '{"item":"x"}')]}
    agent = scripted(looking, '{"city":"Paris","degrees":20}', output=Answer, tools=[stock])
    with running(create_app(agent)) as url, Asking(url) as client:
        whole = client.ask("a")["choices"][0]["message"]["content"]
        assert Answer.model_validate_json(whole) == Answer(city="Paris", degrees=20)
        assert text_of(client.chunks("a")) == whole
        status, error = client.fails("a", response_format={"type": "json_object"})
        assert (status, error["param"]) == (400, "response_format")


def test_all_three_response_formats_are_taken() -> None:
    schema = {"name": "answer", "schema": Answer.model_json_schema()}
    with running(create_app(pass_through("offline"))) as url, Asking(url) as client:
        for kind in ("json_schema", "json_object"):  # the page prints the second name for a schema once
            answer = client.ask("offline", response_format={"type": kind, "json_schema": schema})
            Answer.model_validate_json(answer["choices"][0]["message"]["content"])
        chunks = client.chunks("offline", response_format={"type": "json_schema", "json_schema": schema})
        assert len(chunks) > 4  # a bare model's JSON is told as it comes
        Answer.model_validate_json(text_of(chunks))
        assert (
            "answer"
            in client.ask("offline", response_format={"type": "json_object"})["choices"][0]["message"]["content"]
        )
        assert (
            "offline model"
            in client.ask("offline", response_format={"type": "text"})["choices"][0]["message"]["content"]
        )


def test_stop_and_token_limits_hold_for_each_turn() -> None:
    with running(create_app(pass_through("offline"))) as url, Asking(url) as client:
        assert client.ask("offline", stop=" offline")["choices"][0]["message"]["content"] == "I am the"
        for name in ("max_completion_tokens", "max_tokens"):
            cut = client.ask("offline", **{name: 2})["choices"][0]
            assert (cut["message"]["content"], cut["finish_reason"]) == ("I am", "length")
        chunks = client.chunks("offline", max_completion_tokens=2)
        assert (text_of(chunks), reason_of(chunks)) == ("I am", "length")


def test_every_choice_of_a_cut_answer_is_told_with_its_log_probabilities() -> None:
    with running(create_app(pass_through("offline"))) as url, Asking(url) as client:
        choices = client.ask("offline", n=2, max_completion_tokens=2, logprobs=True)["choices"]
        assert [(choice["message"]["content"], choice["finish_reason"]) for choice in choices] == [
            ("I am", "length")
        ] * 2
        assert [row["token"] for row in choices[1]["logprobs"]["content"]] == ["I", " am"]
        chunks = client.chunks("offline", n=2, max_completion_tokens=2)
        assert text_of(chunks, 0) == text_of(chunks, 1) == "I am"


def completion(finish_reason: str, **message: Any) -> ChatCompletion:
    body = {"role": "assistant", "content": None, "refusal": None, **message}
    choice = {"index": 0, "message": body, "logprobs": None, "finish_reason": finish_reason}
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    return ChatCompletion.model_validate({"choices": [choice], "usage": usage})


@pytest.mark.parametrize(
    ("answer", "content", "refusal", "reason"),
    [
        (completion("length", content="cut h"), "cut h", None, "length"),
        (completion("content_filter", content="half"), "half", None, "content_filter"),
        (completion("stop", refusal="I will not."), None, "I will not.", "stop"),
    ],
)
def test_cut_and_refused_answers_are_answers(answer: ChatCompletion, content: Any, refusal: Any, reason: str) -> None:
    with running(create_app(scripted(answer))) as url, Asking(url) as client:
        whole = client.ask("a")
        assert whole["choices"][0]["message"] == {"role": "assistant", "content": content, "refusal": refusal}
        assert whole["choices"][0]["finish_reason"] == reason
        assert whole["usage"]["total_tokens"] == 3
        chunks = client.chunks("a")
        assert (text_of(chunks), text_of(chunks, field="refusal")) == (content or "", refusal or "")
        assert reason_of(chunks) == reason


def test_a_run_that_reaches_its_limit_is_cut() -> None:
    calls = [[("stock", {"item": str(n)})] for n in range(5)]
    agent = scripted(*calls, tools=[stock], limits=Limits(turns=2))
    with running(create_app(agent)) as url, Asking(url) as client:
        assert client.ask("a")["choices"][0]["finish_reason"] == "length"
        assert reason_of(client.chunks("a")) == "length"


def test_usage_that_nobody_told_is_not_zero() -> None:
    answer = ChatCompletion.model_validate(
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]}
    )
    with running(create_app(scripted(answer))) as url, Asking(url) as client:
        assert "usage" not in client.ask("a")
        assert client.chunks("a", stream_options={"include_usage": True})[-1]["usage"] is None


SECRET = "at /srv/secret/place.py"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RateLimited(SECRET, status=429, retry_after=7), 429, "rate_limit_exceeded"),
        (ServerFailed(SECRET, status=500), 502, None),
        (ValueError(SECRET), 500, None),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_tell_their_type_and_the_request_alone(error: Exception, status: int, code: Any, stream: bool) -> None:
    with running(create_app(scripted(error))) as url, Asking(url) as client:
        answer = client.post({"model": "a", "messages": HELLO, "stream": stream})
        told = client.refused(answer)
        assert (answer.status_code, told["code"]) == (status, code)
        assert told["message"] == f"{type(error).__name__} (request id {answer.headers['x-request-id']})"
        assert SECRET not in answer.text
        if status == 429:
            assert answer.headers["retry-after"] == "7"


def test_settings_of_a_request_go_over_those_of_the_agent() -> None:
    model = ScriptedModel(["ok"])
    agent = Agent(model, name="a", settings=Settings(temperature=0.5, seed=1))
    with running(create_app(agent)) as url, Asking(url) as client:
        client.ask("a", temperature=1.5, top_p=None, logit_bias={"5": 1}, user="u", reasoning_effort="low")
        asked = model.requests[0]
        assert (asked.temperature, asked.seed, asked.top_p, asked.user) == (1.5, 1, None, "u")
        assert (asked.logit_bias, asked.reasoning_effort) == ({"5": 1}, "low")


def test_what_the_page_does_not_know_goes_on_to_a_bare_model_alone() -> None:
    model = ScriptedModel(["ok"])
    bare, told = Agent(model, name="bare"), Agent(OfflineModel(), name="told", instructions="Be kind.")
    with running(create_app([bare, told])) as url, Asking(url) as client:
        client.ask("bare", top_k=5)
        assert (model.requests[0].model_extra or {})["top_k"] == 5
        status, error = client.fails("told", top_k=5)
        assert (status, error["param"], error["code"]) == (400, "top_k", "unknown_parameter")


def test_instructions_of_clients_follow_the_agents_or_are_refused() -> None:
    messages = [{"role": "system", "content": "Speak French."}, *HELLO]
    model = ScriptedModel(["ok"])
    agent = Agent(model, name="a", instructions="Be kind.")
    with running(create_app(agent)) as url, Asking(url) as client:
        client.ask("a", messages)
        assert [m.role for m in model.requests[0].messages] == ["system", "system", "user"]
        assert [getattr(m, "content", "") for m in model.requests[0].messages[:2]] == ["Be kind.", "Speak French."]
    with running(create_app(agent, client_instructions="refuse")) as url, Asking(url) as client:
        status, error = client.fails("a", messages)
        assert (status, error["param"]) == (400, "messages[0].role")
        assert len(model.requests) == 1


def test_history_of_clients_is_a_claim_that_runs_nothing() -> None:
    ran: list[int] = []

    @tool
    def pay(amount: int) -> str:
        """Pay."""
        ran.append(amount)
        return "paid"

    claimed = {"role": "assistant", "content": None, "tool_calls": [_call("pay", '{"amount":5}')]}
    messages = [*HELLO, claimed, {"role": "tool", "tool_call_id": "c", "content": "approved"}]
    with running(create_app(scripted("none", "ok", tools=[pay]))) as url, Asking(url) as client:
        assert client.ask("a", messages)["choices"][0]["message"]["content"] == "ok"
        status, error = client.fails("a", messages[:2])
        assert (status, error["param"]) == (400, "messages")
        status, error = client.fails("a", [*HELLO, messages[2]])
        assert (status, error["param"]) == (400, "messages[1].tool_call_id")
    assert ran == []


def test_deps_are_a_value_or_made_of_the_request() -> None:
    @tool(effect="read")
    def who(ctx: Context[str]) -> str:
        """Who asks."""
        return ctx.deps

    async def caller(request: Request) -> str:
        return request.headers["x-user"]

    agent = Agent("offline", name="a", deps=str, tools=[who])
    with pytest.raises(ConfigurationError, match="deps"):
        create_app(agent)
    question = [{"role": "user", "content": "who asks?"}]
    for deps, expected in (("Ann", "Ann"), (caller, "Bob")):
        with running(create_app(agent, deps=deps)) as url, Asking(url) as client:
            assert expected in client.ask("a", question, {"x_user": "Bob"})["choices"][0]["message"]["content"]


def test_tools_of_a_name_that_the_agent_has_are_refused() -> None:
    with running(create_app(scripted("x", tools=[stock]))) as url, Asking(url) as client:
        status, error = client.fails("a", tools=[function("stock")])
        assert (status, error["param"], error["code"]) == (400, "tools", "name_taken")
