"""OpenAPI documents as tools: where each argument goes, what is refused, what an answer becomes."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import anyio
import pytest
from anyio.lowlevel import checkpoint

from agentkit import Agent, ConfigurationError, Context, OpenAPI, RunState, ScriptedModel, Tool, ToolError
from tests.invariants import check_invariants
from tests.loopback import Loopback, Received, Reply, closed, whole

pytestmark = pytest.mark.anyio


def document(paths: dict[str, Any], version: str = "3.1.0", **more: Any) -> dict[str, Any]:
    return {"openapi": version, "info": {"title": "Test", "version": "1"}, "paths": paths, **more}


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return schema


def parameter(name: str, place: str, schema: Any = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": place, "schema": schema or {"type": "string"}, **more}


@contextmanager
def loopback(answer: Callable[[Received], Reply] | None = None) -> Iterator[Loopback]:
    server = Loopback(answer or (lambda received: whole({"ok": True})))
    try:
        yield server
    finally:
        server.close()


async def called(
    operation: dict[str, Any], arguments: dict[str, Any], path: str = "/x", method: str = "post"
) -> Received:
    """The request that these arguments make of this operation."""
    with loopback() as server:
        source = OpenAPI(document({path: {method: {"operationId": "op", **operation}}}), base_url=server.base_url)
        async with source:
            (tool,) = await source.tools()
            await tool.call(tool.validate(json.dumps(arguments)), None)  # type: ignore[arg-type]
    return server.requests[0]


ARRAY = {"type": "array", "items": {"type": "string"}}
OBJECT = {"type": "object", "properties": {"R": {"type": "integer"}, "G": {"type": "integer"}}}
COLORS = ["blue", "black", "br&wn"]
RGB = {"R": 100, "G": 200}


@pytest.mark.parametrize(
    ("style", "explode", "value", "written"),
    [  # the table of the OpenAPI specification, "Style Examples"
        ("simple", False, "blue", "blue"),
        ("simple", False, COLORS, "blue,black,br%26wn"),
        ("simple", False, RGB, "R,100,G,200"),
        ("simple", True, RGB, "R=100,G=200"),
        ("label", False, "blue", ".blue"),
        ("label", False, COLORS, ".blue,black,br%26wn"),
        ("label", True, COLORS, ".blue.black.br%26wn"),
        ("label", True, RGB, ".R=100.G=200"),
        ("matrix", False, "blue", ";color=blue"),
        ("matrix", False, COLORS, ";color=blue,black,br%26wn"),
        ("matrix", True, COLORS, ";color=blue;color=black;color=br%26wn"),
        ("matrix", True, RGB, ";R=100;G=200"),
    ],
)
async def test_path_arguments_are_written_in_their_style(style: str, explode: bool, value: Any, written: str) -> None:
    schema = ARRAY if isinstance(value, list) else OBJECT if isinstance(value, dict) else None
    color = parameter("color", "path", schema, required=True, style=style, explode=explode)
    received = await called({"parameters": [color]}, {"color": value}, "/a/{color}/b")
    assert received.path == f"/v1/a/{written}/b"


@pytest.mark.parametrize(
    ("style", "explode", "value", "written"),
    [
        ("form", True, "a b&c", "color=a%20b%26c"),
        ("form", True, COLORS, "color=blue&color=black&color=br%26wn"),
        ("form", False, COLORS, "color=blue,black,br%26wn"),
        ("form", True, RGB, "R=100&G=200"),
        ("form", False, RGB, "color=R,100,G,200"),
        ("spaceDelimited", False, COLORS, "color=blue%20black%20br%26wn"),
        ("pipeDelimited", False, COLORS, "color=blue%7Cblack%7Cbr%26wn"),
        ("deepObject", True, RGB, "color[R]=100&color[G]=200"),
    ],
)
async def test_query_arguments_are_written_in_their_style(style: str, explode: bool, value: Any, written: str) -> None:
    schema = ARRAY if isinstance(value, list) else OBJECT if isinstance(value, dict) else None
    received = await called(
        {"parameters": [parameter("color", "query", schema, style=style, explode=explode)]}, {"color": value}
    )
    assert received.path == f"/v1/x?{written}"


async def test_headers_cookies_json_parameters_and_reserved_signs_land_as_declared() -> None:
    parameters = [
        parameter("X-Trace", "header", ARRAY),
        parameter("session", "cookie"),
        parameter("limit", "cookie", {"type": "integer"}),
        {"name": "filter", "in": "query", "content": {"application/json": {"schema": {"type": "object"}}}},
        parameter("next", "query", allowReserved=True),
        parameter("flag", "query", {"type": "boolean"}),
        parameter("Accept", "header"),
        parameter("id", "query"),
        parameter("id", "header"),
    ]
    arguments = {
        "X-Trace": ["a", "b"], "session": "s;1", "limit": 5, "filter": {"a": [1]}, "next": "/p?q=1&admin=1#x",
        "flag": True, "id": "in the query", "header_id": "in the header",
    }  # fmt: skip
    received = await called({"parameters": parameters}, arguments, method="get")
    split = urlsplit(received.path)
    assert parse_qsl(split.query) == [
        ("filter", '{"a":[1]}'), ("next", "/p?q=1&admin=1#x"), ("flag", "true"), ("id", "in the query"),
    ]  # fmt: skip
    assert "next=/p?q=1%26admin=1%23x" in split.query
    assert received.headers["x-trace"] == "a,b"
    assert received.headers["id"] == "in the header"
    assert received.headers["cookie"] == "session=s%3B1; limit=5"
    assert received.headers["accept"].startswith("application/json")


@pytest.mark.parametrize(
    ("media", "body", "sent"),
    [
        ("application/json", {"name": "ü", "tags": ["a"]}, '{"name":"ü","tags":["a"]}'),
        ("application/merge-patch+json", {"name": None}, '{"name":null}'),
        ("application/x-www-form-urlencoded", {"name": "a b", "tags": ["x", "y"]}, "name=a%20b&tags=x&tags=y"),
        ("text/plain", "just text", "just text"),
        ("application/octet-stream", "bytes", "bytes"),
    ],
)
async def test_bodies_are_written_as_declared(media: str, body: Any, sent: str) -> None:
    operation = {"requestBody": {"required": True, "content": {media: {"schema": {}}}}}
    received = await called(operation, {"body": body})
    assert received.body.decode() == sent
    assert received.headers["content-type"] == media


async def test_a_multipart_body_has_a_part_for_each_property_and_nothing_breaks_out_of_it() -> None:
    content = {"multipart/form-data": {"schema": {}, "encoding": {"file": {"contentType": "text/csv"}}}}
    body = {"file": "a,b", "meta": {"x": 1}, 'na"me\r\n': "v\r\n--"}
    received = await called({"requestBody": {"content": content}}, {"body": body})
    boundary = received.headers["content-type"].partition("boundary=")[2]
    parts = received.body.decode().split(f"--{boundary}")
    assert parts[-1] == "--\r\n"
    assert [part.strip("\r\n").split("\r\n\r\n") for part in parts[1:-1]] == [
        ['Content-Disposition: form-data; name="file"; filename="file"\r\nContent-Type: text/csv', "a,b"],
        ['Content-Disposition: form-data; name="meta"; filename="meta"\r\nContent-Type: application/json', '{"x":1}'],
        ['Content-Disposition: form-data; name="na%22me%0D%0A"', "v\r\n--"],
    ]


@pytest.mark.parametrize(
    ("place", "path", "value", "told"),
    [
        ("path", "/files/{v}/x", "..", "may not be"),
        ("path", "/files/{v}", ".", "may not be"),
        ("path", "/files/{v}", "", "may not be empty"),
        ("header", "/x", "a\r\nX-Admin: 1", "printable ASCII"),
    ],
)
async def test_arguments_cannot_break_out_of_their_place(place: str, path: str, value: str, told: str) -> None:
    with pytest.raises(ToolError, match=told):
        await called({"parameters": [parameter("v", place, required=True)]}, {"v": value}, path)


async def test_a_slash_in_a_path_argument_stays_in_its_segment() -> None:
    received = await called({"parameters": [parameter("v", "path")]}, {"v": "../../admin?x#y"}, "/files/{v}")
    assert received.path == "/v1/files/..%2F..%2Fadmin%3Fx%23y"


SCHEMES = {
    "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
    "inQuery": {"type": "apiKey", "in": "query", "name": "api_key"},
    "inCookie": {"type": "apiKey", "in": "cookie", "name": "sid"},
    "user": {"type": "http", "scheme": "basic"},
    "token": {"type": "oauth2", "flows": {}},
}


async def test_credentials_go_where_the_scheme_says_and_the_model_knows_nothing_of_them() -> None:
    paths = {
        f"/{name}": {"get": {"operationId": name, "security": [{name: []}], "parameters": [parameter("X-Key", "header"), parameter("api_key", "query")]}}
        for name in SCHEMES
    }  # fmt: skip
    paths["/open"] = {"get": {"operationId": "open", "security": []}}
    auth = {"key": "k-1", "inQuery": "q-1", "inCookie": "c-1", "user": "me:pw", "token": "t-1"}
    script = [[(name, {}) for name in (*SCHEMES, "open")], [("key", {"X-Key": "stolen"})], "done"]
    with loopback(lambda received: whole({"echo": dict(received.headers), "path": received.path})) as server:
        source = OpenAPI(document(paths, components={"securitySchemes": SCHEMES}), base_url=server.base_url, auth=auth)
        await Agent(ScriptedModel(script), tools=[source]).run("go")
    sent = {urlsplit(r.path).path.removeprefix("/v1/"): r for r in server.requests}
    assert sent["key"].headers["x-key"] == "k-1"
    assert sent["inQuery"].path == "/v1/inQuery?api_key=q-1"
    assert sent["inCookie"].headers["cookie"] == "sid=c-1"
    assert sent["user"].headers["authorization"] == "Basic bWU6cHc="
    assert sent["token"].headers["authorization"] == "Bearer t-1"
    assert not {"authorization", "cookie", "x-key"} & sent["open"].headers.keys()
    assert len(server.requests) == 6
    assert all(tool.plain_parameters["properties"] == {} for tool in await source.tools())
    assert "k-1" not in f"{source!r}{vars(source)}"


async def test_an_error_of_the_api_is_told_without_the_key() -> None:
    with loopback(lambda received: whole({"error": f"key {received.headers['authorization']} is bad"}, 403)) as server:
        source = OpenAPI(
            document({"/x": {"get": {"operationId": "x"}}}), base_url=server.base_url, auth="very-secret-key"
        )
        result = await Agent(ScriptedModel([[("x", {})], "done"]), tools=[source]).run("go")
    check_invariants(result.state)
    (answer,) = [str(m.content) for m in result.messages if m.role == "tool"]
    assert answer.startswith("the API answered 403")
    assert "very-secret-key" not in result.state.model_dump_json()


async def test_of_an_error_of_the_api_two_thousand_characters_are_told() -> None:
    with loopback(lambda received: Reply(b"x" * 10_000, None, 500, {"content-type": "text/plain"})) as server:
        async with OpenAPI(document({"/x": {"get": {"operationId": "x"}}}), base_url=server.base_url) as source:
            (tool,) = await source.tools()
            with pytest.raises(ToolError) as raised:
                await tool.call(tool.validate("{}"), Context())
    assert str(raised.value) == f"the API answered 500: {'x' * 2000}"


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (
            Reply(b"x" * 5000, None, headers={"content-type": "text/plain"}),
            "[... the rest of the answer was not read ...]",
        ),
        (Reply(b"\x89PNG", None, headers={"content-type": "image/png"}), "an image, image/png, 4 bytes"),
        (
            Reply(b"\x00\xff\xfe", None, headers={"content-type": "application/zip"}),
            "[application/zip, 3 bytes, left out]",
        ),
        (Reply(b"", None, 204, {}), "204, no content"),
        (
            Reply(b"", None, 302, {"location": "http://elsewhere.example/"}),
            "the API answered 302 (redirects are not followed)",
        ),
        (Reply(b"x", None, 200, {"content-encoding": "gzip"}), "the API answered compressed"),
        (Reply(b"{", None, ending="cut"), "could not be asked: "),
        (Reply(b"{", None, ending="hang"), "timeout: x took longer than 0.5 s"),
    ],
)
async def test_an_answer_of_any_kind_becomes_one_message(reply: Reply, told: str) -> None:
    with loopback(lambda received: reply) as server:
        paths = {"/x": {"get": {"operationId": "x"}}}
        source = OpenAPI(document(paths), base_url=server.base_url, max_bytes=1000, timeout=0.5)
        result = await Agent(ScriptedModel([[("x", {})], "done"]), tools=[source]).run("go")
    check_invariants(result.state)
    (answer,) = [str(m.content) for m in result.messages if m.role == "tool"]
    assert told in answer
    assert len(answer) < 1200
    assert len(server.requests) == 1


class CancelsWhen(logging.Handler):
    """Cancels a scope at the moment a line is logged."""

    def __init__(self, line: str, scope: anyio.CancelScope) -> None:
        super().__init__()
        self._line, self._scope = line, scope

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith(self._line):
            self._scope.cancel()


async def test_a_call_that_is_cancelled_as_its_answer_ends_gives_the_connection_back() -> None:
    log = logging.getLogger("httpcore.http11")
    with loopback() as server:
        source = OpenAPI(document({"/x": {"get": {"operationId": "x"}}}), base_url=server.base_url)
        async with source:
            (tool,) = await source.tools()
            with anyio.CancelScope() as scope:
                cancels = CancelsWhen("receive_response_body.complete", scope)
                log.addHandler(cancels)
                log.setLevel(logging.DEBUG)
                try:
                    await tool.call(tool.validate("{}"), Context())
                    await checkpoint()
                finally:
                    log.removeHandler(cancels)
                    log.setLevel(logging.NOTSET)
            assert scope.cancelled_caught
            for _ in range(2):
                await tool.call(tool.validate("{}"), Context())
        assert server.connections == 1
        assert await closed(server)


async def test_cancelled_on_its_leaving_a_source_still_closes_all_connections() -> None:
    together = threading.Barrier(2, timeout=10)  # two requests in flight need two connections

    def answer(received: Received) -> Reply:
        together.wait()
        return whole({})

    with loopback(answer) as server:
        source = OpenAPI(document({"/x": {"get": {"operationId": "x"}}}), base_url=server.base_url)
        with anyio.CancelScope() as scope:
            async with source:
                (tool,) = await source.tools()
                async with anyio.create_task_group() as group:
                    group.start_soon(tool.call, tool.validate("{}"), Context())
                    group.start_soon(tool.call, tool.validate("{}"), Context())
                scope.cancel()
        assert server.connections == 2
        assert await closed(server)


async def test_effects_follow_the_method_and_can_be_told_otherwise() -> None:
    item = {m: {"operationId": m} for m in ("get", "head", "put", "delete", "post", "patch")}
    source = OpenAPI(
        document({"/x": item}), base_url="https://api.example.org", effects={"patch": "idempotent"}, approval=True
    )
    assert {t.name: (t.effect, t.approval, t.untrusted) for t in await source.tools()} == {
        "get": ("read", False, True),
        "head": ("read", False, True),
        "put": ("idempotent", True, True),
        "delete": ("idempotent", True, True),
        "post": ("write", True, True),
        "patch": ("idempotent", True, True),
    }


async def test_operations_are_chosen_by_id_tag_and_path() -> None:
    paths = {f"/{n}/{{id}}": {"parameters": [parameter("id", "path")], "get": {"operationId": f"get {n}", "tags": [n]}} for n in "abc"}  # fmt: skip

    async def names(**options: Any) -> list[str]:
        return [t.name for t in await OpenAPI(document(paths), base_url="https://x.example", **options).tools()]

    assert await names() == ["get_a", "get_b", "get_c"]
    assert await names(include=["a", "/b/*"]) == ["get_a", "get_b"]
    assert await names(include=["get c"], name="api") == ["api_get_c"]
    assert await names(exclude=["a", "/c/{id}"]) == ["get_b"]
    with pytest.raises(ConfigurationError, match="include names 'd', which is no operation id, tag or path"):
        await names(include=["d"])
    with pytest.raises(ConfigurationError, match="give a list"):
        await names(include="a")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"swagger": "2.0", "paths": {}}, "only documents of version 3.0 and 3.1 are read; it has no 'openapi' key"),
        (document({}, "4.0.0"), "only documents of version 3.0 and 3.1"),
        ("https://api.example.org/openapi.json", r"give it `await fetch\(url\)`"),
        ("/no/such/file.yaml", "cannot be read"),
        ("openapi: [\n", "neither JSON nor YAML"),
        ("a: &a [1]\nb: *a\n", "aliases are not read"),
        ("- 1\n- 2\n", "holds no object"),
        (7, "int is no document"),
    ],
)
def test_what_is_no_document_is_refused_with_the_remedy(given: Any, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        OpenAPI(given, base_url="https://x.example")


def test_the_servers_of_a_document_are_not_trusted() -> None:
    with pytest.raises(ConfigurationError, match=r"give base_url= \(it names \['https://evil.example'\]\)"):
        OpenAPI(document({}, servers=[{"url": "https://evil.example"}]))
    with pytest.raises(ConfigurationError, match="would send the key unencrypted"):
        OpenAPI(document({}), base_url="http://api.example.org")
    with pytest.raises(
        ConfigurationError, match="the document's security schemes are: none; give auth='a bearer token'"
    ):
        OpenAPI(document({}), base_url="https://x.example", auth={"nope": "x"})


@pytest.mark.parametrize(
    ("operation", "why"),
    [
        ({"parameters": [{"$ref": "https://evil.example/p.json"}]}, "points outside the document"),
        ({"parameters": [parameter("a", "query", {"$ref": "other.json#/x"})]}, "points outside the document"),
        ({"parameters": [parameter("a", "query", {"$ref": "#/components/schemas/None"})]}, "leads nowhere"),
        ({"parameters": [parameter("a", "matrix")]}, "which is no place"),
        ({"parameters": [parameter("a", "query", style="label")]}, "has the style 'label'"),
        ({"parameters": [parameter("a", "path")]}, "differ in a"),
        ({"requestBody": {"content": {"application/xml": {}}}}, "which cannot be written"),
        ({"servers": [{"url": "https://uploads.example"}]}, "servers of its own"),
        ({"parameters": [parameter("a", "query", nested(2000))]}, "recursion"),
    ],
)
async def test_an_operation_that_cannot_be_called_is_left_out_with_the_reason(
    operation: dict[str, Any], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    paths = {"/x": {"post": {"operationId": "bad", **operation}, "get": {"operationId": "good"}}}
    with caplog.at_level(logging.WARNING, "agentkit"):
        source = OpenAPI(document(paths), base_url="https://x.example")
    assert [t.name for t in await source.tools()] == ["good"]
    assert why in caplog.text


async def test_an_operation_may_reach_two_thousand_schemas_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    def operation(schemas: int) -> dict[str, Any]:
        reached = [{"$ref": f"#/components/schemas/S{n}"} for n in range(schemas)]
        return {"operationId": f"reaches-{schemas}", "parameters": [parameter("a", "query", {"anyOf": reached})]}

    schemas = {f"S{n}": {"type": "string"} for n in range(2001)}
    paths = {"/x": {"get": operation(2000), "put": operation(2001)}}
    with caplog.at_level(logging.WARNING, "agentkit"):
        source = OpenAPI(document(paths, components={"schemas": schemas}), base_url="https://x.example")
    assert [t.name for t in await source.tools()] == ["reaches-2000"]
    assert "reaches more than 2000 schemas" in caplog.text


async def test_a_description_is_cut_where_it_gets_long() -> None:
    paths = {"/x": {"get": {"operationId": "short", "summary": "x" * 1024}, "put": {"operationId": "long", "summary": "x" * 1025}}}  # fmt: skip
    source = OpenAPI(document(paths), base_url="https://x.example")
    assert [t.description for t in await source.tools()] == ["x" * 1024, "x" * 1020 + " ..."]


def test_a_file_too_large_to_be_a_document_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "immense.json"
    path.touch()
    os.truncate(path, 32 * 1024 * 1024 + 1)
    with pytest.raises(ConfigurationError, match="larger than 33554432 bytes; give the part that you need"):
        OpenAPI(path, base_url="https://x.example")


def tool_of(schema: dict[str, Any], version: str, **schemas: Any) -> Tool[..., Any]:
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    whole_document = document(
        {"/x": {"post": {"operationId": "x", "requestBody": body}}}, version, components={"schemas": schemas}
    )
    return OpenAPI(whole_document, base_url="https://x.example")._tools[0]


def accepts(tool: Tool[..., Any], body: Any) -> bool:
    try:
        tool.validate(json.dumps({"body": body}))
    except ToolError:
        return False
    return True


def test_schemas_of_3_0_mean_what_3_0_says() -> None:
    node = {
        "type": "object",
        "required": ["id", "size"],
        "properties": {
            "id": {"type": "integer", "readOnly": True},
            "size": {"type": "integer", "minimum": 3, "exclusiveMinimum": True},
            "note": {"type": "string", "nullable": True, "enum": ["a"]},
            "next": {"$ref": "#/components/schemas/Node"},
        },
    }
    tool = tool_of({"$ref": "#/components/schemas/Node"}, "3.0.3", Node=node)
    assert accepts(tool, {"size": 4, "note": None, "next": {"size": 5, "note": "a"}})
    assert not accepts(tool, {"size": 3})
    assert not accepts(tool, {"size": 4, "note": "b"})
    assert not accepts(tool, {"size": 4, "next": {"size": 3}})
    assert not accepts(tool, {"note": "a"})


def test_parts_of_an_allof_that_are_closed_are_read_as_their_sum() -> None:
    parts = {
        n: {"type": "object", "properties": {n: {"type": "string"}}, "required": [n], "additionalProperties": False}
        for n in "ab"
    }
    tool = tool_of(
        {"allOf": [{"$ref": "#/components/schemas/a"}, {"$ref": "#/components/schemas/b"}]}, "3.0.0", **parts
    )
    assert accepts(tool, {"a": "1", "b": "2"})
    assert not accepts(tool, {"a": "1"})
    alone = tool_of({"$ref": "#/components/schemas/a"}, "3.0.0", **parts)
    assert not accepts(alone, {"a": "1", "b": "2"})


def test_what_one_part_of_an_allof_declares_read_only_no_part_requires_and_any_branch_of_a_oneof_will_do() -> None:
    schemas = {
        "Stored": {"type": "object", "properties": {"id": {"type": "string", "readOnly": True}}},
        "Named": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["id", "name"]},
        "Alone": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
    }
    refs = {name: {"$ref": f"#/components/schemas/{name}"} for name in schemas}
    tool = tool_of({"oneOf": [{"allOf": [refs["Stored"], refs["Named"]]}, refs["Alone"]]}, "3.0.0", **schemas)
    assert accepts(tool, {"name": "n"})
    assert accepts(tool, {"id": "i"})
    assert accepts(tool, {"name": "n", "id": "i"})  # both branches fit
    assert not accepts(tool, {})


async def test_a_document_in_yaml_and_a_text_are_read(tmp_path: Path) -> None:
    text = "openapi: 3.1.0\ninfo: {title: T, version: 2020-01-01}\npaths:\n  /x:\n    get:\n      operationId: x\n"
    path = tmp_path / "api.yaml"
    path.write_text(text)
    for given in (path, str(path), text, json.dumps(document({"/x": {"get": {"operationId": "x"}}}))):
        assert [t.name for t in await OpenAPI(given, base_url="https://x.example").tools()] == ["x"]


async def test_an_approved_call_holds_in_another_process() -> None:
    paths = {
        "/pay": {"post": {"operationId": "pay", "parameters": [parameter("amount", "query", {"type": "integer"})]}}
    }

    def agent(base_url: str) -> Agent[None, str]:
        source = OpenAPI(document(paths), base_url=base_url, approval=True)
        return Agent(ScriptedModel([[("pay", {"amount": 5})], "done"]), tools=[source])

    with loopback() as server:
        waiting = (await agent(server.base_url).run("pay")).state
        saved = waiting.approve(waiting.waiting[0]).model_dump_json()
        assert server.requests == []
        done = await agent(server.base_url).run(RunState.model_validate_json(saved))
    assert done.output == "done"
    assert [r.path for r in server.requests] == ["/v1/pay?amount=5"]
