"""Request sizes with and without ToolSearch: `python benchmarks/tool_search.py`.

NPM_PACKAGES names a folder with the API descriptions that `.ci/run` installs; without it made-up tools stand for them.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import anyio

from agentkit import Agent, ChatRequest, FunctionModel, OpenAPI, Tool, ToolSearch, ToolSource, tool

DESCRIPTIONS = {
    "Figma": "@figma/rest-api-spec/openapi/openapi.yaml",
    "ShipEngine": "shipengine-openapi/openapi.json",
    "GitHub": "@octokit/openapi/generated/api.github.com.json",
}
QUERIES = {
    "Figma": ["post a comment", "file versions"],
    "ShipEngine": ["void a label", "list carriers"],
    "GitHub": ["create an issue", "list commits of a repository"],
}


def made_up(count: int) -> list[Tool[..., Any]]:
    """Tools of middling size."""

    def function(account: str, amount: float = 1.0, note: str = "") -> str:
        """Do it.

        Args:
            account: Name of the account that it is done to
            amount: How much of it, in the account's own unit
            note: A few words for whoever reads the books
        """
        return account

    return [
        tool(function, name=f"operation_{n}", description=f"Do the thing number {n} to an account.")
        for n in range(count)
    ]


def catalogues() -> Iterable[tuple[str, list[ToolSource | Tool[..., Any]], list[str]]]:
    """A name, what holds its tools, and what a model might search for."""
    folder = os.environ.get("NPM_PACKAGES", "")
    for name, path in DESCRIPTIONS.items():
        found = Path(folder, "node_modules", path)
        if folder and found.exists():
            yield name, [OpenAPI(found, base_url="http://localhost")], QUERIES[name]
    for count in (50, 1_000):
        yield f"{count} made-up tools", [*made_up(count)], ["thing number 7", "account 12"]


async def measure(name: str, given: list[ToolSource | Tool[..., Any]], queries: list[str]) -> str:
    """One row: all tools in one request, the requests of a run that searches, the time of a search."""
    sizes: list[int] = []
    script: list[Any] = [[("search_tools", {"query": query})] for query in queries]

    def answer(request: ChatRequest) -> Any:
        sizes.append(len(request.body()) - sum(len(m.model_dump_json(exclude_none=True)) for m in request.messages))
        return script.pop(0) if script else "done"

    began = time.perf_counter()
    search = ToolSearch(given)
    async with search:
        searcher, *hidden = await search.tools()
        built = time.perf_counter() - began
        await Agent(FunctionModel(answer), tools=[search]).run("go")
        began = time.perf_counter()
        for _ in range(100):
            await searcher.call(searcher.validate({"query": queries[0]}), None)  # type: ignore[arg-type]
        one = (time.perf_counter() - began) / 100
    whole = sum(len(t.definition.model_dump_json(exclude_none=True)) + 1 for t in hidden)
    turns = " → ".join(f"{size / 1024:.1f}" for size in sizes)
    times = f"{built * 1000:.0f} ms | {one * 1000:.2f} ms"
    return f"| {name} | {len(hidden)} | {whole / 1024:,.0f} KiB | {turns} KiB | {times} |"


async def main() -> None:
    """The table, as Markdown."""
    logging.getLogger("agentkit").setLevel(logging.ERROR)
    print("| tools of | number | all in each request | with ToolSearch, turn by turn | index | one search |")
    print("|---|---:|---:|---|---:|---:|")
    for name, given, queries in catalogues():
        print(await measure(name, given, queries))


if __name__ == "__main__":
    anyio.run(main)
