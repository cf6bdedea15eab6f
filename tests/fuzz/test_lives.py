"""Random lives of a session: inputs, odd messages, decisions, cancellation, crashes and rivals, in any order (F7)."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

import anyio
import anyio.lowlevel
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from agentkit import (
    Agent,
    ChatRequest,
    Context,
    FunctionModel,
    LimitReached,
    Limits,
    MemoryStore,
    RunState,
    Session,
    SessionConflict,
    SQLiteStore,
    Tool,
    ToolFailed,
    tool,
)
from agentkit.chat import UserMessage
from agentkit.journal import Input, dump_entry
from tests.faults.dying import Dying, crashing
from tests.invariants import check_invariants

RIVAL = Input("another run", "a", (UserMessage(content="I was first"),))
Fate = tuple[Literal["ends", "crashes", "is overtaken", "is cancelled"], int]

FATES: st.SearchStrategy[Fate] = st.tuples(
    st.sampled_from(["ends", "crashes", "is overtaken", "is cancelled"]), st.integers(1, 25)
)
ARGUMENTS = st.sampled_from(
    ['{"x":"a"}', '{"x":"b"}', '{"x":1}', '{"x":', "", "{}", "[1]", "null", '{"x":"a","y":2}', '{"input":"x"}']
)
NAMES = st.sampled_from(
    ["write", "read", "same", "ask", "outside", "inner", "transfer_to_b", "transfer_to_a", "nope", "functions.write"]
)


def _call(name: str, arguments: str, id: str) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


CALLS = st.lists(st.builds(_call, NAMES, ARGUMENTS, st.sampled_from(["c0", "c1"])), min_size=1, max_size=4)
ANSWERS = st.lists(st.sampled_from(["x", ""]) | CALLS.map(lambda calls: {"tool_calls": calls}), max_size=4)
RUN = {"answers": ANSWERS, "fate": FATES, "streamed": st.booleans()}


class Overtaken(Dying):
    """A store to which somebody else writes at one of its moments."""

    def point(self, name: str) -> None:
        self._left -= 1

    async def append(self, journal: str, position: int, entries: Any) -> None:
        if self._left in (1, 2):
            await self._store.append(journal, position, [dump_entry(RIVAL)])
        await super().append(journal, position, entries)


async def begun(session: Session) -> RunState | None:
    """A session that a run can go on in."""
    state = await session.load()
    return state if state.entries else None


async def decided(session: Session, yes: bool = True) -> RunState | None:
    """Every waiting call decided, by somebody far away; None when nothing waits."""
    state = await session.load()
    if not state.waiting:
        return None
    for call in state.waiting:
        match call.why:
            case "approval":
                state = state.decide(call, approve=yes)
            case "external":
                state = state.answer(call, "an answer")
            case _:
                state = state.decide(call, tell_model=True)
    return RunState.model_validate_json(state.model_dump_json())


class Life(RuleBasedStateMachine):
    """One session on a real store; effects are counted outside."""

    @initialize(backend=st.sampled_from(["asyncio", "trio"]), memory=st.booleans())
    def born(self, backend: str, memory: bool) -> None:
        self.backend = backend
        self.folder = Path(tempfile.mkdtemp(prefix="agentkit-life-"))
        self.store: MemoryStore | SQLiteStore = MemoryStore() if memory else SQLiteStore(self.folder / "s.db")
        self.effects: Counter[tuple[str, str]] = Counter()

    def tools(self, store: Dying) -> list[Tool[..., Any]]:
        def act(name: str) -> Callable[..., Awaitable[str]]:
            async def body(x: str, ctx: Context[Any]) -> str:
                """Do something."""
                store.point(f"before {name}")
                self.effects[name, ctx.idempotency_key] += 1
                await anyio.lowlevel.checkpoint()
                store.point(f"after {name}")
                return x

            return body

        schema = {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}
        return [
            tool(act("write"), name="write"),
            tool(act("read"), name="read", effect="read"),
            tool(act("same"), name="same", effect="idempotent"),
            tool(act("ask"), name="ask", approval=True),
            Tool.external("outside", "Somebody else answers.", schema),
        ]

    def agent(self, store: Dying, answers: list[Any]) -> Agent[None, str]:
        left = iter(answers)

        def answer(request: ChatRequest) -> Any:
            return "the end" if request.tool_choice == "none" else next(left, "the end")

        model, tools, limits = FunctionModel(answer), self.tools(store), Limits(turns=6, on_limit="conclude")
        inner = Agent(model, name="inner", tools=tools)
        b: Agent[None, str] = Agent(
            model, name="b", tools=[*tools, inner.as_tool()], handoffs=lambda: [a], limits=limits
        )
        a: Agent[None, str] = Agent(model, name="a", tools=[*tools, inner.as_tool()], handoffs=[b], limits=limits)
        return a

    def live(self, what: Callable[[Session], Awaitable[Any]], answers: list[Any], fate: Fate, streamed: bool) -> None:
        """Run what there is to run; the process ends, crashes, is overtaken or is cancelled."""
        how, moment = fate
        kind = Overtaken if how == "is overtaken" else Dying
        store = kind(self.store, moment if how in ("crashes", "is overtaken") else 0)
        agent, session = self.agent(store, answers), Session(store, "s")

        async def work() -> None:
            given = await what(session)
            if given is None:
                return
            try:
                if not streamed:
                    await agent.run(given, session=session)
                    return
                async with agent.stream(given, session=session) as run:
                    await run.finish()
            except (SessionConflict, LimitReached, ToolFailed) as error:
                check_invariants(error)

        async def process() -> None:
            async with crashing(), anyio.create_task_group() as group:
                group.start_soon(work)
                if how == "is cancelled":
                    for _ in range(moment):
                        await anyio.lowlevel.checkpoint()
                    group.cancel_scope.cancel()

        anyio.run(process, backend=self.backend)

    @rule(**RUN)
    def say(self, answers: list[Any], fate: Fate, streamed: bool) -> None:
        async def what(session: Session) -> str:
            return "hello"

        self.live(what, answers, fate, streamed)

    @rule(**RUN)
    def resume(self, answers: list[Any], fate: Fate, streamed: bool) -> None:
        self.live(begun, answers, fate, streamed)

    @rule(yes=st.booleans(), **RUN)
    def decide(self, yes: bool, answers: list[Any], fate: Fate, streamed: bool) -> None:
        async def what(session: Session) -> RunState | None:
            return await decided(session, yes)

        self.live(what, answers, fate, streamed)

    def loaded(self) -> RunState:
        async def load() -> RunState:
            return await self.store.session("s").load()

        return anyio.run(load, backend=self.backend)

    @invariant()
    def is_sound(self) -> None:
        if not hasattr(self, "store"):
            return
        check_invariants(self.loaded())
        twice = {key: n for key, n in self.effects.items() if n > 1 and key[0] in ("write", "ask")}
        assert twice == {}, f"effects of write calls done twice: {twice}"

    def teardown(self) -> None:
        """Whatever its life was: it goes on to an answer."""
        if not hasattr(self, "store"):
            return
        for _ in range(20):
            if self.loaded().ended or not self.loaded().entries:
                break
            for go_on in (begun, decided):
                self.live(go_on, [], ("ends", 0), False)
        assert self.loaded().ended or not self.loaded().entries, "its run does not end"
        if isinstance(self.store, SQLiteStore):
            self.store.close()
        shutil.rmtree(self.folder)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_whatever_happens_in_the_life_of_a_session_it_can_go_on_and_no_write_is_done_twice() -> None:
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=max(5, settings().max_examples // 4),
            stateful_step_count=10,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
