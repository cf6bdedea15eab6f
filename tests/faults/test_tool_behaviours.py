"""Whatever a tool does: its call ends with one result, its siblings' results stay, and the run goes on or stops cleanly (F2)."""

from __future__ import annotations

import asyncio
import math
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import anyio
import pytest

from agentkit import (
    Agent,
    Context,
    LimitReached,
    Limits,
    MemoryStore,
    RunResult,
    RunState,
    ScriptedModel,
    Session,
    Tool,
    ToolError,
    ToolResult,
    tool,
)
from agentkit.journal import Result
from agentkit.testing import check_invariants

from .golden import decided

Place = Literal["alone", "first", "last", "resumed"]
View = Literal["run_sync", "stream_sync", "run-asyncio", "run-trio", "stream-asyncio", "stream-trio"]
PLACES: tuple[Place, ...] = ("alone", "first", "last", "resumed")
QUICK: tuple[View, ...] = ("run_sync", "run-trio", "stream-asyncio")
SLOW: tuple[View, ...] = ("stream_sync", "run-asyncio", "stream-trio")
SECRET = "sk-proj-0123456789abcdef"
SOON = 0.02  # seconds


class BrokenText(Exception):
    """An error that cannot even be printed."""

    def __str__(self) -> str:
        raise RuntimeError("no")


class Odd(BaseException):
    """An error outside Exception that belongs to the tool alone."""


class Unprintable:
    """An object that nothing can be done with."""

    def __repr__(self) -> str:
        raise RuntimeError("no")

    __str__ = __repr__


def raising(error: BaseException) -> Callable[[list[int]], object]:
    def behave(numbers: list[int]) -> object:
        raise error

    return behave


def circular(numbers: list[int]) -> object:
    ring: list[Any] = []
    ring.append(ring)
    return ring


def mutating(numbers: list[int]) -> object:
    numbers.append(99)
    return "changed"


def recursing(numbers: list[int]) -> object:
    return recursing(numbers)


def blocking(numbers: list[int]) -> object:
    time.sleep(SOON)
    return "at last"


@dataclass(frozen=True)
class Behaviour:
    """What a tool does, and how its call ends: its status, the beginning of its message, what comes out of the run."""

    act: Callable[[list[int]], object]
    told: str
    status: str = "ok"
    out: type[BaseException] | None = None
    hangs: bool = False
    options: dict[str, Any] = field(default_factory=dict)


def fine(value: object, told: str) -> Behaviour:
    return Behaviour(lambda numbers: value, told)


def wrong(error: BaseException, told: str) -> Behaviour:
    return Behaviour(raising(error), told, "error")


def stop(error: BaseException) -> Behaviour:
    return Behaviour(raising(error), "unknown: the call was cut off", "unknown", type(error))


CUT = "unknown: the call was cut off while it ran"
BEHAVIOURS: dict[str, Behaviour] = {
    "returns": fine("fine", "fine"),
    "returns-nothing": fine(None, "null"),
    "returns-nan": fine(math.nan, "null"),
    "returns-bytes": fine(b"\xff\x00", "b'"),
    "returns-circular": Behaviour(circular, "[[...]]"),
    "returns-huge": fine("x" * 1_000_000, "xxx"),
    "returns-an-object": fine(Unprintable(), "<Unprintable>"),
    "returns-a-surrogate": fine("\ud800", "?"),
    "returns-images": fine(ToolResult("see", images=["data:image/png;base64,AA=="]), "see"),
    "changes-its-arguments": Behaviour(mutating, "changed"),
    "blocks": Behaviour(blocking, "at last"),
    "raises": wrong(ValueError("no such order"), "ValueError: no such order"),
    "raises-tool-error": wrong(ToolError("ask again tomorrow"), "ask again tomorrow"),
    "raises-a-broken-error": wrong(BrokenText(), "BrokenText: "),
    "raises-a-secret": wrong(ValueError(f"401 for {SECRET}"), "ValueError: 401 for ***"),
    "raises-a-long-error": wrong(ValueError("x" * 100_000), "ValueError: xxx"),
    "raises-stop-iteration": wrong(StopIteration(), "RuntimeError: "),
    "raises-generator-exit": wrong(GeneratorExit(), "the tool stopped itself with GeneratorExit"),
    "raises-cancelled-error": wrong(asyncio.CancelledError(), "the tool stopped itself with CancelledError"),
    "raises-outside-exception": wrong(Odd(), "the tool stopped itself with Odd"),
    "raises-a-group": wrong(ExceptionGroup("two", [ValueError(), KeyError()]), "ExceptionGroup: two (2 sub"),
    "recurses": Behaviour(recursing, "RecursionError: ", "error"),
    "hangs-within-its-timeout": Behaviour(
        lambda numbers: None, "timeout: it took longer", "unknown", hangs=True, options={"timeout": 2 * SOON}
    ),
    "hangs-as-a-read": Behaviour(
        lambda numbers: None, "timeout: ", "timeout", hangs=True, options={"timeout": 2 * SOON, "effect": "read"}
    ),
    "hangs": Behaviour(lambda numbers: None, CUT, "unknown", LimitReached, hangs=True),
    "raises-keyboard-interrupt": stop(KeyboardInterrupt()),
    "raises-system-exit": stop(SystemExit(3)),
}


