"""`agentkit serve`: agents, or a model alone, as a Chat Completions endpoint; or an agent's tools over MCP."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import Any

import anyio
import click

from agentkit.agent import Agent
from agentkit.journal import SQLiteStore
from agentkit.middleware import TraceFile
from agentkit.run.nested import team_of
from agentkit.tools import Context, Tool
from agentkit.tools.mcp_server import serve_mcp

from .commands import COMMANDS, OK
from .target import target_at
from .terminal import complain

HELP = f"""{COMMANDS["serve"]}

Each TARGET is an agent that clients choose by its name as `model`. Keys that clients must show come from
AGENTKIT_SERVE_KEYS, separated by commas; without keys it serves this machine alone.

With --mcp the tools of one TARGET are an MCP server over standard input and output, for a client that starts it."""


@click.command(help=HELP)
@click.argument("targets", nargs=-1, metavar="TARGET...")
@click.option(
    "--model", metavar="NAME", help="Serve this model of the environment's endpoint as it is ('offline' too)."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port to listen on.")
@click.option("--store", metavar="FILE.db", help="Keep sessions and runs that wait in this SQLite file.")
@click.option("--deps", metavar="NAME", help="What the tools get: a value in TARGET's module, or what makes one.")
@click.option("--trace", metavar="FILE", help="Append the runs' spans to FILE; `agentkit trace FILE` shows them.")
@click.option("--insecure-no-auth", is_flag=True, help="Serve other machines although no keys are set.")
@click.option("--mcp", is_flag=True, help="Serve TARGET's tools over standard input and output instead (extra `mcp`).")
def command(
    targets: tuple[str, ...],
    model: str | None,
    host: str,
    port: int,
    store: str | None,
    deps: str | None,
    trace: str | None,
    insecure_no_auth: bool,
    mcp: bool,
) -> int:
    if mcp:
        if len(targets) != 1 or model is not None:
            raise click.UsageError("--mcp serves the tools of one TARGET")
        anyio.run(_over_mcp, targets[0], deps)
        return OK
    from agentkit.serve import pass_through, serve  # names its extra where it is missing

    if not targets and model is None:
        raise click.UsageError("nothing is to be served: give a TARGET, or --model NAME")
    agents, made = _agents(targets, deps)
    if model is not None:
        agents[model] = pass_through(model)
    if trace is not None:
        layer = TraceFile(trace)
        agents = {name: agent.replace(middleware=[*agent.spec.middleware, layer]) for name, agent in agents.items()}
    kept = SQLiteStore(store) if store is not None else None
    serve(agents, host, port, store=kept, deps=made, insecure=insecure_no_auth)
    return OK


def _agents(targets: tuple[str, ...], deps: str | None) -> tuple[dict[str, Agent[Any, Any]], Any]:
    """The agents by name, and what their tools get."""
    agents: dict[str, Agent[Any, Any]] = {}
    made: Any = None
    for text in targets:
        target = target_at(text)
        name = target.agent.spec.name
        if name in agents:
            raise click.UsageError(f"two agents are named {name!r}, the second is {text}; give it another name=")
        agents[name] = target.agent
        if made is None:
            made = target.deps(deps)
    return agents, made


async def _over_mcp(text: str, deps: str | None) -> None:
    """The agent's tools until the client goes away. Standard output is the protocol's from the first byte on."""
    with redirect_stdout(sys.stderr):
        target = target_at(text)
        made = target.deps(deps)
    async with target.agent as agent:
        spec = await agent.spec.opened()
        offered: list[Tool[..., Any]] = []
        for tool in spec.tools:
            reason = await _kept_back(tool, made)
            if reason:
                complain(f"{tool.name} is not offered: {reason}")
            else:
                offered.append(tool)
        await serve_mcp(offered, name=spec.name, deps=made)


async def _kept_back(tool: Tool[..., Any], deps: Any) -> str:
    """Why only a run of the agent can call it; empty when anyone can."""
    if tool.approval is not False:
        return "it needs approval, and nobody could give it here"
    if tool.runs_elsewhere or team_of(tool) is not None:
        return "only a run of the agent can call it"
    return "" if await tool.offered(Context(deps)) else "its `when=` says no"
