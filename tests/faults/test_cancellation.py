"""Cancelled before every step of the golden run: one result a call, nothing left behind, no effect lost or twice (F3)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence

import anyio
import anyio.lowlevel
import pytest
import trio

from agentkit import (
    Agent,
    LimitReached,
    Limits,
    MemoryStore,
    Middleware,
    RemoteModel,
    RunResult,
    RunState,
    ScriptedModel,
    Session,
    ToolRun,
    tool,
)
from agentkit.journal import Started, dump_entry
from agentkit.run.around import Proceed
from agentkit.testing import VirtualClock, check_invariants

from .golden import Effects, check_ended, to_the_end, tools
from .steps import Backend, Steps, run_in_steps
from .transport import GoldenTransport

SECONDS = 60.0  # that a run may take
Given = str | RunState | None


class Waiting(MemoryStore):
    """A store that takes its time before and after each commit."""

    async def append(self, journal: str, position: int, entries: Sequence[bytes]) -> None:
        await anyio.lowlevel.checkpoint()
        await super().append(journal, position, entries)
        await anyio.lowlevel.checkpoint()


class Golden:
    """The golden run over a transport in memory, its effects, and everything it could leave behind."""

    def __init__(self) -> None:
        self.effects, self.transport, self.store = Effects(), GoldenTransport(), Waiting()
        self.session = self.store.session("s")
        model = RemoteModel("m", base_url="http://localhost/v1", transport=self.transport, retries=0)
        self.agent: Agent[None, str] = Agent(model, tools=tools(self.effects), limits=Limits(seconds=SECONDS))
        self.leave: anyio.Event | None = None

    async def run(self, given: Given, session: Session) -> RunResult[str]:
        return await self.agent.run(given, session=session)

    async def stream(self, given: Given, session: Session) -> RunResult[str]:
        async with self.agent.stream(given, session=session) as run:
            events = [event async for event in run]
        check_invariants(run.result, events=events)
        return run.result

    async def left(self, given: Given, session: Session) -> RunResult[str]:
        """A consumer that leaves the block when it is told to, in the middle of whatever happens."""
        leave = self.leave = anyio.Event()
        async with self.agent.stream(given, session=session) as run:

            async def consume() -> None:
                async for _ in run:
                    pass
                leave.set()

            async with anyio.create_task_group() as group:
                group.start_soon(consume)
                await leave.wait()
                group.cancel_scope.cancel()
        if run.state is None or not (run.state.ended or run.state.waiting):
            raise Left
        return run.result


class Left(Exception):
    """The consumer left before the run was over."""


async def interrupted(golden: Golden, kind: str, steps: Steps, clock: VirtualClock) -> None:
    """The golden run until it ends, or until what interrupts it before one of its steps."""
    run: Callable[[Given, Session], Awaitable[RunResult[str]]] = getattr(golden, kind.split("-")[0])
    with anyio.CancelScope() as scope:
        if kind.endswith("cancelled"):
            steps.begin(scope.cancel)
        elif kind.endswith("late"):
            steps.begin(lambda: clock.advance(SECONDS + 1))
        else:
            steps.begin(lambda: golden.leave.set() if golden.leave is not None else None)
        try:
            await to_the_end(run, golden.session)
        except LimitReached as error:
            check_invariants(error)
        except Left:
            pass
        finally:
            steps.end()


def left_over(backend: Backend) -> int:
    """The tasks of the loop besides this one."""
    if backend == "asyncio":
        return len(asyncio.all_tasks()) - 1
    return trio.lowlevel.current_statistics().tasks_living


def check_calls(state: RunState) -> set[str]:
    """A call that never started says `cancelled`; a write that was cut off says `unknown`. Returns what calls say."""
    started = {entry.call for entry in state.entries if isinstance(entry, Started)}
    said: set[str] = set()
    for call in state.calls.values():
        told = call.content.partition(":")[0]
        said.add(told)
        if call.admitted is not None and call.admitted.effect == "write":
            assert (told in ("cancelled", "denied")) == (call.ref not in started), call
    return said


def case(kind: str, at: int, backend: Backend) -> tuple[int, set[str]]:
    """Interrupted before step `at`, looked at, and gone on with to the end: the steps it took, what calls said then."""
    golden, steps, clock = Golden(), Steps(at), VirtualClock(autojump=None)
    threads = threading.active_count()

    async def main() -> set[str]:
        before = left_over(backend)
        await interrupted(golden, kind, steps, clock)
        assert left_over(backend) == before
        assert golden.transport.open == set()
        state = await golden.session.load()
        check_invariants(state)
        said = check_calls(state)
        golden.effects.check_at_most_once()
        check_ended(await to_the_end(golden.run, golden.session), golden.effects)
        return said

    said = run_in_steps(main, steps, backend, clock)
    assert threading.active_count() <= threads
    return steps.count, said


KINDS = ("run-cancelled", "run-late", "stream-cancelled", "left-by-its-consumer")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("kind", KINDS)
def test_interrupted_before_any_step_the_run_goes_on_with_no_effect_twice(
    kind: str, backend: Backend, cases: Callable[[int], None]
) -> None:
    undisturbed, _ = case(kind, 0, backend)
    assert undisturbed > 100
    said: set[str] = set()
    for at in range(1, undisturbed + 1):
        steps, told = case(kind, at, backend)
        assert steps >= at, "it was never interrupted"
        said |= told
    assert said >= {"unknown", "cancelled"}
    cases(undisturbed)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_run_takes_the_same_steps_and_a_few_of_them_are_interrupted(
    kind: str, backend: Backend, cases: Callable[[int], None]
) -> None:
    undisturbed, _ = case(kind, 0, backend)
    assert case(kind, 0, backend)[0] == undisturbed
    chosen = range(7, undisturbed + 1, 30)
    for at in chosen:
        case(kind, at, backend)
    cases(len(chosen))


@pytest.mark.anyio
@pytest.mark.parametrize("cut", [False, True], ids=["before-the-run", "in-the-run"])
async def test_a_write_that_is_to_be_tried_again_stays_unknown_until_it_is(cut: bool) -> None:
    paid: list[int] = []

    class Cuts(Middleware):
        async def around_tool(self, call: ToolRun, proceed: Proceed[ToolRun, object]) -> object:
            scope.cancel()
            await anyio.lowlevel.checkpoint()
            return await proceed(call)

    @tool
    async def pay(amount: int) -> str:
        """Pay."""
        paid.append(amount)
        return f"paid {amount}"

    agent = Agent(ScriptedModel([[("pay", {"amount": 1})], "done"]), tools=[pay])
    whole = (await agent.run("go")).state
    started = next(n for n, entry in enumerate(whole.entries) if isinstance(entry, Started))
    store = MemoryStore()
    await store.append("s", 0, [dump_entry(entry) for entry in list(whole.entries)[: started + 1]])
    session = store.session("s")
    state = (await session.load()).retry("0.0")
    if cut:
        with anyio.CancelScope() as scope:
            await agent.run(state, session=session, middleware=[Cuts()])
        state = await session.load()
    assert str(state.messages[-1].content).startswith("unknown: ")
    check_invariants(state)
    assert paid == [1]
