"""`agentkit run`: one run, its answer on standard output."""

from __future__ import annotations

import json
import sys
from typing import Any

import anyio
import click
from pydantic_core import to_json

from agentkit.errors import AgentKitError
from agentkit.run.events import event_json
from agentkit.run.result import RunResult

from .commands import COMMANDS, FAILED, OK, WAITS
from .options import Running, running, running_options
from .telling import Teller, told
from .terminal import Progress, complain


@click.command(help=f"{COMMANDS['run']}\n\nWithout TEXT, or with - for it, the text is read from standard input.")
@click.argument("target")
@click.argument("text", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON instead of its text.")
@click.option(
    "--events", "as_events", is_flag=True, help="Print the run's events as they come, one JSON object a line."
)
@running_options
def command(target: str, text: str | None, as_json: bool, as_events: bool, **options: str | None) -> int:
    if as_json and as_events:
        raise click.UsageError("--json prints the result and --events what leads to it; choose one")
    given = _text(text)

    async def main() -> int:
        async with running(target, **options) as ready:
            if as_events:
                return await _events(ready, given)
            return await (_json(ready, given) if as_json else _plain(ready, given))

    return anyio.run(main)


def _text(text: str | None) -> str:
    if text is None and sys.stdin.isatty():
        raise click.UsageError('there is no text; write it behind TARGET: agentkit run TARGET "..."')
    given = sys.stdin.read() if text in (None, "-") else text
    if not given or not given.strip():
        raise click.UsageError("the text is empty; give the agent something to answer")
    return given


async def _plain(ready: Running, text: str) -> int:
    with Progress() as progress:
        result = await told(ready, text, Teller(progress, tools=sys.stderr.isatty()))
    return _waits(ready, result)


async def _events(ready: Running, text: str) -> int:
    agent: Any = ready.target.agent
    async with agent.stream(text, deps=ready.deps, session=ready.session, middleware=ready.middleware) as run:
        async for event in run:
            click.echo(event_json(event))
    return WAITS if run.result.status == "waiting" else OK


async def _json(ready: Running, text: str) -> int:
    agent: Any = ready.target.agent
    with Progress() as progress:
        progress.show(f"{ready.target.agent.spec.name} is asked")
        try:
            result = await agent.run(text, deps=ready.deps, session=ready.session, middleware=ready.middleware)
        except AgentKitError as error:
            progress.clear()
            click.echo(json.dumps({"status": "failed", "error": {"type": type(error).__name__, "message": str(error)}}))
            complain(f"error: {type(error).__name__}: {error}")
            return FAILED
    click.echo(to_json(_body(ready, result), fallback=str))
    return WAITS if result.status == "waiting" else OK


def _body(ready: Running, result: RunResult[Any]) -> dict[str, object]:
    return {
        "status": result.status,
        "output": result.value,
        "agent": result.agent,
        "stopped_by": result.stopped_by,
        "waiting": result.waiting,
        "usage": result.usage,
        "run_id": result.state.run_id,
        "session": ready.session.id if ready.chat else None,
        "messages": [message.to_json() for message in result.new_messages],
    }


def _waits(ready: Running, result: RunResult[Any]) -> int:
    if result.stopped_by:
        complain(f"the run was concluded by its limit of {result.stopped_by}")
    if result.status != "waiting":
        return OK
    for waiting in result.waiting:
        complain(str(waiting))
    if ready.chat:
        complain(f"decide with: {ready.chat}")
    else:
        complain("nothing of it is kept: use agentkit chat, or give --store FILE.db and --session NAME")
    return WAITS
