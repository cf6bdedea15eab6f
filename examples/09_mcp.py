"""Tools of an MCP server: this very file is the server when it is started with `serve`, and the agent otherwise."""

import asyncio
import sys

from agentkit import Agent, MCPServer, model_from_environment, tool
from agentkit.tools.mcp_server import serve_mcp

STOCK = {"lamp": 4, "chair": 12}


@tool(effect="read")
def count_stock(article: str) -> str:
    """Count how many pieces of an article are in stock.

    Args:
        article: Name of the article, e.g. lamp
    """
    return f"{STOCK.get(article, 0)} pieces of {article}"


@tool
def order_more(article: str, pieces: int) -> str:
    """Order more pieces of an article.

    Args:
        article: Name of the article
        pieces: How many
    """
    STOCK[article] = STOCK.get(article, 0) + pieces
    return f"ordered {pieces} x {article}"


# Any server would do: MCPServer.stdio("npx", ["-y", "..."]) or MCPServer.http("https://...", headers={...}).
warehouse = MCPServer.stdio(sys.executable, [__file__, "serve"], name="warehouse", only=["count_stock"])
agent = Agent(model_from_environment(), tools=[warehouse])


async def main() -> None:
    async with agent:  # one server process for all runs in the block
        for offered in await warehouse.tools():
            print(f"{offered.name}: {offered.effect}, approval={offered.approval}")
        result = await agent.run('Count the stock of the article "lamp".')
        print(result.output)


if __name__ == "__main__":
    asyncio.run(serve_mcp([count_stock, order_more], name="warehouse") if sys.argv[1:] == ["serve"] else main())
