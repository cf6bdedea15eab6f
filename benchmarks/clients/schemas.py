"""`schemas.py LIBRARY`: milliseconds of CPU to turn 100 typed, documented functions into tools with JSON schemas."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel, Field

DOCSTRING = """Search collection {number} and return the best matches.

    The search is fuzzy and looks at titles and bodies.

    Args:
        query: What to search for in collection {number}.
        limit: The largest number of results.
        ratio: How fuzzy the search may be, from 0 to 1.
        mode: How hard to search.
        tags: Only return documents with these tags.{place}

    Returns:
        The matches, as JSON.
    """
PLACE = "\n        place: Where to look; the default is everywhere."
Mode = Literal["fast", "slow", "auto"]


class Place(BaseModel):
    """A place on the map."""

    lat: float = Field(description="Latitude in degrees.")
    lon: float = Field(description="Longitude in degrees.")


def numbered(number: int) -> Callable[..., Any]:
    """A function of five parameters; each fourth takes a nested model too."""

    async def plain(
        query: str, limit: int = number + 1, ratio: float = 0.5, mode: Mode = "auto", tags: list[str] | None = None
    ) -> str:
        return "[]"

    async def nested(
        query: str,
        limit: int = number + 1,
        ratio: float = 0.5,
        mode: Mode = "auto",
        tags: list[str] | None = None,
        place: Place | None = None,
    ) -> str:
        return "[]"

    function = plain if number % 4 else nested
    function.__name__ = function.__qualname__ = f"tool_{number}"
    function.__doc__ = DOCSTRING.format(number=number, place="" if number % 4 else PLACE)
    return function


def builder(library: str) -> Callable[[Callable[..., Any]], Any]:
    """What makes one tool and its schema."""
    if library == "agentkit":
        from agentkit import tool as agentkit_tool

        return lambda function: agentkit_tool(function, effect="read").schema
    if library == "pydantic_ai":
        from pydantic_ai import Tool

        return lambda function: Tool(function).tool_def.parameters_json_schema
    if library == "openai_agents":
        from agents import function_tool
        from agents.models.chatcmpl_converter import Converter

        return lambda function: Converter.tool_to_openai(function_tool(function))
    if library == "langchain":
        from langchain_core.tools import tool as langchain_tool
        from langchain_core.utils.function_calling import convert_to_openai_tool

        return lambda function: convert_to_openai_tool(langchain_tool(parse_docstring=True)(function))
    if library == "strands":
        from strands import tool as strands_tool

        return lambda function: strands_tool(function).tool_spec
    from agno.tools.function import Function

    def processed(function: Callable[..., Any]) -> Any:
        made = Function.from_callable(function)
        made.process_entrypoint()
        return made.to_dict()

    return processed


build = builder(sys.argv[1])
functions = [numbered(number) for number in range(100)]
begin = time.process_time()
schemas = [build(function) for function in functions]
print(json.dumps({"schemas_ms": (time.process_time() - begin) * 1e3}))
