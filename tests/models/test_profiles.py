"""What is sent to which provider: the bytes that a profile writes (ROBUSTNESS 1d, Q55 to Q68)."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from agentkit import Agent, ConfigurationError, FunctionModel, tool
from agentkit.chat import MESSAGES, ChatRequest, Json, SystemMessage, ToolMessage, UserMessage
from agentkit.models import Profile, profile_for

SCHEMA = json.loads((Path(__file__).parents[1] / "data" / "chat-completions.schema.json").read_text())
REQUEST = Draft202012Validator({"$ref": "#/$defs/CreateChatCompletionRequest", "$defs": SCHEMA["$defs"]})

OPENAI = profile_for("api.openai.com", "gpt-4o")
REASONING = profile_for("api.openai.com", "gpt-5")
GEMINI = profile_for("generativelanguage.googleapis.com", "gemini-3-pro")
DEEPSEEK = profile_for("api.deepseek.com", "deepseek-chat")
ANTHROPIC = profile_for("api.anthropic.com", "claude-sonnet-4-5")
MISTRAL = profile_for("api.mistral.ai", "mistral-large")
OTHER = profile_for("api.groq.com", "llama")

GO: Json = {"role": "user", "content": "go"}
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: Json = {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS, "strict": True}}
CLOCK: Json = {"type": "function", "function": {"name": "clock"}}
INVOICE = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}
SCHEMA_FORMAT = {"type": "json_schema", "json_schema": {"name": "Invoice", "schema": INVOICE, "strict": True}}


def called(*names: str, **extra: Any) -> Json:
    """An assistant message that calls each name, with ids c0, c1, ..."""
    calls = [
        {"id": f"c{n}", "type": "function", "function": {"name": name, "arguments": "{}"}}
        for n, name in enumerate(names)
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls, **extra}


def answered(number: int = 0, content: Any = "fine", **extra: Any) -> Json:
    return {"role": "tool", "tool_call_id": f"c{number}", "content": content, **extra}


def asked(*messages: Json, **values: Any) -> ChatRequest:
    return ChatRequest(model="m", messages=MESSAGES.validate_python(messages or (GO,)), **values)


def sent(profile: Profile, request: ChatRequest, stream: bool = False, *, deviates: bool = False) -> Json:
    """The body as JSON; it fits the page's schema unless the provider deliberately differs."""
    body: Json = json.loads(profile.body(request, stream))
    if not deviates:
        assert [error.message for error in REQUEST.iter_errors(body)] == []
    return body


@pytest.mark.parametrize(
    ("profile", "message", "content"),
    [
        pytest.param(OTHER, called("clock"), None, id="Q55-calls-alone-null"),
        pytest.param(OTHER, called("clock", content=""), None, id="Q55-calls-and-empty-text-null"),
        pytest.param(MISTRAL, called("clock"), "", id="Q55-calls-alone-text-for-mistral"),
        pytest.param(OTHER, {"role": "assistant", "content": "", "refusal": None}, "", id="Q55-no-calls-text"),
        pytest.param(OTHER, {"role": "assistant", "content": None, "refusal": "no"}, "", id="Q55-refusal-text"),
        pytest.param(OTHER, called("clock", content="a moment"), "a moment", id="Q55-calls-and-text"),
    ],
)
def test_an_assistant_message_always_has_content(profile: Profile, message: Json, content: str | None) -> None:
    results = [answered()] if message.get("tool_calls") else []
    body = sent(profile, asked(GO, message, *results, tools=[CLOCK]))
    assert body["messages"][1]["content"] == content


@pytest.mark.parametrize("profile", [OTHER, OPENAI, DEEPSEEK, GEMINI], ids=["other", "openai", "deepseek", "gemini"])
def test_Q56_a_tool_result_is_one_string(profile: Profile) -> None:
    parts = [{"type": "text", "text": "18 °C, "}, {"type": "text", "text": "sunny"}]
    body = sent(profile, asked(GO, called("weather"), answered(0, parts), tools=[WEATHER]), deviates=profile is GEMINI)
    assert body["messages"][2]["content"] == "18 °C, sunny"


