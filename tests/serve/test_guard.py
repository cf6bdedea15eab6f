"""The guard: who may ask, from where, how much (S9, S10, S12, S15)."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

import httpx
import pytest

from agentkit import Agent, ConfigurationError, FunctionModel, ScriptedModel
from agentkit.serve import Reach, create_app, serve

from .asking import HELLO, Asking
from .running import running

KEY = "sk-test-0123456789abcdef"


def served(**options: Any) -> Any:
    return create_app(Agent(ScriptedModel(["ok"]), name="a"), **options)


@pytest.fixture(scope="module")
def client() -> Any:
    with running(served(keys=[KEY, "other"])) as url, Asking(url, KEY) as asking:
        yield asking


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", f"Basic {KEY}", f"Bearer {KEY}x", "Bearer ü"])
def test_requests_without_a_key_are_refused(client: Asking, authorization: str) -> None:
    for path in ("/v1/models", "/v1/chat/completions", "/agentkit/anything", "/nowhere"):
        headers = {"authorization": authorization.encode()}
        answer = client.http.get(path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert KEY not in json.dumps(client.refused(answer))


def test_without_keys_what_the_page_is_built_on_asks_for_its_token_and_the_api_does_not() -> None:
    with running(served(page_token=KEY)) as url, Asking(url) as client:
        assert client.ask("a")["model"] == "a"
        for path in ("/", "/agentkit/web/app.js", "/openapi.json"):
            assert client.http.get(path).status_code == 200
        for path in ("/agentkit/agents", "/agentkit/sessions", "/agentkit/runs/x/events"):
            for key in ("", "Bearer wrong"):
                refused = client.http.get(path, headers={"authorization": key})
                assert refused.status_code == 401
                assert "which this server printed" in client.refused(refused)["message"]
        told = client.http.get("/agentkit/agents", headers={"authorization": f"Bearer {KEY}"})
        assert told.json()["agents"][0]["agent"] == "a"
    with running(served(page_token=KEY, keys=["other"])) as url, Asking(url, KEY) as client:
        assert client.http.get("/agentkit/agents").status_code == 401


def test_health_needs_no_key(client: Asking) -> None:
    assert client.http.get("/healthz", headers={"authorization": ""}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "", "[::1", "a@b"])
def test_hosts_that_are_not_ours_are_refused(client: Asking, host: str) -> None:
    answer = client.http.get("/v1/models", headers={"host": host})
    assert answer.status_code in (400, 403)


@pytest.mark.parametrize("host", ["localhost", "localhost:80", "127.0.0.1:9", "[::1]:80", "10.0.0.7"])
def test_addresses_and_localhost_are_ours(client: Asking, host: str) -> None:
    assert client.http.get("/v1/models", headers={"host": host}).status_code == 200


def test_a_name_is_ours_when_it_was_given() -> None:
    with running(served(hosts=["agents.example"])) as url, Asking(url) as client:
        assert client.http.get("/v1/models", headers={"host": "agents.example"}).status_code == 200
        assert client.http.get("/v1/models", headers={"host": "other.example"}).status_code == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", "file://", "http://[::1", ""])
def test_pages_of_other_sites_are_refused(client: Asking, origin: str) -> None:
    answer = client.post({"model": "a", "messages": HELLO}, origin=origin)
    assert (answer.status_code, client.refused(answer)["code"]) == (403, "origin")
    assert "access-control-allow-origin" not in answer.headers


def test_pages_of_this_server_may_ask(client: Asking) -> None:
    origin = str(client.http.base_url).rstrip("/")
    assert client.post({"model": "a", "messages": HELLO}, origin=origin).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_simple_requests_of_browsers_are_refused(client: Asking, kind: str) -> None:
    body = json.dumps({"model": "a", "messages": HELLO})
    answer = client.http.post(client.path, content=body, headers={"content-type": kind})
    assert (answer.status_code, client.refused(answer)["code"]) == (415, "content_type")


def test_json_may_name_its_charset(client: Asking) -> None:
    answer = client.post({"model": "a", "messages": HELLO}, content_type="application/json; charset=utf-8")
    assert answer.status_code == 200


def test_preflights_get_no_permission(client: Asking) -> None:
    answer = client.http.request("OPTIONS", client.path, headers={"access-control-request-method": "POST"})
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("told", [True, False])
def test_a_body_over_the_limit_is_refused(client: Asking, told: bool) -> None:
    body = json.dumps({"model": "a", "messages": [{"role": "user", "content": "x" * (1 << 20)}]}).encode()
    pieces = body if told else (body[at : at + 65536] for at in range(0, len(body), 65536))
    answer = client.http.post(client.path, content=pieces, headers={"content-type": "application/json"})
    assert (answer.status_code, client.refused(answer)["code"]) == (413, "body_too_large")


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    with running(served(reach=Reach(body_seconds=0.1))) as url:
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            connection.sendall(head + b"content-length: 100\r\n\r\n{")
            assert connection.recv(1000).startswith(b"HTTP/1.1 408 ")


def test_more_requests_than_are_answered_at_a_time_are_refused() -> None:
    inside, go_on = threading.Semaphore(0), threading.Event()

    def answer(request: Any) -> str:
        return "ok"

    class Slow(FunctionModel):
        async def complete(self, request: Any, on_chunk: Any = None) -> Any:
            import anyio.to_thread

            inside.release()
            await anyio.to_thread.run_sync(go_on.wait, 10)
            return await super().complete(request, on_chunk)

    app = create_app(Agent(Slow(answer), name="a"), reach=Reach(concurrent=2))
    statuses: list[int] = []
    with running(app) as url, Asking(url) as client:
        body = {"model": "a", "messages": HELLO}
        threads = [threading.Thread(target=lambda: statuses.append(client.post(body).status_code)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for _ in range(2):
            assert inside.acquire(timeout=10)
        refused = client.post(body)
        assert (refused.status_code, client.refused(refused)["code"]) == (429, "busy")
        assert refused.headers["retry-after"] == "1"
        assert client.http.get("/healthz").status_code == 200
        go_on.set()
        for thread in threads:
            thread.join(10)
        assert statuses == [200, 200]
        assert client.post(body).status_code == 200


def test_every_answer_has_the_headers_that_keep_browsers_careful(client: Asking) -> None:
    for path in ("/healthz", "/v1/models", "/nowhere"):
        headers = client.http.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers


@pytest.mark.parametrize(
    "path", ["/nowhere", "/v1/../etc/passwd", "/v1/chat/completions/..%2f..%2fx", "/agentkit/web/x"]
)
def test_what_is_not_there_is_404_in_the_apis_words(client: Asking, path: str) -> None:
    answer = client.http.get(path)
    assert (answer.status_code, client.refused(answer)["type"]) == (404, "not_found_error")
    assert client.http.delete("/v1/models").status_code == 405


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "agents.example"])
def test_a_host_beyond_this_machine_needs_keys(host: str) -> None:
    with pytest.raises(ConfigurationError, match="AGENTKIT_SERVE_KEYS"):
        serve(Agent("offline"), host)


def test_what_cannot_be_served_is_told_at_once() -> None:
    agent = Agent("offline", name="a")
    for wrong, told in [
        ([], "nothing to serve"),
        ([agent, Agent("offline", name="a")], "two agents"),
        ([5], "no agent"),
    ]:
        with pytest.raises(ConfigurationError, match=told):
            create_app(wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="list of keys"):
        create_app(agent, keys="sk-1")
    with pytest.raises(ConfigurationError, match="keys"):
        create_app(agent, keys=["two words"])


def test_keys_are_not_shown(client: Asking) -> None:
    assert KEY not in repr(served(keys=[KEY], page_token=KEY).state.service)
    assert isinstance(client.http, httpx.Client)
