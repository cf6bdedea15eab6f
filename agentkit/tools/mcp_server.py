"""Tools as an MCP server, through the official SDK (extra `mcp`)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

from agentkit.chat import is_json
from agentkit.errors import ConfigurationError, ToolError

from .collection import tools_of
from .context import Context
from .mcp_connection import sdk
from .results import Rendered, render_result
from .tool import Tool

if TYPE_CHECKING:
    from mcp.server import Server
    from mcp.types import CallToolResult


async def serve_mcp(tools: Sequence[object], *, name: str = "agentkit", deps: object = None) -> None:
    """Serve tools over this process's stdin and stdout, until the client goes away."""
    server = mcp_server(tools, name=name, deps=deps)
    async with sdk().stdio_server() as (read, write):
        with redirect_stdout(sys.stderr):  # a tool that prints must not speak into the protocol
            await server.run(read, write, server.create_initialization_options())


def mcp_server(tools: Sequence[object], *, name: str = "agentkit", deps: object = None) -> Server[Any]:
    """An MCP server of these tools; `.streamable_http_app()` of it is one over HTTP.

    Raises ConfigurationError for tools that only a run can call: nobody here could approve a call or answer it.
    """
    sdk()
    types, server = importlib.import_module("mcp.types"), importlib.import_module("mcp.server")
    served = {tool.name: tool for tool in tools_of(tools)}
    for tool in served.values():
        if tool.approval is not False or tool.runs_elsewhere:
            raise ConfigurationError(f"{tool.place}: a served tool can neither wait for approval nor run elsewhere")

    async def list_tools(context: Any, parameters: Any) -> Any:
        return types.ListToolsResult(tools=[_listed(tool, types) for tool in served.values()])

    async def call_tool(context: Any, parameters: Any) -> CallToolResult:
        tool = served.get(parameters.name)
        try:
            if tool is None:
                raise ToolError(f"there is no tool {parameters.name!r}")
            value = await tool.call(tool.validate(parameters.arguments or {}), Context(deps))
        except Exception as error:  # whatever a tool raises is told, and the server goes on
            text = str(error) if isinstance(error, ToolError) else f"{type(error).__name__}: {error}"
            return _answer(Rendered(text), types, is_error=True)
        return _answer(render_result(value, tool.max_result), types)

    made: Server[Any] = server.Server(name, on_list_tools=list_tools, on_call_tool=call_tool)
    return made


def _listed(tool: Tool[..., Any], types: Any) -> Any:
    hints = types.ToolAnnotations(read_only_hint=tool.effect == "read", idempotent_hint=tool.effect != "write")
    return types.Tool(
        name=tool.name, description=tool.description or None, input_schema=tool.plain_parameters, annotations=hints
    )


def _answer(rendered: Rendered, types: Any, *, is_error: bool = False) -> CallToolResult:
    content: list[Any] = [types.TextContent(type="text", text=rendered.content)]
    for image in rendered.images:
        kind, comma, data = image.removeprefix("data:").partition(";base64,")
        if comma:
            content.append(types.ImageContent(type="image", data=data, mime_type=kind))
        else:
            content.append(types.TextContent(type="text", text=image))
    structured = rendered.data if is_json(rendered.data) else None
    answer: CallToolResult = types.CallToolResult(content=content, structured_content=structured, is_error=is_error)
    return answer
