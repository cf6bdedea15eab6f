"""ToolSearch: hundreds of tools of which the request holds only those that the model found."""

from __future__ import annotations

import copy
import re
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any

from pydantic_core import from_json

from agentkit.chat import Json, Message, is_json
from agentkit.errors import ConfigurationError

from .collection import tools_of
from .context import Context
from .source import sources_of
from .tool import Tool

MOST = 100  # found tools that a request holds; an endpoint takes 128
_WORDS = 32  # of a query
_TABLE = "fts5(id UNINDEXED, name, about, parameters, tokenize='porter unicode61')"


class ToolSearch:
    """Keeps tools out of the request until the model finds them: `tools=[ToolSearch([api, server, *functions])]`.

    The model gets one tool that searches the names, descriptions and parameters of the others. What it found is in the
    request from the next turn on, after all that was there before, so that a cached prefix stays good. Which tools
    those are follows from the conversation alone: a resumed run and the next run of a session have them too.
    results: how many tools one search gives. name: that of the tool that searches.
    """

    def __init__(self, tools: Iterable[object], *, name: str = "search_tools", results: int = 5) -> None:
        if isinstance(tools, str) or not hasattr(tools, "__iter__"):
            raise ConfigurationError(f"ToolSearch({tools!r}); give a list of tools and sources")
        if results < 1:
            raise ConfigurationError(f"ToolSearch: results={results!r}; use a whole number, at least 1")
        given = tuple(tools)
        self._given, self._sources = tools_of(given), sources_of(given)
        self._name, self._results = name, results
        self._made: tuple[tuple[Tool[..., Any], ...], tuple[Tool[..., Any], ...]] = ((), ())
        self._last: tuple[Context[Any] | None, dict[str, int]] = (None, {})

    async def tools(self) -> tuple[Tool[..., Any], ...]:
        """The tool that searches, and all others, each offered once it was found."""
        hidden = self._given
        for source in self._sources:
            hidden += await source.tools()
        if hidden != self._made[0] or not hidden:
            self._made = (hidden, (self._searcher(hidden), *map(self._once_found, hidden)))
        return self._made[1]

    def _searcher(self, hidden: Sequence[Tool[..., Any]]) -> Tool[..., Any]:
        index = Index(hidden)

        def search(query: str) -> Json:
            return {"tools": index.search(query, self._results)}

        return Tool[..., Any].from_schema(
            self._name,
            f"Find tools by what they do. {len(hidden)} tools are not shown; those that you find can be called from "
            "your next message on. Search again with other words when nothing fits.",
            {
                "type": "object",
                "properties": {"query": {"type": "string", "description": "A few words, e.g. create an issue"}},
                "required": ["query"],
                "additionalProperties": False,
            },
            search,
            effect="read",
            thread=False,
        )

    def _once_found(self, tool: Tool[..., Any]) -> Tool[..., Any]:
        def found(ctx: Context[Any]) -> int:
            return self._found(ctx).get(tool.name, 0)

        async def found_and_offered(ctx: Context[Any]) -> int:
            return found(ctx) if found(ctx) and await tool.offered(ctx) else 0

        shown = copy.copy(tool)
        shown.when = found if tool.when is None else found_and_offered
        return shown

    def _found(self, ctx: Context[Any]) -> dict[str, int]:
        """Places of the tools found so far, in the order in which they were; computed once for all tools of a turn."""
        if self._last[0] is not ctx:
            names = list(dict.fromkeys(_names_found(ctx.messages, self._name)))[-MOST:]
            self._last = (ctx, {name: place for place, name in enumerate(names, 2)})
        return self._last[1]

    async def __aenter__(self) -> ToolSearch:
        async with AsyncExitStack() as stack:
            for source in self._sources:
                await stack.enter_async_context(source)
            stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for source in reversed(self._sources):
            await source.__aexit__(kind, error, trace)

    def __repr__(self) -> str:
        return f"ToolSearch({len(self._given)} tools, {len(self._sources)} sources)"


def _names_found(messages: Iterable[Message], search: str) -> Iterable[str]:
    """The names that the results of a search tool hold; a result belongs to the assistant message before it."""
    asked: set[str] = set()
    for message in messages:
        if message.role == "assistant":
            asked = {call.id for call in message.calls if call.name == search}
        elif message.role == "tool" and message.tool_call_id in asked:
            yield from _names(str(message.content))


def _names(text: str) -> Iterable[str]:
    try:
        result: Any = from_json(text)
    except ValueError:  # an error, or cut
        return
    for row in result.get("tools", ()) if is_json(result) else ():
        if is_json(row):
            yield str(row.get("name"))


class Index:
    """Full text over tools, in memory: SQLite's FTS5, words by their stems, names before descriptions."""

    def __init__(self, tools: Sequence[Tool[..., Any]]) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        try:
            self._database.execute(f"CREATE VIRTUAL TABLE tools USING {_TABLE}")
        except sqlite3.OperationalError as error:
            raise ConfigurationError(f"ToolSearch needs an SQLite with FTS5: {error}") from None
        rows = [(tool.name, _words(tool.name), tool.description, _words(" ".join(_parameters(tool)))) for tool in tools]
        self._database.executemany("INSERT INTO tools VALUES (?, ?, ?, ?)", rows)

    def search(self, query: str, results: int) -> list[Json]:
        """Name and beginning of the description of the tools that fit best."""
        words = list(dict.fromkeys(_words(query).split()))[:_WORDS]
        if not words:
            return []
        wanted = " OR ".join(f'"{word}"*' for word in words)
        rows = self._database.execute(
            "SELECT id FROM tools WHERE tools MATCH ? ORDER BY bm25(tools, 0, 8, 2, 1), id LIMIT ?", (wanted, results)
        )
        return [{"name": name, "description": self._tools[name].description[:200]} for (name,) in rows]

    def __del__(self) -> None:
        self._database.close()


def _words(text: str) -> str:
    """The words of a text: `createIssue_comment` has three."""
    return " ".join(re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text))).lower()


def _parameters(tool: Tool[..., Any]) -> Iterable[str]:
    for name, schema in tool.plain_parameters.get("properties", {}).items():
        yield name
        if is_json(schema):
            yield str(schema.get("description", ""))
