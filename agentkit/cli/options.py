"""The options that say how an agent is run: its deps, where the conversation is kept, where the trace goes."""

from __future__ import annotations

import shlex
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from agentkit.journal import PostgresStore, Session, SQLiteStore, Store
from agentkit.middleware import TraceFile
from agentkit.run.around import Middleware

from .target import Target, target_at

POSTGRES = ("postgresql://", "postgres://")
Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Running:
    """An agent that is ready to run."""

    target: Target
    deps: Any
    session: Session
    chat: str | None  # the command that goes on with the conversation, of one that is kept
    middleware: tuple[Middleware, ...]


def running_options(command: Command) -> Command:
    """The options of commands that run an agent."""
    for option in (
        click.option("--trace", metavar="FILE", help="Append the run's spans to FILE; `agentkit trace FILE` shows it."),
        click.option("--session", metavar="NAME", help="The conversation in the store that is begun or gone on with."),
        click.option(
            "--store", metavar="FILE.db", help="Keep conversations in this SQLite file (or postgresql://...)."
        ),
        click.option(
            "--deps", metavar="NAME", help="What the tools get: a value in TARGET's module, or what makes one."
        ),
    ):
        command = option(command)
    return command


@asynccontextmanager
async def running(
    target: str, deps: str | None, store: str | None, session: str | None, trace: str | None
) -> AsyncGenerator[Running]:
    """What the options say, with the store and the agent's connections open inside the block."""
    if session is not None and store is None:
        raise click.UsageError("--session names a conversation in a store: give --store FILE.db as well")
    found = target_at(target)
    async with AsyncExitStack() as stack:
        kept = None if store is None else await stack.enter_async_context(store_at(store))
        conversation = Session() if kept is None else Session(kept, session) if session else Session(kept)
        value = found.deps(deps)
        await stack.enter_async_context(found.agent)
        words = ["agentkit", "chat", target, "--store", store or "", "--session", conversation.id]
        chat = None if kept is None else shlex.join([*words, *(["--deps", deps] if deps else [])])
        yield Running(found, value, conversation, chat, (TraceFile(trace),) if trace else ())


@asynccontextmanager
async def store_at(place: str) -> AsyncGenerator[Store]:
    """The store of a file, or of a PostgreSQL address; closed at the end of the block."""
    if place.startswith(POSTGRES):
        async with PostgresStore(place) as postgres:
            yield postgres
    else:
        async with SQLiteStore(place) as sqlite:
            yield sqlite
