"""`agentkit serve`: agents, or a model alone, as a Chat Completions endpoint."""

from __future__ import annotations

from typing import Any

import click

from agentkit.agent import Agent
from agentkit.journal import SQLiteStore
from agentkit.middleware import TraceFile

from .commands import COMMANDS, OK
from .target import target_at

HELP = f"""{COMMANDS["serve"]}

Each TARGET is an agent that clients choose by its name as `model`. Keys that clients must show come from
AGENTKIT_SERVE_KEYS, separated by commas; without keys it serves this machine alone."""


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
def command(
    targets: tuple[str, ...],
    model: str | None,
    host: str,
    port: int,
    store: str | None,
    deps: str | None,
    trace: str | None,
    insecure_no_auth: bool,
) -> int:
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