def test_Q57_gemini_gets_the_name_of_each_result_and_nobody_else_does() -> None:
    request = asked(
        GO, called("weather", "clock"), answered(0), answered(1, name="given"), called("clock"), answered(0)
    )
    names = [m.get("name") for m in sent(GEMINI, request, deviates=True)["messages"] if m["role"] == "tool"]
    assert names == ["weather", "clock", "clock"]
    assert GEMINI.body(request).count(b'"name":"clock"') == 5  # two calls, two results, one stand-in
    assert all("name" not in m for m in sent(OTHER, request)["messages"] if m["role"] == "tool")


def test_Q58_unknown_fields_of_a_call_go_back_when_they_are_listed() -> None:
    signed = {"google": {"thought_signature": "s1g"}}
    message = called("clock", extra_content=signed, annotations=[], provider="x")
    message["tool_calls"][0] |= {"extra_content": signed, "index": 0, "cost": 1}
    for profile in (GEMINI, OTHER):
        back = sent(profile, asked(GO, message, answered(), tools=[CLOCK]), deviates=profile is GEMINI)["messages"][1]
        assert back["extra_content"] == back["tool_calls"][0]["extra_content"] == signed
        assert set(back) == {"role", "content", "tool_calls", "extra_content"}
        assert set(back["tool_calls"][0]) == {"id", "type", "function", "extra_content"}


@pytest.mark.parametrize(
    ("profile", "goes_back"),
    [
        pytest.param(DEEPSEEK, {"reasoning_content", "reasoning_details"}, id="Q59-deepseek"),
        pytest.param(
            profile_for("api.moonshot.ai", "kimi-k2"), {"reasoning_content", "reasoning_details"}, id="Q59-kimi"
        ),
        pytest.param(OTHER, {"reasoning_details"}, id="Q59-other"),
        pytest.param(Profile(echo=frozenset({"reasoning"})), {"reasoning"}, id="Q59-own-profile"),
    ],
)
def test_reasoning_goes_back_where_it_is_wanted(profile: Profile, goes_back: set[str]) -> None:
    message = called("clock", reasoning="hm", reasoning_content="hm", reasoning_details=[{"text": "hm"}])
    back = sent(profile, asked(GO, message, answered(), tools=[CLOCK]))["messages"][1]
    assert {key for key in back if key.startswith("reasoning")} == goes_back


def test_Q60_calls_in_the_history_keep_tools_although_none_is_offered() -> None:
    history = (GO, called("weather", "clock", "clock"), answered(0), answered(1), answered(2))
    body = sent(OTHER, asked(*history))
    assert [tool["function"]["name"] for tool in body["tools"]] == ["weather", "clock"]
    assert body["tool_choice"] == "none"
    assert "tools" not in sent(OTHER, asked(GO))
    assert not {"tools", "tool_choice"} & set(sent(OPENAI, asked(*history)))


def test_Q60_another_call_in_the_same_conversation_is_not_hidden_by_what_was_sent_before() -> None:
    first = asked(GO, called("clock"), answered())
    second = first.with_messages((*first.messages, *asked(called("weather"), answered()).messages))
    assert [len(sent(OTHER, request)["tools"]) for request in (first, second, first)] == [1, 2, 1]


def test_Q60_empty_tools_cannot_be_asked_for() -> None:
    with pytest.raises(ConfigurationError, match="tools"):
        asked(tools=())
    with pytest.raises(ConfigurationError, match="tool_choice is only allowed with tools"):
        asked(tool_choice="auto")


def test_Q61_parallel_tool_calls_is_sent_when_it_was_set_and_there_are_tools() -> None:
    assert "parallel_tool_calls" not in sent(OTHER, asked(tools=[CLOCK]))
    assert sent(OTHER, asked(tools=[CLOCK], parallel_tool_calls=False))["parallel_tool_calls"] is False
    with pytest.raises(ConfigurationError, match="parallel_tool_calls is only allowed with tools"):
        asked(parallel_tool_calls=False)


