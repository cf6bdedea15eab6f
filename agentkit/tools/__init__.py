"""Tools: what can be called, and how its arguments are made safe."""

from .arguments import Arguments, SchemaValidator
from .collection import tools_of
from .context import Context
from .json_text import without_fence
from .mcp import MCPServer
from .openapi import OpenAPI
from .results import MAX_RESULT, HandOver, Rendered, ToolResult, render_result
from .search import ToolSearch
from .source import ToolSource, sources_of
from .strict import to_strict
from .tool import SchemaOptions, Tool, ToolOptions

# isort: split
from .decorator import tool  # after the module of that name, whose name it takes

__all__ = [
    "MAX_RESULT",
    "Arguments",
    "Context",
    "HandOver",
    "MCPServer",
    "OpenAPI",
    "Rendered",
    "SchemaOptions",
    "SchemaValidator",
    "Tool",
    "ToolOptions",
    "ToolResult",
    "ToolSearch",
    "ToolSource",
    "render_result",
    "sources_of",
    "to_strict",
    "tool",
    "tools_of",
    "without_fence",
]
