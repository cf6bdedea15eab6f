"""Keys are never shown and never sent elsewhere (ROBUSTNESS S13, S14); addresses are checked at once."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
import traceback

import pytest

from agentkit import (
    Agent,
    AuthenticationFailed,
    BadRequest,
    ChatClient,
    ChatRequest,
    ConfigurationError,
    ModelError,
    RemoteModel,
    RunState,
    ServerFailed,
)
from agentkit.chat import UserMessage
from agentkit.client import Secret, scrub
from tests.loopback import Reply, serve, sse, whole

KEY = "my-own-key-0123456789"
REQUEST = ChatRequest(model="m", messages=(UserMessage(content="hi"),))


def test_a_secret_shows_itself_nowhere() -> None:
    secret = Secret(KEY)
    assert KEY not in f"{secret!r} {secret} {secret:>40} {[secret]} {vars(ChatClient('https://x.com', KEY))}"
    assert not hasattr(secret, "__dict__")
    for copied in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot be pickled or copied"):
            copied(secret)
    assert secret.reveal() == KEY


@pytest.mark.parametrize("key", ["", "  ", "key with space", "key\r\nx-admin: 1", "schlüssel", "key\x00"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ConfigurationError, match="api_key is") as raised:
        ChatClient("https://x.com", key)
    assert not key.strip() or key not in str(raised.value)


def test_blanks_around_a_pasted_key_are_stripped() -> None:
    with serve([whole({}, 500)] * 3) as server, pytest.raises(ServerFailed):
        asyncio.run(ChatClient(server.base_url, f" {KEY}\n", retries=0).complete(REQUEST))
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


REPLIES: dict[str, tuple[Reply, type[ModelError]]] = {
    "401": (whole({"error": {"message": f"bad key {KEY}", "code": KEY}}, 401), AuthenticationFailed),
    "400-param": (whole({"error": {"message": "no", "param": KEY, "type": KEY}}, 400), BadRequest),
    "request-id": (whole({"error": "no"}, 400, x_request_id=KEY), BadRequest),
    "html": (Reply(f"<html>{KEY}".encode(), headers={"content-type": "text/html"}), ModelError),
    "error-in-200": (whole({"error": {"message": f"no {KEY}", "code": KEY}}), ServerFailed),
    "no-choices": (whole({"choices": [], "note": KEY}), ModelError),
    "bad-choices": (whole({"choices": [{"message": {"content": {"a": KEY}, "tool_calls": [{"id": {KEY: 1}}]}}]}), ModelError),
    "error-event": (sse({"error": {"message": KEY, "code": KEY}}), ServerFailed),
    "bad-event": (sse("{nonsense " + KEY), ModelError),
    "text-event": (sse("nonsense " + KEY), ModelError),
}  # fmt: skip


def _everything(error: BaseException) -> str:
    """All that is told of an error: text, repr, fields, pickle, traceback, and those of its causes."""
    told = "".join(traceback.format_exception(error))
    at: BaseException | None = error
    while at is not None:
        told += f"{at!r}{at}{ {k: v for k, v in vars(at).items() if k != 'state'} }{pickle.dumps(at.args)!r}"
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
    return told


@pytest.mark.parametrize("name", REPLIES)
@pytest.mark.parametrize("streamed", [True, False])
def test_no_error_or_log_line_holds_the_key_though_the_server_says_it(
    name: str, streamed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    reply, kind = REPLIES[name]
    with serve([reply]) as server, caplog.at_level(logging.DEBUG, "agentkit"), pytest.raises(kind) as raised:
        agent = Agent(RemoteModel("m", base_url=server.base_url, api_key=KEY, retries=0))
        if streamed:
            with agent.stream_sync("hi") as run:
                run.finish()
        else:
            agent.run_sync("hi")
    assert KEY not in _everything(raised.value)
    assert KEY not in caplog.text
    state = RunState.of(raised.value)
    assert state is not None
    assert KEY not in state.model_dump_json()


def test_what_looks_like_a_key_is_scrubbed_though_it_is_not_ours() -> None:
    assert scrub("got sk-proj-abcdefghijkl and Bearer abc.def") == "got *** and Bearer ***"
    assert scrub("task-oriented desk-lamps") == "task-oriented desk-lamps"


def test_a_redirect_is_not_followed_so_the_key_stays_with_its_host() -> None:
    with serve([whole({})]) as elsewhere, serve([whole({}, 307, location=elsewhere.base_url)]) as server:
        with pytest.raises(BadRequest, match="HTTP 307"):
            asyncio.run(ChatClient(server.base_url, KEY).complete(REQUEST))
        assert elsewhere.requests == []


ADDRESSES = {
    "api.example.com/v1": "must begin with https://",
    "ftp://api.example.com": "must begin with https://",
    "https://": "must begin with https://",
    "http://[::1": "is no URL",
    "http://localhost:99999": "is no URL",
    "http://api.example.com/v1": "would send the key unencrypted",
    "https://me:secret@api.example.com": "must hold no user, password, query or fragment",
    "https://api.example.com/v1?key=1": "must hold no user, password, query or fragment",
    "https://api.example.com/v 1": "holds characters that a URL cannot",
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_that_cannot_be_is_refused_at_construction(address: str) -> None:
    for make in (ChatClient, lambda base_url: RemoteModel("m", base_url=base_url, api_key=KEY)):
        with pytest.raises(ConfigurationError, match=ADDRESSES[address]):
            make(address)


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("https://host/v1/ai/EndPoint", "https://host/v1/ai/EndPoint"),
        ("https://host/v1/", "https://host/v1"),
        ("https://host/v1/chat/completions", "https://host/v1"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://192.168.1.7/v1", "http://192.168.1.7/v1"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
    ],
)
def test_addresses_that_can_be(given: str, asked: str) -> None:
    assert ChatClient(given).base_url == asked
    assert ChatClient("http://api.example.com", KEY, allow_http=True).base_url == "http://api.example.com"


def test_without_address_and_key_the_client_says_what_it_needs() -> None:
    with pytest.raises(ConfigurationError, match="needs base_url=, or api_key= for the OpenAI API"):
        ChatClient()
    assert ChatClient(api_key=KEY).base_url == "https://api.openai.com/v1"
