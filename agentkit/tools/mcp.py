"""MCPServer: the tools of an MCP server, through the official SDK (extra `mcp`)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict
from urllib.parse import urlsplit

from pydantic_core import to_json
from typing_extensions import Unpack

from agentkit.chat import Json
from agentkit.client import is_private
from agentkit.errors import ConfigurationError, SourceFailed, ToolError
from agentkit.journal import Effect

from .context import Context
from .held import Held, Holder
from .mcp_connection import Connection, Lost, http_client, sdk, stdio_client
from .results import MAX_RESULT, ToolResult
from .source import foreign_parameters, wire_name
from .tool import Predicate, Tool

if TYPE_CHECKING:
    from mcp import Client
    from mcp import Tool as Listed
    from mcp.types import CallToolResult

log = logging.getLogger("agentkit")
MAX_TOOLS = 1000  # a server that lists more is not believed
_CONTEXT = "the context of the call"  # the keyword it comes by; no name that a schema would give


class MCPOptions(TypedDict, total=False):
    """What every MCPServer may be told, with its type; the words are those of the class."""

    name: str | None
    only: Collection[str] | None
    effects: Mapping[str, Effect]
    approval: bool | Predicate | None
    timeout: float | None
    connect: float
    max_result: int


class MCPServer(Holder[Connection]):
    """The tools of an MCP server: `tools=[MCPServer.stdio("npx", ["-y", "some-server"])]`.

    name: prefix of its tools' names; without one the server's own name, "" for none. only: the tools to offer, by
    their names there. effects: of single tools, instead of the server's hints. approval: for all its tools; without it
    somebody must approve those that neither hints nor `effects` say anything about. timeout: seconds of one call.
    connect: seconds in which the server must answer first. Hints are the server's claim: give approval=True to one
    that you do not trust. What it returns counts as untrusted.
    """

    def __init__(
        self,
        client: Callable[[], Client],
        place: str,
        *,
        name: str | None = None,
        only: Collection[str] | None = None,
        effects: Mapping[str, Effect] | None = None,
        approval: bool | Predicate | None = None,
        timeout: float | None = 120.0,
        connect: float = 30.0,
        max_result: int = MAX_RESULT,
    ) -> None:
        if isinstance(only, str):
            raise ConfigurationError(f"MCPServer: only={only!r}; give a list of tool names")
        self._place, self._name = place, name
        self._only, self._effects, self._approval = only, effects or {}, approval
        self._timeout, self._max_result = timeout, max_result
        self._held = Held(lambda: Connection(client, place, connect), place)
        self._listed: tuple[object, tuple[Tool[..., Any], ...]] = (None, ())  # as last seen, and over which connection

    @classmethod
    def stdio(
        cls,
        command: str,
        args: Sequence[str] = (),
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
        **options: Unpack[MCPOptions],
    ) -> MCPServer:
        """A server that is started as a child process. It gets `env`, and of this environment PATH, HOME and the like.

        No key that this process has reaches it unless `env` names it.
        """
        if isinstance(args, str):
            raise ConfigurationError(f"MCPServer.stdio: args={args!r}; give a list, e.g. args=['-y', 'some-server']")
        arguments, environment = tuple(args), dict(env or {})
        return cls(lambda: stdio_client(command, arguments, environment, cwd), f"MCP server {command}", **options)

    @classmethod
    def http(cls, url: str, *, headers: Mapping[str, str] | None = None, **options: Unpack[MCPOptions]) -> MCPServer:
        """A server by its URL, over streamable HTTP; `headers` go with each request, and nowhere else."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
            raise ConfigurationError(
                f"MCPServer.http: {parts.scheme}://{parts.hostname} is no http(s) URL without user"
            )
        if parts.scheme == "http" and not is_private(parts.hostname):
            raise ConfigurationError(f"MCPServer.http: {parts.hostname} would be told all unencrypted; use https://")
        sent = dict(headers or {})
        return cls(lambda: http_client(url, sent), f"MCP server {parts.scheme}://{parts.netloc}{parts.path}", **options)

    @classmethod
    def memory(cls, server: Any, **options: Unpack[MCPOptions]) -> MCPServer:
        """A server object of the SDK in this very process, for tests."""
        return cls(lambda: sdk().Client(server), "MCP server in memory", **options)

    async def tools(self) -> tuple[Tool[..., Any], ...]:
        """The tools that the server lists now; what cannot be offered is left out, with a warning that says why."""
        connection = self._held.get()
        try:
            listed, prefix = await connection.ask(self._list, again=True)
        except (Lost, sdk().MCPError, ValueError) as error:  # the last one of an answer that is no list of tools
            raise SourceFailed(f"{self._place}: its tools cannot be listed: {str(error)[:200]}") from None
        known, mark = self._listed, (connection, prefix, to_json([tool.model_dump() for tool in listed]))
        if mark != known[0]:
            found: dict[str, Tool[..., Any]] = {}
            for tool in listed:
                name = wire_name(f"{prefix}_{tool.name}" if prefix else tool.name, found)
                try:
                    found[name] = self._made(name, tool, connection)
                except ConfigurationError as error:
                    log.warning("%s: its tool %r is left out: %s", self._place, tool.name, error)
            known = self._listed = (mark, tuple(found.values()))
        return known[1]

    async def _list(self, client: Client) -> tuple[list[Listed], str]:
        listed: list[Listed] = []
        cursor: str | None = None
        while True:
            page = await client.list_tools(cursor=cursor)
            listed += page.tools
            if len(listed) > MAX_TOOLS:
                raise SourceFailed(f"{self._place}: it lists more than {MAX_TOOLS} tools")
            cursor = page.next_cursor
            if not cursor or not page.tools:
                break
        own = client.server_info.name if client.server_info is not None else "mcp"
        return [
            t for t in listed if self._only is None or t.name in self._only
        ], own if self._name is None else self._name

    def _made(self, name: str, listed: Listed, connection: Connection) -> Tool[..., Any]:
        effect, known = _effect(listed)
        if listed.name in self._effects:
            effect, known = self._effects[listed.name], True
        tool = Tool[..., Any].from_schema(
            name,
            listed.description or listed.title or "",
            foreign_parameters(listed.input_schema),
            RemoteFunction(connection, listed.name, again=effect != "write"),
            effect=effect,
            approval=self._approval if self._approval is not None else not known,
            timeout=self._timeout,
            max_result=self._max_result,
            untrusted=True,
        )
        tool.context = _CONTEXT
        return tool

    def __repr__(self) -> str:
        return f"MCPServer({self._place!r})"