class Case:
    """One behaviour at one place, with two siblings; what happened is counted outside agentkit."""

    def __init__(self, behaviour: Behaviour, kind: str, place: Place) -> None:
        self.behaviour, self.kind, self.place = behaviour, kind, place
        self.began: list[str] = []
        self.ended: list[str] = []
        self.released = threading.Event()
        self.stops = behaviour.out is not None and not behaviour.hangs
        approval = {"approval": True} if place == "resumed" else {}
        bad = self.tool(**behaviour.options, **approval)
        siblings = [("sibling", {"number": n}) for n in range(2)]
        self.at = {"alone": 0, "first": 0, "last": 2, "resumed": 1}[place]
        calls: list[tuple[str, Any]] = [] if place == "alone" else [*siblings]
        calls.insert(self.at, ("bad", {"numbers": [1, 2]}))
        self.agent: Agent[None, str] = Agent(
            ScriptedModel([calls, "done"]), tools=[bad, self.sibling(**approval)], limits=Limits(seconds=self.seconds)
        )
        self.store = MemoryStore()
        self.session = self.store.session("s")

    @property
    def seconds(self) -> float | None:
        return 0.5 if self.behaviour.out is LimitReached else None

    @property
    def missing(self) -> bool:
        """Whether the quick sibling has not ended yet."""
        return self.place != "alone" and not self.ended

    def tool(self, **options: Any) -> Tool[..., Any]:
        behaviour, stops = self.behaviour, self.stops

        def in_a_thread(ctx: Context[Any], numbers: list[int]) -> object:
            """Behave."""
            self.began.append(ctx.idempotency_key)
            while stops and self.missing:
                time.sleep(0.001)
            if behaviour.hangs:
                self.released.wait(60)
            return behaviour.act(numbers)

        async def on_the_loop(ctx: Context[Any], numbers: list[int]) -> object:
            """Behave."""
            self.began.append(ctx.idempotency_key)
            await anyio.lowlevel.checkpoint()
            while stops and self.missing:
                await anyio.sleep(0.001)
            if behaviour.hangs:
                await anyio.sleep_forever()
            return behaviour.act(numbers)

        return tool(in_a_thread if self.kind == "def" else on_the_loop, name="bad", **options)

    def sibling(self, **options: Any) -> Tool[..., Any]:
        @tool(**options)
        async def sibling(ctx: Context[Any], number: int) -> int:
            """The first is quick; where the tool stops the run, the second would never end."""
            self.began.append(ctx.idempotency_key)
            await anyio.sleep_forever() if self.stops and number else await anyio.lowlevel.checkpoint()
            self.ended.append(ctx.idempotency_key)
            return number

        return sibling

    async def started(self) -> RunState | str:
        """What the view is given: the input, or where the calls of the resumed turn were approved."""
        if self.place != "resumed":
            return "go"
        waiting = (await self.agent.run("go", session=self.session)).state
        return decided(RunState.model_validate_json(waiting.model_dump_json()))

    def loaded(self) -> RunState:
        return anyio.run(self.session.load)


