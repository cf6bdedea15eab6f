"""Time for tests: hours pass in no time, by hand or by themselves, on both event loops."""

from __future__ import annotations

import time
from typing import Literal

import anyio
import pytest

from agentkit import Agent, LimitReached, Limits, RemoteModel, ScriptedModel, tool
from agentkit.testing import FakeServer, VirtualClock

Backend = Literal["asyncio", "trio"]
both = pytest.mark.parametrize("backend", ["asyncio", "trio"])


async def let_others_run() -> None:
    for _ in range(10):
        await anyio.lowlevel.checkpoint()


@both
def test_sleeps_and_deadlines_jump_when_nothing_else_happens(backend: Backend) -> None:
    clock = VirtualClock(autojump=0)

    async def main() -> float:
        began = anyio.current_time()
        with anyio.move_on_after(1800):
            await anyio.sleep(3600)
        await anyio.sleep(60)
        return anyio.current_time() - began

    real = time.monotonic()
    assert clock.run(main, backend=backend) == pytest.approx(1860)
    assert clock.run(main, backend=backend) == pytest.approx(1860)
    assert clock.passed == pytest.approx(3720)
    assert time.monotonic() - real < 60


@both
def test_without_autojump_time_passes_by_hand_alone(backend: Backend) -> None:
    clock = VirtualClock(autojump=None)

    async def main() -> list[str]:
        seen: list[str] = []

        async def sleeper(seconds: float) -> None:
            await anyio.sleep(seconds)
            seen.append(f"slept {seconds:g}")

        async with anyio.create_task_group() as group:
            group.start_soon(sleeper, 10)
            group.start_soon(sleeper, 20)
            await let_others_run()
            for _ in range(2):
                clock.advance(10)
                await let_others_run()
                seen.append(f"{clock.passed:g}")
        return seen

    assert clock.run(main, backend=backend) == ["slept 10", "10", "slept 20", "20"]


@both
def test_a_run_of_too_many_seconds_is_stopped_without_waiting_for_them(backend: Backend) -> None:
    @tool
    async def slow() -> None:
        """Takes an hour."""
        await anyio.sleep(3600)

    agent = Agent(ScriptedModel([[("slow", {})], "done"]), tools=[slow])
    with pytest.raises(LimitReached, match="seconds=1800"):
        VirtualClock(autojump=0).run(lambda: agent.run("go", limits=Limits(seconds=1800)), backend=backend)
    assert VirtualClock(autojump=0).run(lambda: agent.run("go"), backend=backend).output == "done"


@both
def test_retry_delays_of_a_real_server_take_no_time(backend: Backend) -> None:
    answers = iter([503, 503, "done"])
    clock = VirtualClock(autojump=0.2)
    with FakeServer(lambda request: next(answers)) as server:
        agent = Agent(RemoteModel("m", base_url=server.base_url))
        assert clock.run(lambda: agent.run("go"), backend=backend).output == "done"
    assert clock.passed >= 0.75  # 0.5 s and 1 s, at least half of each


def test_in_a_with_block_only_what_expires_is_on_the_clock() -> None:
    @tool(approval=True, expires=3600)
    def pay(amount: int) -> str:
        """Pay."""
        return f"paid {amount}"

    agent = Agent(ScriptedModel([[("pay", {"amount": 1})], "done"]), tools=[pay])
    for hours, told in ((0.9, "paid 1"), (1.1, "denied: the approval came too late")):
        with VirtualClock() as clock:
            state = agent.run_sync("pay").state
            clock.advance(hours * 3600)
            result = agent.run_sync(state.approve(state.waiting[0]))
        assert str(result.messages[-2].content) == told
