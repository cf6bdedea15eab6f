"""Sessions: the server remembers, for the key that began them."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import Any

from agentkit import Agent, FunctionModel, RateLimited, ScriptedModel, SQLiteStore, tool
from agentkit.serve import create_app

from .asking import HELLO, Asking, function, with_results
from .running import running


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def echo() -> FunctionModel:
    """Answers with the roles of the conversation it was asked with."""
    return FunctionModel(lambda request: " ".join(message.role for message in request.messages))


def content(answer: Any) -> str:
    return str(answer["choices"][0]["message"]["content"])


def test_a_session_remembers_by_header_and_by_metadata() -> None:
    with running(create_app(Agent(echo(), name="a"))) as url, Asking(url) as client:
        assert content(client.ask("a", said("one"), {"x_session_id": "s"})) == "user"
        assert content(client.ask("a", said("two"), metadata={"session": "s"})) == "user assistant user"
        assert content(client.ask("a", said("one"))) == "user"


def test_clients_that_send_the_whole_history_again_add_what_is_new() -> None:
    model = echo()
    with running(create_app(Agent(model, name="a"))) as url, Asking(url) as client:
        system = {"role": "system", "content": "Be kind."}
        first = client.ask("a", [system, *said("one")], {"x_session_id": "s"})
        history = [system, *said("one"), first["choices"][0]["message"], *said("two")]
        assert content(client.ask("a", history, {"x_session_id": "s"})) == "system user assistant user"
        assert content(client.ask("a", [system, *said("three")], {"x_session_id": "s"})).count("system") == 1


def test_a_session_belongs_to_its_key() -> None:
    app = create_app(Agent(echo(), name="a"), keys=["one", "two"])
    with running(app) as url, Asking(url, "one") as one, Asking(url, "two") as two:
        one.ask("a", said("secret"), {"x_session_id": "s"})
        assert content(two.ask("a", said("hi"), {"x_session_id": "s"})) == "user"


def test_what_is_no_session_id_is_refused() -> None:
    with running(create_app(Agent(echo(), name="a"))) as url, Asking(url) as client:
        for bad in ("../x", "a b", "x" * 129):
            status, error = client.fails("a", metadata={"session": bad})
            assert (status, error["code"]) == (400, "invalid_id")
        answer = client.post({"model": "a", "messages": HELLO, "metadata": {"session": "s"}}, x_session_id="t")
        assert client.refused(answer)["code"] == "invalid_id"


def test_a_session_survives_its_server(tmp_path: Path) -> None:
    for expected in ("user", "user assistant user"):
        app = create_app(Agent(echo(), name="a"), store=SQLiteStore(tmp_path / "s.db"))
        with running(app) as url, Asking(url) as client:
            assert content(client.ask("a", said("hi"), {"x_session_id": "s"})) == expected


def test_results_of_the_client_go_into_the_session_even_after_a_restart(tmp_path: Path) -> None:
    weather = function("weather", city={"type": "string"})
    message: Any = None
    for turn in range(2):
        model = ScriptedModel([[("weather", {"city": "Oslo"})], "It snows."])
        app = create_app(Agent(model, name="a"), store=SQLiteStore(tmp_path / "s.db"))
        with running(app) as url, Asking(url) as client:
            messages = HELLO if turn == 0 else with_results(HELLO, message, weather="snow")
            answer = client.ask("a", messages, {"x_session_id": "s"}, tools=[weather])
            message = answer["choices"][0]["message"]
    assert message["content"] == "It snows."


def test_two_runs_of_one_session_at_once_are_a_conflict() -> None:
    inside, go_on = Event(), Event()

    @tool
    def slow() -> str:
        """Wait."""
        inside.set()
        assert go_on.wait(10)
        return "done"

    agent = Agent(ScriptedModel([[("slow", {})], "ok"]), name="a", tools=[slow])
    with running(create_app(agent)) as url, Asking(url) as client, Asking(url) as other:
        stream = client.http.stream(
            "POST",
            client.path,
            json={"model": "a", "messages": HELLO, "stream": True},
            headers={"x-session-id": "s"},
        )
        with stream as answer:
            assert inside.wait(10)
            status, error = other.post({"model": "a", "messages": HELLO}, x_session_id="s").status_code, None
            assert (status, error) == (409, None)
            go_on.set()
            assert "[DONE]" in answer.read().decode()


def test_a_request_that_failed_may_be_sent_again_and_is_in_the_session_once() -> None:
    failures: list[Any] = [RateLimited("busy", status=429)]
    model = FunctionModel(
        lambda request: failures.pop() if failures else " ".join(message.role for message in request.messages)
    )
    with running(create_app(Agent(model, name="a"))) as url, Asking(url) as client:
        assert client.post({"model": "a", "messages": HELLO}, x_session_id="s").status_code == 429
        assert content(client.ask("a", HELLO, {"x_session_id": "s"})) == "user"
        assert content(client.ask("a", HELLO, {"x_session_id": "s"})) == "user assistant user"


def test_another_agent_may_go_on_with_a_conversation_and_not_with_a_run() -> None:
    weather = function("weather", city={"type": "string"})
    first = Agent(ScriptedModel([[("weather", {"city": "Oslo"})], "It snows."]), name="first")
    with running(create_app([first, Agent(echo(), name="second")])) as url, Asking(url) as client:
        message = client.ask("first", HELLO, {"x_session_id": "s"}, tools=[weather])["choices"][0]["message"]
        body = {"model": "second", "messages": with_results(HELLO, message, weather="snow")}
        answer = client.post(body, x_session_id="s")
        assert (answer.status_code, client.refused(answer)["param"]) == (409, "model")
        assert content(client.ask("second", said("go on"), {"x_session_id": "s"})) == "user assistant tool user"


def test_a_request_without_anything_new_is_refused() -> None:
    with running(create_app(Agent(echo(), name="a"))) as url, Asking(url) as client:
        first = client.ask("a", said("one"), {"x_session_id": "s"})
        history = [*said("one"), first["choices"][0]["message"]]
        answer = client.post({"model": "a", "messages": history}, x_session_id="s")
        assert client.refused(answer)["param"] == "messages"