def _effect(listed: Listed) -> tuple[Effect, bool]:
    """What the server says of a tool's effect, and whether it says anything."""
    hints = listed.annotations
    if hints is None or (
        hints.read_only_hint is None and hints.idempotent_hint is None and hints.destructive_hint is None
    ):
        return "write", False
    if hints.read_only_hint:
        return "read", True
    return ("idempotent" if hints.idempotent_hint else "write"), True


class RemoteFunction:
    """The function of a tool that an MCP server runs."""

    def __init__(self, connection: Connection, name: str, *, again: bool) -> None:
        self._connection, self._name, self._again = connection, name, again

    async def __call__(self, /, **arguments: Any) -> ToolResult:
        """Call the tool there. Raises ToolError for whatever goes wrong: the run goes on."""
        ctx: Context[Any] = arguments.pop(_CONTEXT, Context())

        async def told(progress: float, total: float | None, message: str | None) -> None:
            await ctx.progress(message or "", progress, total)

        try:
            result = await self._connection.ask(
                lambda client: client.call_tool(self._name, arguments, progress_callback=told), again=self._again
            )
        except Lost as error:
            raise ToolError(f"{error} while the tool ran; it may have taken effect") from None
        except (sdk().MCPError, SourceFailed) as error:
            raise ToolError(str(error)) from None
        return _result(result)


def _result(result: CallToolResult) -> ToolResult:
    texts: list[str] = []
    images: list[str] = []
    for block in result.content:
        if block.type == "image":
            images.append(f"data:{block.mime_type};base64,{block.data}")
        else:
            texts.append(_text(block.model_dump(by_alias=True, exclude_none=True)))
    text = "\n".join(texts)
    if result.is_error:
        raise ToolError(text or "the tool reported an error")
    content: object = text if texts or images else result.structured_content
    return ToolResult("" if content is None else content, data=result.structured_content, images=images)


def _text(block: Json) -> str:
    """What the model reads of a block that is no image; bytes stay out of the conversation."""
    match block:
        case {"type": "text", "text": text}:
            return str(text)
        case {"type": "resource", "resource": {"text": text}}:
            return str(text)
        case {"type": "resource_link", "uri": uri, "name": name}:
            return f"[resource {name}: {uri}]"
        case {"type": "resource", "resource": {"uri": uri}}:
            return f"[resource {uri}: bytes, left out]"
        case _:
            return f"[{block.get('type')}: left out]"