def viewed(agent: Agent[None, str], view: View, given: RunState | str | None, session: Session) -> RunResult[str]:
    """One run, in one of its views."""
    if view == "run_sync":
        return agent.run_sync(given, session=session)
    if view == "stream_sync":
        with agent.stream_sync(given, session=session) as run:
            events = list(run)
        check_invariants(run.result, events=events)
        return run.result
    verb, _, backend = view.partition("-")

    async def main() -> RunResult[str]:
        if verb == "run":
            return await agent.run(given, session=session)
        async with agent.stream(given, session=session) as stream:
            events = [event async for event in stream]
        check_invariants(stream.result, events=events)
        return stream.result

    return anyio.run(main, backend=backend)


def check(case: Case, view: View) -> None:
    """The call's status and text, its siblings' results, and every function called at most once."""
    behaviour = case.behaviour
    given = anyio.run(case.started)
    try:
        if behaviour.out is None:
            result = viewed(case.agent, view, given, case.session)
            assert result.output == "done"
            check_invariants(result)
            assert result.abandoned == ((f"0.{case.at}",) if behaviour.hangs and case.kind == "def" else ())
        else:
            with pytest.raises(behaviour.out) as raised:
                viewed(case.agent, view, given, case.session)
            if isinstance(raised.value, LimitReached):
                check_invariants(raised.value)
    finally:
        case.released.set()
    state = case.loaded()
    check_results(case, state)
    if behaviour.out is not None:  # the run goes on in the same place, as if nothing had been
        result = viewed(case.agent.replace(limits=Limits()), view, decided(state), case.session)
        assert result.output == "done"
        check_results(case, case.loaded())
    assert [key for key, times in Counter(case.began).items() if times > 1] == []


def check_results(case: Case, state: RunState) -> None:
    check_invariants(state)
    text = state.model_dump_json()
    assert SECRET not in text
    assert '"numbers":[1,2]' in text.replace("\\", "").replace(" ", "")
    results = {entry.call: entry for entry in state.entries if isinstance(entry, Result)}
    assert len(results) == sum(isinstance(entry, Result) for entry in state.entries)
    bad = results.pop(f"0.{case.at}")
    assert bad.status == case.behaviour.status
    assert bad.content.startswith(case.behaviour.told.replace("it took", "bad took"))
    assert len(bad.content) < 300_000
    statuses = [result.status for _, result in sorted(results.items())]
    if case.place == "alone":
        assert statuses == []
    else:
        assert statuses == (["ok", "unknown"] if case.stops else ["ok", "ok"])
    assert len(case.ended) == statuses.count("ok")


@pytest.fixture(autouse=True)
def threads_end() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [thread.name for thread in threading.enumerate() if thread not in before]
    assert [name for name in left if "AnyIO worker" not in name and "Trio thread" not in name] == []


@pytest.mark.parametrize("view", [*QUICK, *(pytest.param(view, marks=pytest.mark.slow) for view in SLOW)])
@pytest.mark.parametrize("kind", ["def", "async"])
@pytest.mark.parametrize("name", BEHAVIOURS)
def test_a_tool_may_do_anything(name: str, kind: str, view: View, cases: Callable[[int], None]) -> None:
    for place in PLACES:
        check(Case(BEHAVIOURS[name], kind, place), view)
    cases(len(PLACES))


@pytest.mark.parametrize("view", ["run_sync", "run-asyncio", "run-trio", "stream-asyncio"])
def test_control_c_stops_the_run_after_finished_results_are_saved(view: View) -> None:
    ended: list[int] = []

    @tool
    async def work(number: int) -> int:
        """The last one is interrupted by whoever sits in front of it."""
        if number == 2:
            await anyio.sleep(SOON)
            signal.raise_signal(signal.SIGINT)
        await anyio.sleep(0 if number == 0 else 60)
        ended.append(number)
        return number

    agent = Agent(ScriptedModel([[("work", {"number": n}) for n in range(3)], "done"]), tools=[work])
    session = MemoryStore().session("s")
    with pytest.raises(KeyboardInterrupt):
        viewed(agent, view, "go", session)
    assert ended == [0]
    state = anyio.run(session.load)
    check_invariants(state)
    assert [call.content.partition(":")[0] for call in state.calls.values()] == ["0", "unknown", "unknown"]
    assert viewed(agent, view, None, session).output == "done"
    assert ended == [0]
