"""Redact: values never leave, tools get them all the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentkit import Agent, ConfigurationError, RemoteModel, tool
from agentkit.chat import ChatRequest
from agentkit.middleware import Redact
from agentkit.testing import FakeServer

pytestmark = pytest.mark.anyio


@tool
def write(to: str, text: str) -> str:
    """Write a letter."""
    return f"sent to {to}"


async def test_the_endpoint_sees_placeholders_and_the_tool_and_the_user_see_values() -> None:
    sent: list[tuple[str, str]] = []

    @tool
    def mail(to: str, text: str) -> str:
        """Write a letter."""
        sent.append((to, text))
        return f"sent to {to}, copy to boss@corp.example"

    script: Any = [
        [("mail", {"to": "[email 1]", "text": 'from "[email 2]"'})],
        "Done: [email 1], [email 3], [email 9].",
    ]
    with FakeServer(script) as server:
        agent = Agent(RemoteModel("m", base_url=server.base_url), tools=[mail], middleware=[Redact("email", "card")])
        result = await agent.run("Write to ann@home.example from bob@work.example, card 4111 1111 1111 1111.")
    assert sent == [("ann@home.example", 'from "bob@work.example"')]
    assert result.output == "Done: ann@home.example, boss@corp.example, [email 9]."
    traffic = json.dumps(server.requests)
    assert server.problems == []
    assert not any(value in traffic for value in ("ann@home", "bob@work", "boss@corp", "4111"))
    assert "[card 1]" in traffic
    assert "ann@home.example" in str(result.messages[0].content)  # the journal keeps what was said


async def test_a_value_keeps_its_placeholder_over_the_turns_of_a_conversation() -> None:
    with FakeServer(["It is [email 1].", "Still [email 1], not [email 2]."]) as server:
        agent = Agent(RemoteModel("m", base_url=server.base_url), middleware=[Redact("email")])
        first = await agent.run("Keep a@x.example.")
        second = await agent.run([*first.messages, {"role": "user", "content": "And b@x.example?"}])
    assert second.output == "Still a@x.example, not b@x.example."
    assert [m["content"] for m in server.requests[1]["messages"]] == [
        "Keep [email 1].",
        "It is [email 1].",
        "And [email 2]?",
    ]


async def test_values_with_quotes_stay_valid_json_in_arguments() -> None:
    got: list[str] = []

    @tool
    def note(text: str) -> str:
        """Note."""
        got.append(text)
        return "ok"

    with FakeServer([[("note", {"text": "say [quote 1]"})], "ok"]) as server:
        agent = Agent(RemoteModel("m", base_url=server.base_url), tools=[note], middleware=[Redact(quote='"[a-z]+"')])
        await agent.run('Note "hush".')
    assert got == ['say "hush"']


async def test_a_request_without_matches_is_sent_as_it_is() -> None:
    with FakeServer(["hello"]) as server:
        agent = Agent(RemoteModel("m", base_url=server.base_url), middleware=[Redact("email", "phone", "iban")])
        assert (await agent.run("Order 12345 of 2026-11-24 at 10:30.")).output == "hello"
    assert ChatRequest(**server.requests[0]).messages[0].content == "Order 12345 of 2026-11-24 at 10:30."


@pytest.mark.parametrize(
    "kind, text",
    [("iban", "DE89 3704 0044 0532 0130 00"), ("phone", "+49 (30) 901820"), ("card", "5500-0000-0000-0004")],
)
async def test_each_kind_is_found(kind: str, text: str) -> None:
    with FakeServer(["ok"]) as server:
        await Agent(RemoteModel("m", base_url=server.base_url), middleware=[Redact(kind)]).run(f"It is {text}.")
    assert server.requests[0]["messages"][0]["content"] == f"It is [{kind} 1]."


def test_an_unknown_kind_names_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="the kinds are email, card, iban, phone"):
        Redact("name")
    with pytest.raises(ConfigurationError, match="in the pattern"):
        Redact(odd="(")
