"""RemoteModel: where it asks and with which key, and what it learns from a refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agentkit import BadRequest, ChatCompletion, ConfigurationError, ContextOverflow, OfflineModel, RemoteModel
from agentkit import model_from_environment as from_environment
from agentkit.chat import MESSAGES, ChatRequest, Json, PartialCompletion
from agentkit.models import Profile, resolve
from tests.loopback import Received, Reply, serve, sse, whole

DONE = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "done"}, "finish_reason": "stop"}]}
DELTA = {"choices": [{"index": 0, "delta": {"content": "done"}, "finish_reason": "stop"}]}
CLOCK = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object"}, "strict": True}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "A", "schema": {"type": "object"}, "strict": True}}
NAMED = {"type": "function", "function": {"name": "clock"}}

LOCAL = "http://127.0.0.1:8080/v1"
GATEWAY = "https://gateway.example/v1/ai/chat"
OPENAI = "https://api.openai.com/v1"


def asked(**values: Any) -> ChatRequest:
    return ChatRequest(model="m", messages=MESSAGES.validate_python([{"role": "user", "content": "go"}]), **values)


def endpoint(model: RemoteModel) -> tuple[str, str | None]:
    """Where the model sends, and with which key."""
    client = model._connect()
    return client.base_url, client._key.reveal() if client._key is not None else None


@pytest.mark.parametrize(
    ("variables", "arguments", "expected"),
    [
        pytest.param({"OPENAI_API_KEY": "sk"}, {}, (OPENAI, "sk"), id="openai"),
        pytest.param({}, {"api_key": "sk"}, (OPENAI, "sk"), id="key-alone-is-for-openai"),
        pytest.param({"OPENAI_BASE_URL": GATEWAY, "OPENAI_API_KEY": "sk"}, {}, (GATEWAY, "sk"), id="openai-elsewhere"),
        pytest.param({"AGENTKIT_BASE_URL": GATEWAY, "AGENTKIT_API_KEY": "ak"}, {}, (GATEWAY, "ak"), id="ours"),
        pytest.param(
            {
                "AGENTKIT_BASE_URL": GATEWAY,
                "AGENTKIT_API_KEY": "ak",
                "OPENAI_BASE_URL": "https://other.example/v1",
                "OPENAI_API_KEY": "sk",
            },
            {},
            (GATEWAY, "ak"),
            id="ours-before-openai",
        ),
        pytest.param({"AGENTKIT_BASE_URL": LOCAL}, {}, (LOCAL, None), id="a-local-one-needs-no-key"),
        pytest.param({"AGENTKIT_BASE_URL": LOCAL, "OPENAI_API_KEY": "sk"}, {}, (LOCAL, None), id="not-openais-key"),
        pytest.param({"OPENAI_API_KEY": "sk"}, {"base_url": LOCAL}, (LOCAL, None), id="not-openais-key-to-an-argument"),
        pytest.param(
            {"AGENTKIT_BASE_URL": GATEWAY, "AGENTKIT_API_KEY": "ak"}, {"base_url": LOCAL}, (LOCAL, None), id="not-ours"
        ),
        pytest.param({"AGENTKIT_API_KEY": "ak"}, {"base_url": GATEWAY}, (GATEWAY, "ak"), id="our-key-to-an-argument"),
        pytest.param(
            {"OPENAI_API_KEY": "sk"},
            {"base_url": "https://api.openai.com:443/v1"},
            (f"{OPENAI[:22]}:443/v1", "sk"),
            id="same-place",
        ),
        pytest.param(
            {"AGENTKIT_BASE_URL": GATEWAY, "AGENTKIT_API_KEY": "ak"},
            {"base_url": LOCAL, "api_key": "given"},
            (LOCAL, "given"),
            id="arguments-first",
        ),
        pytest.param(
            {"AGENTKIT_BASE_URL": "", "AGENTKIT_API_KEY": "", "OPENAI_API_KEY": "sk"}, {}, (OPENAI, "sk"), id="empty"
        ),
    ],
)
def test_address_and_key_belong_together(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], arguments: Json, expected: tuple[str, str | None]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert endpoint(RemoteModel("m", **arguments)) == expected


@pytest.mark.parametrize(
    ("variables", "arguments", "text"),
    [
        pytest.param({}, {}, "model 'm' has no API key for api.openai.com: set OPENAI_API_KEY", id="nothing"),
        pytest.param({}, {"base_url": GATEWAY}, "no API key for gateway.example", id="a-remote-address"),
        pytest.param({"AGENTKIT_BASE_URL": GATEWAY}, {}, "AGENTKIT_BASE_URL and AGENTKIT_API_KEY", id="ours"),
        pytest.param({"AGENTKIT_BASE_URL": GATEWAY, "OPENAI_API_KEY": "sk"}, {}, "no API key for gateway", id="theirs"),
        pytest.param({"AGENTKIT_API_KEY": "ak"}, {}, "AGENTKIT_API_KEY is set without AGENTKIT_BASE_URL", id="half"),
        pytest.param(
            {"AGENTKIT_API_KEY": "ak", "AGENTKIT_BASE_URL": ""}, {}, "set without AGENTKIT_BASE_URL", id="half-empty"
        ),
        pytest.param({"AGENTKIT_BASE_URL": "gateway"}, {}, "must begin with https://", id="no-address"),
    ],
)
@pytest.mark.anyio
async def test_what_is_missing_is_told_at_the_first_request(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], arguments: Json, text: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    model = RemoteModel("m", **arguments)
    with pytest.raises(ConfigurationError, match=text) as caught:
        await model.complete(asked())
    assert not {"sk", "ak"} & set(str(caught.value).split())


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"name": " "}, "a model needs a name"),
        ({"name": "m", "base_url": "http://gateway.example/v1"}, "unencrypted"),
        ({"name": "m", "base_url": LOCAL, "api_key": "a b"}, "printable ASCII"),
    ],
)
def test_what_is_wrong_is_told_at_construction(arguments: Json, text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        RemoteModel(**arguments)


def test_without_an_endpoint_the_environment_names_the_offline_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(from_environment("gpt-5"), OfflineModel)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "agentkit: no endpoint is configured; the built-in offline model answers by rules.\n"


@pytest.mark.parametrize("variable", ["AGENTKIT_BASE_URL", "AGENTKIT_API_KEY", "OPENAI_API_KEY"])
def test_with_an_endpoint_the_environment_names_a_remote_model(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str
) -> None:
    monkeypatch.setenv(variable, LOCAL)
    with pytest.raises(ConfigurationError, match="set AGENTKIT_MODEL"):
        from_environment()
    assert repr(from_environment("gpt-5")) == "RemoteModel('gpt-5')"
    monkeypatch.setenv("AGENTKIT_MODEL", "mine")
    assert repr(from_environment("gpt-5")) == "RemoteModel('mine')"
    assert capsys.readouterr() == ("", "")


def test_a_model_is_a_name_or_an_object_that_completes() -> None:
    offline = OfflineModel()
    assert resolve(offline) is offline
    assert isinstance(resolve("offline"), OfflineModel)
    assert repr(resolve("gpt-5")) == "RemoteModel('gpt-5')"
    for wrong in (42, OfflineModel, None):
        with pytest.raises(ConfigurationError, match="is no model"):
            resolve(wrong)  # type: ignore[arg-type]


def refusal(message: str, param: str | None = None, code: str | None = None, status: int = 400) -> Reply:
    return whole({"error": {"message": message, "param": param, "code": code}}, status)


def only(accepts: Callable[[Json], bool], refused: Reply) -> Callable[[Received], Reply]:
    """A server that refuses every body but those it accepts."""

    def answer(received: Received) -> Reply:
        if not accepts(received.json):
            return refused
        return sse(DELTA, "[DONE]") if received.json.get("stream") else whole(DONE)

    return answer


async def complete(model: RemoteModel, request: ChatRequest, streamed: bool) -> ChatCompletion:
    async def on_chunk(chunk: Json, partial: PartialCompletion) -> None:
        pass

    return await model.complete(request, on_chunk if streamed else None)


def _offers_strict(body: Json) -> bool:
    formats = body.get("response_format", {}).get("json_schema", {})
    return "strict" in formats or any("strict" in tool["function"] for tool in body.get("tools", ()))


REFUSALS = [
    pytest.param(
        Profile(),
        {"max_tokens": 5},
        lambda body: body.get("max_completion_tokens") == 5,
        refusal(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            "max_tokens",
            "unsupported_parameter",
        ),
        id="Q62-max_tokens",
    ),
    pytest.param(
        Profile(max_tokens="max_completion_tokens"),
        {"max_completion_tokens": 5},
        lambda body: body.get("max_tokens") == 5,
        refusal("Unrecognized request argument supplied: max_completion_tokens"),
        id="Q62-max_completion_tokens",
    ),
    pytest.param(
        Profile(),
        {"tools": [CLOCK], "parallel_tool_calls": False},
        lambda body: "parallel_tool_calls" not in body,
        whole({"detail": [{"loc": ["body", "parallel_tool_calls"], "msg": "Extra inputs are not permitted"}]}, 422),
        id="Q61-parallel_tool_calls",
    ),
    pytest.param(
        Profile(strict=True),
        {"tools": [CLOCK], "response_format": FORMAT},
        lambda body: not _offers_strict(body),
        refusal("Unknown parameter: 'tools[0].function.strict'.", "tools[0].function.strict", "unknown_parameter"),
        id="Q64-strict",
    ),
    pytest.param(
        Profile(),
        {"response_format": FORMAT},
        lambda body: not _offers_strict(body),
        refusal("json_schema.strict is not supported"),
        id="Q64-strict-of-a-format",
    ),
    pytest.param(
        Profile(),
        {"tools": [CLOCK], "tool_choice": NAMED},
        lambda body: body["tool_choice"] == "required",
        refusal("Invalid tool_choice type: 'object'. Supported string values: none, auto, required"),
        id="Q67-tool_choice",
    ),
    pytest.param(
        Profile(),
        {"response_format": FORMAT},
        lambda body: body["response_format"] == {"type": "json_object"} and "Schema" in body["messages"][0]["content"],
        refusal("This response_format type is unavailable now", code="invalid_request_error"),
        id="response_format",
    ),
    pytest.param(
        Profile(),
        {"tools": [CLOCK], "response_format": FORMAT},
        lambda body: "response_format" not in body and "Schema" in body["messages"][0]["content"],
        refusal("json mode cannot be combined with tool/function calling", "response_format"),
        id="response_format-beside-tools",
    ),
]


@pytest.mark.anyio
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("profile", "values", "accepts", "refused"), REFUSALS)
async def test_a_refused_parameter_is_corrected_once_and_remembered(
    profile: Profile, values: Json, accepts: Callable[[Json], bool], refused: Reply, streamed: bool
) -> None:
    with serve(only(accepts, refused)) as server:
        model = RemoteModel("m", base_url=server.base_url, profile=profile, retries=0)
        for _ in range(2):
            completion = await complete(model, asked(**values), streamed)
            assert completion.choices[0].message.text == "done"
        assert [accepts(received.json) for received in server.requests] == [False, True, True]


@pytest.mark.anyio
async def test_Q36_stream_options_are_left_out_where_they_are_unknown() -> None:
    refused = refusal("Unknown parameter: 'stream_options'.", "stream_options")
    with serve(only(lambda body: "stream_options" not in body, refused)) as server:
        model = RemoteModel("m", base_url=server.base_url, retries=0)
        for _ in range(2):
            await complete(model, asked(), streamed=True)
        assert ["stream_options" in received.json for received in server.requests] == [True, False, False]


@pytest.mark.anyio
async def test_Q55_null_content_becomes_a_text_where_null_is_refused() -> None:
    call = {"id": "c0", "type": "function", "function": {"name": "clock", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c0", "content": "noon"},
    ]
    request = asked(tools=[CLOCK]).with_messages(MESSAGES.validate_python(messages))
    refused = refusal("invalid message content type: <nil>")
    with serve(only(lambda body: body["messages"][1]["content"] == "", refused)) as server:
        await RemoteModel("m", base_url=server.base_url, retries=0).complete(request)
        assert [received.json["messages"][1]["content"] for received in server.requests] == [None, ""]


@pytest.mark.anyio
async def test_several_refused_parameters_are_each_corrected_once() -> None:
    def answer(received: Received) -> Reply:
        for name in ("max_tokens", "parallel_tool_calls"):
            if name in received.json:
                return refusal(f"Unsupported parameter: {name}", name)
        return whole(DONE)

    with serve(answer) as server:
        model = RemoteModel("m", base_url=server.base_url, retries=0)
        await model.complete(asked(max_tokens=5, tools=[CLOCK], parallel_tool_calls=False))
        assert len(server.requests) == 3
        assert model.profile.max_tokens == "max_completion_tokens"
        assert model.profile.drop == {"parallel_tool_calls"}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("values", "refused", "error", "times"),
    [
        pytest.param(
            {"max_tokens": 5}, refusal("max_tokens is too large: 5"), BadRequest, 1, id="a-value-not-the-name"
        ),
        pytest.param(
            {}, refusal("Unsupported parameter: 'max_tokens'", "max_tokens"), BadRequest, 1, id="was-not-sent"
        ),
        pytest.param({}, refusal("Unknown parameter: 'stream_options'"), BadRequest, 1, id="not-in-a-whole-answer"),
        pytest.param({"max_tokens": 5}, refusal("Model not found: m", status=404), BadRequest, 1, id="another-reason"),
        pytest.param(
            {"max_tokens": 5},
            refusal("maximum context length is 10 tokens; max_tokens is not supported", "max_tokens"),
            ContextOverflow,
            1,
            id="the-context-is-full",
        ),
        pytest.param(
            {"max_tokens": 5},
            refusal("Neither max_tokens nor max_completion_tokens is supported: unknown parameter"),
            BadRequest,
            2,
            id="the-correction-does-not-help",
        ),
    ],
)
async def test_a_refusal_that_teaches_nothing_is_raised_and_changes_nothing(
    values: Json, refused: Reply, error: type[Exception], times: int
) -> None:
    with serve(lambda received: refused) as server:
        model = RemoteModel("m", base_url=server.base_url, retries=0)
        before = model.profile
        with pytest.raises(error):
            await model.complete(asked(**values))
        assert model.profile is before
        assert len(server.requests) == times
