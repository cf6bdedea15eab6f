"""Stored completions: kept when asked for, for the key that asked."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from agentkit import Agent, FunctionModel, SQLiteStore
from agentkit.serve import Reach, create_app

from .asking import COMPLETION, HELLO, Asking, problems
from .running import running

PATH = "/v1/chat/completions"


def served(**options: Any) -> Any:
    model = FunctionModel(lambda request: "ok")
    return create_app([Agent(model, name="a"), Agent(model, name="b")], **options)


def test_a_stored_completion_is_read_described_and_deleted() -> None:
    with running(served()) as url, Asking(url) as client:
        answer = client.ask("a", store=True, metadata={"k": "v"})
        path = f"{PATH}/{answer['id']}"
        stored = client.http.get(path).json()
        assert problems(COMPLETION, stored) == []
        assert stored == {**answer, "metadata": {"k": "v"}}
        assert client.post({"metadata": {"k": "w"}}, path).json()["metadata"] == {"k": "w"}
        assert client.http.get(path).json()["metadata"] == {"k": "w"}
        assert client.refused(client.post({"metadata": {"k": 5}}, path))["param"] == "metadata"
        assert client.http.delete(path).json() == {
            "object": "chat.completion.deleted",
            "id": answer["id"],
            "deleted": True,
        }
        assert client.http.get(path).status_code == client.http.get(f"{path}/messages").status_code == 404
        assert client.http.delete(path).status_code == 404


def test_what_was_not_to_be_stored_is_not() -> None:
    with running(served()) as url, Asking(url) as client:
        ids = [client.ask("a")["id"], client.ask("a", store=False)["id"], client.chunks("a")[0]["id"]]
        assert [client.http.get(f"{PATH}/{id}").status_code for id in ids] == [404, 404, 404]
        assert client.http.get(PATH).json() == {
            "object": "list",
            "data": [],
            "first_id": None,
            "last_id": None,
            "has_more": False,
        }


def test_streams_are_stored_too() -> None:
    with running(served()) as url, Asking(url) as client:
        id = client.chunks("a", store=True)[0]["id"]
        assert client.http.get(f"{PATH}/{id}").json()["choices"][0]["message"]["content"] == "ok"


def test_messages_of_a_stored_completion_come_in_pages() -> None:
    messages = [{"role": "developer", "content": "Be kind."}, *HELLO]
    with running(served()) as url, Asking(url) as client:
        id = client.ask("a", messages, store=True)["id"]
        listed = client.http.get(f"{PATH}/{id}/messages").json()
        assert [{"role": row["role"], "content": row["content"]} for row in listed["data"]] == messages
        first = client.http.get(f"{PATH}/{id}/messages", params={"limit": 1}).json()
        assert first["has_more"]
        after = {"after": first["last_id"]}
        assert client.http.get(f"{PATH}/{id}/messages", params=after).json()["data"] == listed["data"][1:]
        down = client.http.get(f"{PATH}/{id}/messages", params={"order": "desc"}).json()
        assert down["data"] == listed["data"][::-1]


def test_lists_are_filtered_and_come_in_pages() -> None:
    with running(served()) as url, Asking(url) as client:
        kept = [client.ask(name, store=True, metadata={"n": str(n)})["id"] for n, name in enumerate("aab")]
        listed = client.http.get(PATH).json()
        assert {row["id"] for row in listed["data"]} == set(kept)
        assert len(client.http.get(PATH, params={"model": "a"}).json()["data"]) == 2
        found = client.http.get(PATH, params={"metadata[n]": "2"}).json()["data"]
        assert [row["id"] for row in found] == kept[2:]
        first = client.http.get(PATH, params={"limit": 2}).json()
        assert (len(first["data"]), first["has_more"]) == (2, True)
        rest = client.http.get(PATH, params={"after": first["last_id"]}).json()
        assert (len(rest["data"]), rest["has_more"]) == (1, False)
        assert {row["id"] for row in first["data"] + rest["data"]} == set(kept)


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"limit": "²"}, {"order": "up"}])
def test_a_page_out_of_range_is_refused(query: dict[str, str]) -> None:
    with running(served()) as url, Asking(url) as client:
        answer = client.http.get(PATH, params=query)
        assert (answer.status_code, client.refused(answer)["param"]) == (400, next(iter(query)))
        assert client.http.get(PATH, params={"after": "nothing"}).status_code == 404


def test_stored_completions_belong_to_their_key_and_survive_the_server(tmp_path: Path) -> None:
    keys, store = ["one", "two"], tmp_path / "stored.db"
    with running(served(keys=keys, store=SQLiteStore(store))) as url, Asking(url, "one") as one:
        path = f"{PATH}/{one.ask('a', store=True)['id']}"
    with (
        running(served(keys=keys, store=SQLiteStore(store))) as url,
        Asking(url, "one") as one,
        Asking(url, "two") as two,
    ):
        assert one.http.get(path).status_code == 200
        assert two.http.get(path).status_code == two.http.delete(path).status_code == 404
        assert two.post({"metadata": {}}, path).status_code == 404
        assert two.http.get(PATH).json()["data"] == []


@pytest.mark.filterwarnings("ignore:store=True drops images")
def test_images_over_10_mb_are_dropped_from_what_is_stored() -> None:
    def image(size: int) -> dict[str, Any]:
        data = base64.b64encode(bytes(size)).decode()
        return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}

    content = [{"type": "text", "text": "see"}, image(100), image(11 * 1024 * 1024)]
    with running(served(reach=Reach(body=20 * 1024 * 1024))) as url, Asking(url) as client:
        answer = client.ask("a", [{"role": "user", "content": content}], store=True)
        row = client.http.get(f"{PATH}/{answer['id']}/messages").json()["data"][0]
        assert row["content_parts"] == content[:2]
