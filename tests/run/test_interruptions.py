"""What stops a whole program, and what cannot be stopped: Ctrl-C, SystemExit, a thread that goes on."""

from __future__ import annotations

import threading

import anyio
import pytest

from agentkit import Agent, MemoryStore, RunState, ScriptedModel, tool
from tests.invariants import check_invariants


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("siblings", [0, 2])
def test_ctrl_c_in_a_tool_stops_the_run_after_what_was_done_is_saved(
    kind: type[BaseException], siblings: int, backend: str
) -> None:
    @tool
    async def stop() -> str:
        """Stop the program."""
        await anyio.wait_all_tasks_blocked()
        raise kind

    @tool
    async def pay(order: int) -> str:
        """Pay."""
        return f"paid {order}"

    calls = [("stop", {}), *(("pay", {"order": n}) for n in range(siblings))]
    session = MemoryStore().session("s")
    agent = Agent(ScriptedModel([calls, "done"]), tools=[stop, pay])

    async def main() -> None:
        await agent.run("go", session=session)

    with pytest.raises(kind):
        anyio.run(main, backend=backend)
    state: RunState = anyio.run(session.load, backend=backend)
    check_invariants(state)
    replies = [str(message.content) for message in state.messages if message.role == "tool"]
    assert replies[0].startswith("unknown")
    assert replies[1:] == [f"paid {n}" for n in range(siblings)]


@pytest.mark.anyio
async def test_a_thread_that_cannot_be_stopped_is_reported_as_abandoned() -> None:
    release = threading.Event()

    @tool(timeout=0.05)
    def stuck() -> str:
        """Hang."""
        release.wait(20)
        return "late"

    try:
        result = await Agent(ScriptedModel([[("stuck", {})], "done"]), tools=[stuck]).run("go")
    finally:
        release.set()
    assert (result.output, result.abandoned) == ("done", ("0.0",))
    assert str(result.messages[2].content) == "timeout: stuck took longer than 0.05 s; its outcome is unknown"