@pytest.mark.parametrize(
    ("host", "model", "name"),
    [
        pytest.param("api.openai.com", "gpt-4o", "max_completion_tokens", id="Q62-openai"),
        pytest.param("mine.openai.azure.com", "o1", "max_completion_tokens", id="Q62-azure"),
        pytest.param("openrouter.ai", "openai/gpt-5-mini", "max_completion_tokens", id="Q62-gpt-5-at-a-gateway"),
        pytest.param("openrouter.ai", "meta/llama-4", "max_tokens", id="Q62-others"),
        pytest.param("notopenai.com", "gpt-4o", "max_tokens", id="Q62-a-name-that-only-ends-alike"),
    ],
)
@pytest.mark.parametrize("given", ["max_tokens", "max_completion_tokens"])
def test_the_token_limit_has_the_name_that_the_provider_knows(host: str, model: str, name: str, given: str) -> None:
    body = sent(profile_for(host, model), asked(**{given: 50}))
    assert {key: body[key] for key in body if key.startswith("max_")} == {name: 50}


def test_Q63_instructions_are_one_system_message_and_the_first() -> None:
    request = asked(
        {"role": "system", "content": "Be short."},
        GO,
        {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
    )
    assert sent(OTHER, request)["messages"] == [{"role": "system", "content": "Be short.\n\nBe kind."}, GO]
    assert [m["role"] for m in sent(OPENAI, request)["messages"]] == ["system", "user", "system"]
    named = {"role": "system", "content": "Be short.", "name": "ops"}
    assert sent(OTHER, asked(named, GO))["messages"] == [named, GO]
    assert [m["role"] for m in sent(REASONING, request)["messages"]] == ["developer", "user", "developer"]


@pytest.mark.parametrize("model", ["o3", "o4-mini-2025-04-16"])
def test_stop_is_refused_before_sending_where_the_model_takes_none(model: str) -> None:
    with pytest.raises(ConfigurationError, match="takes no stop sequences"):
        profile_for("api.openai.com", model).body(asked(stop="END"))
    assert sent(profile_for("api.openai.com", "o1"), asked(stop="END"))["stop"] == "END"


def test_Q64_strict_is_sent_to_those_who_know_it() -> None:
    request = asked(tools=[WEATHER])
    assert sent(OPENAI, request)["tools"][0]["function"]["strict"] is True
    assert "strict" not in sent(OTHER, request)["tools"][0]["function"]
    assert request.tools is not None
    assert request.tools[0].to_json()["function"]["strict"] is True


@pytest.mark.anyio
async def test_Q65_Q66_Q68_what_a_model_writes_wrong_goes_back_as_servers_accept_it() -> None:
    @tool
    def clock() -> str:
        """The time."""
        return "noon"

    wrong = [("functions.clock!", "{}"), ("clock", "[1]"), ("clock", '{"a"')]
    model = FunctionModel(lambda request: "done" if len(request.messages) > 1 else wrong)
    await Agent(model, tools=[clock]).run("go")
    user, assistant, *results = sent(OTHER, model.requests[1])["messages"]
    assert user["role"] == "user"
    functions = [call["function"] for call in assistant["tool_calls"]]
    assert [function["name"] for function in functions] == ["functions_clock_", "clock", "clock"]
    assert [function["arguments"] for function in functions] == ["{}", "{}", "{}"]
    assert [m["role"] for m in results] == ["tool"] * 3
    assert [m["tool_call_id"] for m in results] == [call["id"] for call in assistant["tool_calls"]]


@pytest.mark.parametrize(
    ("choice", "word", "offered"),
    [
        pytest.param({"type": "function", "function": {"name": "clock"}}, "required", ["clock"], id="Q67-named"),
        pytest.param("required", "required", ["weather", "clock"], id="Q67-word"),
        pytest.param(
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [WEATHER]}},
            "auto",
            ["weather"],
            id="Q67-allowed",
        ),
    ],
)
def test_a_choice_by_object_becomes_a_word_where_objects_are_unknown(
    choice: Any, word: str, offered: list[str]
) -> None:
    request = asked(tools=[WEATHER, CLOCK], tool_choice=choice)
    body = sent(Profile(tool_choice_objects=False), request)
    assert (body["tool_choice"], [t["function"]["name"] for t in body["tools"]]) == (word, offered)
    assert sent(OTHER, request)["tool_choice"] == choice


