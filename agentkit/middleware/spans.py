"""A run as spans: what every tracer sees of it, whoever keeps the spans."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, cast

import anyio

from agentkit.chat import ChatCompletion
from agentkit.errors import ConfigurationError, StatusError
from agentkit.journal import Call, RunState
from agentkit.run.around import Middleware, ModelCall, Proceed, RunCall, ToolRun
from agentkit.run.result import RunResult
from agentkit.tools import render_result

from .attempts import watched
from .attributes import Attributes, answered, asked, spent, token_counts
from .span import Recorder, Span

DURATION = "gen_ai.client.operation.duration"
TOKENS = "gen_ai.client.token.usage"
LONGEST = 300  # characters of an error's message
REFUSED = frozenset({"invalid", "denied", "error", "cancelled"})  # statuses of calls that never ran


@dataclass(slots=True)
class _Scene:
    """The agent run that spans are put into; `speaker` is the span of the agent that speaks now."""

    root: Span
    speaker: Span
    agent: str
    conversation: str
    state: Callable[[], RunState]
    told: set[str] = field(default_factory=set[str])  # calls that have their span, or were over before

    def leave(self, error: str = "") -> None:
        """End the span of an agent that the conversation was handed to."""
        if self.speaker is not self.root:
            self.speaker.end(error, "")
            self.speaker = self.root


class Spans(Middleware):
    """Opens a span around each agent, model request and tool call, for a recorder to keep."""

    def __init__(self, recorder: Recorder, *, content: bool, provider: str) -> None:
        if not isinstance(cast("object", content), bool):
            raise ConfigurationError(f"{type(self).__name__}(content={content!r}): use True or False")
        self._recorder, self._content, self._provider = recorder, content, provider
        self._scene: ContextVar[_Scene | None] = ContextVar("agentkit_scene", default=None)
        self._asking: ContextVar[bool] = ContextVar("agentkit_asking", default=False)

    async def around_run(self, call: RunCall, proceed: Proceed[RunCall, RunResult[Any]]) -> RunResult[Any]:
        """One `invoke_agent` span, inside the `execute_tool` span of its call when the agent runs as a tool."""
        outer, use = self._scene.get(), call.inside
        if outer is None or use is None:
            return await self._invoked(call, proceed, None)
        about = self._agent(outer) | _tool(use.name, use.id)
        outer.told.add(use.id)
        if self._content:
            about["gen_ai.tool.call.arguments"] = use.arguments
        with self._span("execute_tool", use.name, outer.speaker, about) as span:
            return await self._invoked(call, proceed, span)

    async def _invoked(
        self, call: RunCall, proceed: Proceed[RunCall, RunResult[Any]], parent: Span | None
    ) -> RunResult[Any]:
        agent = call.context.agent
        about = {**self._named(agent, call.conversation), "agentkit.run.id": call.context.run_id}
        with self._span("invoke_agent", agent, parent, about) as span:
            before = call.state()
            over = {*before.settled_calls, *(ref for ref, known in before.calls.items() if known.result is not None)}
            scene = _Scene(span, span, agent, call.conversation, call.state, over)
            token = self._scene.set(scene)
            try:
                result = await proceed(call)
            except BaseException as error:
                self._tell_refused(scene)
                scene.leave(_kind(error))
                raise
            finally:
                self._scene.reset(token)
            self._tell_refused(scene)
            scene.leave()
            span.set({"agentkit.status": result.status, **spent(result.usage)})
            return result

    async def around_model(self, call: ModelCall, proceed: Proceed[ModelCall, ChatCompletion]) -> ChatCompletion:
        """One `chat` span and its measurements; attempts that failed are its events."""
        scene, model = self._scene.get(), call.request.model
        if scene is not None:
            self._tell_refused(scene)
        speaker = self._speaker(scene, call.context.agent) if scene is not None else None
        about = self._agent(scene) | asked(call.request, content=self._content)
        with self._span("chat", model, speaker, about, remote=True) as span, watched(span) as attempts:
            measured: Attributes = {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": self._provider,
                "gen_ai.request.model": model,
            }
            began, token = time.perf_counter(), self._asking.set(True)
            try:
                completion = await proceed(call)
                measured["gen_ai.response.model"] = completion.model or model
            except BaseException as error:
                measured["error.type"] = _kind(error)
                raise
            finally:
                self._asking.reset(token)
                span.set(attempts.server)
                measured |= attempts.server
                self._recorder.measure(DURATION, time.perf_counter() - began, measured)
            span.set(answered(completion, content=self._content))
            for kind, count in token_counts(completion.usage).items():
                self._recorder.measure(TOKENS, count, {**measured, "gen_ai.token.type": kind})
            return completion

    async def around_tool(self, call: ToolRun, proceed: Proceed[ToolRun, object]) -> object:
        """One `execute_tool` span, marked where the call began while its message still streamed."""
        scene, tool = self._scene.get(), call.tool
        about = self._agent(scene) | _tool(tool.name, call.context.call_id)
        if scene is not None:
            scene.told.add(call.context.call_id)
        about |= {"gen_ai.tool.description": tool.description or "", "agentkit.tool.effect": tool.effect}
        if self._asking.get():  # its task was started where the chunks come in
            about["agentkit.tool.early_start"] = True
        if call.context.attempt > 1:
            about["agentkit.tool.attempt"] = call.context.attempt
        if self._content:
            about["gen_ai.tool.call.arguments"] = call.arguments.json
        parent = scene.speaker if scene is not None else None
        with self._span("execute_tool", tool.name, parent, about, timeout=tool.timeout) as span, watched(span):
            result = await proceed(call)
            if self._content:
                span.set({"gen_ai.tool.call.result": render_result(result).content})
            return result

    def _tell_refused(self, scene: _Scene) -> None:
        """A span without length for each call that was answered and never ran; its error is the answer's status."""
        state = scene.state()
        for call in (*state.settled_calls.values(), *state.calls.values()):
            status = _answered_with(call, closed=call.ref in state.settled_calls)
            if status not in REFUSED or call.ref in scene.told:
                continue
            scene.told.add(call.ref)
            about = {"gen_ai.operation.name": "execute_tool", **self._agent(scene), **_tool(call.name, call.ref)}
            if self._content:
                about |= {"gen_ai.tool.call.arguments": call.arguments, "gen_ai.tool.call.result": call.content}
            span = self._recorder.start(f"execute_tool {call.name}", scene.speaker, about, remote=False)
            span.end(status, call.content[:LONGEST] if self._content else "")

    def _speaker(self, scene: _Scene, agent: str) -> Span:
        """The span of who speaks; an agent that the conversation was handed to gets one of its own."""
        if agent != scene.agent:
            scene.leave()
            scene.agent = agent
            about: Attributes = {"gen_ai.operation.name": "invoke_agent", **self._named(agent, scene.conversation)}
            scene.speaker = self._recorder.start(f"invoke_agent {agent}", scene.root, about, remote=False)
        return scene.speaker

    def _named(self, agent: str, conversation: str) -> Attributes:
        return {
            "gen_ai.provider.name": self._provider,
            "gen_ai.agent.name": agent,
            "gen_ai.conversation.id": conversation,
        }

    def _agent(self, scene: _Scene | None) -> Attributes:
        return {} if scene is None else self._named(scene.agent, scene.conversation)

    @contextmanager
    def _span(
        self,
        operation: str,
        of: str,
        parent: Span | None,
        about: Attributes,
        *,
        remote: bool = False,
        timeout: float | None = None,
    ) -> Generator[Span]:
        began = time.perf_counter()
        about = {"gen_ai.operation.name": operation, **about}
        span = self._recorder.start(f"{operation} {of}", parent, about, remote=remote)
        kind = message = ""
        try:
            with span.current():
                yield span
        except BaseException as error:
            kind = _kind(error)
            if kind == "cancelled" and timeout is not None and time.perf_counter() - began >= timeout:
                kind = "timeout"
            if isinstance(error, StatusError):
                span.set({"http.response.status_code": error.status})
            if self._content:  # messages quote bodies and arguments
                message = str(error)[:LONGEST]
            raise
        finally:
            span.end(kind, message)


def _answered_with(call: Call, *, closed: bool) -> str:
    """The status of its answer; empty for a call that has none yet. closed: its turn is over."""
    if call.result is not None:
        return call.result.status
    if call.decision is not None and call.decision.verdict == "deny":
        return "denied"
    return "cancelled" if closed and not call.attempt and call.phase in ("proposed", "ready", "approval") else ""


def _tool(name: str, call_id: str) -> Attributes:
    return {"gen_ai.tool.name": name, "gen_ai.tool.call.id": call_id, "gen_ai.tool.type": "function"}


def _kind(error: BaseException) -> str:
    return "cancelled" if isinstance(error, anyio.get_cancelled_exc_class()) else type(error).__name__
