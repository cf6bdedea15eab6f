"""`agentkit chat`: a conversation in the terminal, with approvals asked where they come up."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from typing import Any

import click

from agentkit.chat import UserMessage
from agentkit.errors import AgentKitError
from agentkit.journal import RunState

from .asking import decided
from .commands import COMMANDS, FAILED, OK, WAITS
from .options import Running, running, running_options
from .prompt import Prompt
from .telling import Teller, told
from .terminal import Progress, complain

HELP = """\
Write a text and press Enter. A line that ends in a backslash goes on in the next;
\"\"\" opens and closes a block of lines. Ctrl-C cancels the answer, Ctrl-D ends the chat.
/continue goes on with a run that did not end; /quit ends the chat."""


@click.command(help=f"{COMMANDS['chat']}\n\n\b\n{HELP}")
@click.argument("target")
@running_options
def command(target: str, **options: str | None) -> int:
    with asyncio.Runner() as runner:  # one loop for all turns, so that connections are kept
        stack = AsyncExitStack()
        ready = runner.run(stack.enter_async_context(running(target, **options)))
        try:
            return Chat(ready, runner).talk()
        finally:
            runner.run(stack.aclose())


class Chat:
    """One conversation: reads texts, runs the agent on them, asks about calls that wait."""

    def __init__(self, ready: Running, runner: asyncio.Runner) -> None:
        self._ready, self._runner = ready, runner
        state = runner.run(ready.session.load())
        self._prompt = Prompt(_said(state))
        self._failed = False
        self._greet(state)

    def _greet(self, state: RunState) -> None:
        if not sys.stdin.isatty():
            return
        name = self._ready.target.agent.spec.name
        kept = f", conversation {self._ready.session.id}" if self._ready.chat else ""
        complain(f"{name}{kept}. /help tells what can be written here; Ctrl-D ends the chat.", dim=True)
        if state.run_id and not state.ended and not state.waiting:
            complain("The last run did not end; /continue goes on with it.", dim=True)

    def talk(self) -> int:
        """Until the input ends. The code: whether the last run failed, or waits."""
        try:
            self._decide()
            while True:
                try:
                    text = self._prompt.text()
                except KeyboardInterrupt:
                    complain("\n(Ctrl-D ends the chat)", dim=True)
                    continue
                if text.strip() in ("/quit", "/exit"):
                    break
                self._answer(text)
        except EOFError:
            if sys.stdin.isatty():
                complain("")
        waiting = self._state().waiting
        for call in waiting:
            complain(str(call))
        return WAITS if waiting else FAILED if self._failed else OK

    def _answer(self, text: str) -> None:
        if text.strip() == "/help":
            complain(HELP)
        elif text.strip() == "/continue":
            self._turn(None)
        elif text.strip():
            self._turn(text)
        self._decide()

    def _turn(self, given: Any) -> None:
        """One run. Ctrl-C cancels it, an error is told; the conversation goes on after either."""
        self._failed = False
        with Progress() as progress:
            try:
                result = self._runner.run(told(self._ready, given, Teller(progress, tools=True)))
            except KeyboardInterrupt:
                progress.clear()
                complain("(cancelled)", dim=True)
                return
            except AgentKitError as error:
                progress.clear()
                self._failed = True
                complain(f"error: {type(error).__name__}: {error}")
                return
        if result.stopped_by:
            complain(f"(concluded by its limit of {result.stopped_by})", dim=True)

    def _decide(self) -> None:
        """Ask about the calls that wait, and go on, until none does. Ctrl-C leaves them waiting."""
        while (state := self._state()).waiting:
            try:
                state = decided(state, self._prompt.answer)
            except KeyboardInterrupt:
                complain("\n(undecided; write something, and they are cancelled)", dim=True)
                return
            self._turn(state)

    def _state(self) -> RunState:
        return self._runner.run(self._ready.session.load())


def _said(state: RunState) -> list[str]:
    """What was asked in this conversation before, for the history of the prompt."""
    texts = [m.content for m in state.messages if isinstance(m, UserMessage)]
    return [text for text in texts if isinstance(text, str)]