@pytest.mark.parametrize(
    ("messages", "first"),
    [
        pytest.param([GO], "Answer with one JSON object and nothing else.", id="no-message-asks"),
        pytest.param(
            [{"role": "system", "content": "Be short."}, GO],
            "Be short.\n\nAnswer with one JSON object and nothing else.",
            id="the-instructions-do-not-ask",
        ),
        pytest.param([{"role": "user", "content": "go, as JSON"}], None, id="the-user-asks"),
        pytest.param([{"role": "system", "content": "Reply in json"}, GO], "Reply in json", id="the-instructions-ask"),
        pytest.param(
            [GO, called("json"), answered(0, "json")], "Answer with one JSON object and nothing else.", id="a-tool-only"
        ),
    ],
)
@pytest.mark.parametrize("profile", [OTHER, REASONING, DEEPSEEK], ids=["other", "openai", "deepseek"])
def test_json_mode_asks_for_json_once(profile: Profile, messages: list[Json], first: str | None) -> None:
    request = asked(*messages, response_format={"type": "json_object"})
    body = sent(profile, request)
    assert body["response_format"] == {"type": "json_object"}
    told = body["messages"][0]
    assert (told["content"] if told["role"] in ("system", "developer") else None) == first
    assert request.messages == MESSAGES.validate_python(messages)


@pytest.mark.parametrize("profile", [DEEPSEEK, ANTHROPIC], ids=["deepseek", "anthropic"])
def test_a_schema_is_told_in_words_where_the_format_is_unknown(profile: Profile) -> None:
    body = sent(profile, asked({"role": "user", "content": "the invoice as JSON"}, response_format=SCHEMA_FORMAT))
    assert body["response_format"] == {"type": "json_object"}
    told = body["messages"][0]
    assert told["role"] == "system"
    assert json.loads(told["content"].split("JSON Schema:\n")[1]) == INVOICE
    known = sent(OTHER, asked(response_format=SCHEMA_FORMAT))
    assert (known["response_format"], known["messages"]) == (SCHEMA_FORMAT, [GO])


def test_stream_parameters_are_sent_only_with_streams() -> None:
    request = asked()
    assert sent(OTHER, request, stream=True)["stream_options"] == {"include_usage": True}
    assert not {"stream", "stream_options"} & set(sent(OTHER, request))
    assert "stream_options" not in sent(Profile(stream_options=False), request, stream=True)


def test_a_deprecated_call_of_a_history_is_kept() -> None:
    old = {"role": "assistant", "content": None, "function_call": {"name": "clock", "arguments": "{}"}}
    body = sent(OTHER, asked(GO, old, {"role": "function", "name": "clock", "content": "noon"}))
    assert body["messages"][1] == old


@pytest.mark.parametrize(
    "copied",
    [
        pytest.param(lambda m, change: m.model_copy(update=change), id="model_copy"),
        pytest.param(lambda m, change: copy.copy(m).model_copy(update=change), id="copy"),
        pytest.param(lambda m, change: copy.deepcopy(m).model_copy(update=change), id="deepcopy"),
        pytest.param(lambda m, change: pickle.loads(pickle.dumps(m)).model_copy(update=change), id="pickle"),
    ],
)
@pytest.mark.parametrize(
    ("message", "change"),
    [
        (UserMessage(content="old"), {"content": "new"}),
        (SystemMessage(content="old"), {"content": "new"}),
        (MESSAGES.validate_python([{"role": "assistant", "content": "old"}])[0], {"content": "new"}),
        (ToolMessage(tool_call_id="c0", content="old"), {"content": "new"}),
    ],
    ids=["user", "system", "assistant", "tool"],
)
@pytest.mark.parametrize("profile", [OTHER, REASONING, MISTRAL], ids=["other", "openai", "mistral"])
def test_a_changed_copy_is_never_sent_with_old_bytes(profile: Profile, message: Any, change: Json, copied: Any) -> None:
    before = profile.body(asked(GO).with_messages((message,)))
    after = profile.body(asked(GO).with_messages((copied(message, change),)))
    assert after == before.replace(b'"old"', b'"new"') != before


def test_bytes_are_written_once_for_each_message_and_profile() -> None:
    request = asked(GO, called("clock"), answered(), tools=[CLOCK])
    bodies = [profile.body(request) for profile in (OTHER, MISTRAL, OTHER)]
    assert bodies[0] == bodies[2] != bodies[1]
    kept = [message.sent[1] for message in request.messages]
    OTHER.body(request.with_messages((*request.messages, UserMessage(content="more"))))
    assert all(a is b for a, b in zip(kept, [message.sent[1] for message in request.messages], strict=True))
