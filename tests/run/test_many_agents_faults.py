"""Hand-overs and agents inside agents under faults: crashes at every entry, HTTP faults at every request."""

from __future__ import annotations

from typing import Any

import pytest

from agentkit import Agent, Handoff, ModelError, RemoteModel, RunState, ScriptedModel
from agentkit.journal import Admitted, Nested, Started
from agentkit.testing import FakeServer
from tests.bank import Bank
from tests.faults.golden import finished
from tests.invariants import check_invariants

pytestmark = pytest.mark.anyio

SCRIPTS: dict[str, list[Any]] = {
    "desk": [[("bank", {"input": "pay 1 and 2"}), ("note", {"text": "asked"})], [("transfer_to_mailer", {})], "never"],
    "bank": [[("pay", {"order": 1}), ("pay", {"order": 2})], [("transfer_to_auditor", {})], "never"],
    "auditor": ["", "", [("note", {"text": "audited"})], "audited"],
    "mailer": [[("send", {"to": "ann"})], "all done"],
}


class World(Bank):
    """Four agents: a desk that asks a bank, which hands over to an auditor; then the desk hands over to a mailer."""

    def __init__(self, base_url: str = "") -> None:
        super().__init__()
        self.base_url = base_url

    def agent(self) -> Agent[None, str]:
        def made(name: str, tools: Any, **options: Any) -> Agent[None, str]:
            model = (
                RemoteModel(name, base_url=self.base_url, retries=0) if self.base_url else ScriptedModel(SCRIPTS[name])
            )
            return Agent(model, name=name, instructions=f"You are {name}.", tools=tools, **options)

        auditor = made("auditor", [self.note])
        bank = made("bank", [self.pay], handoffs=[auditor])
        mailer = made("mailer", [self.send])
        return made("desk", [bank.as_tool(), self.note], handoffs=[Handoff(mailer, history="none")])


EFFECTS = ["paid 1", "paid 2", "sent to ann"]


async def test_after_a_crash_at_any_entry_the_tree_ends_the_same_and_no_write_is_done_twice() -> None:
    world = World()
    whole = await finished(world.agent(), "go")
    assert (whole.output, whole.agent, sorted(world.done)) == ("all done", "mailer", EFFECTS)
    entries = list(whole.state.entries)
    assert len(entries) > 25
    for end in range(1, len(entries)):
        admitted: dict[tuple[str, ...], str] = {}
        written = set[tuple[str, ...]]()  # the writes that the process before had started
        for entry in entries[:end]:
            path, inner = opened(entry)
            if isinstance(inner, Admitted):
                admitted[(*path, inner.call)] = inner.effect
            elif isinstance(inner, Started) and admitted[(*path, inner.call)] == "write":
                written.add((*path, inner.call))
        world = World()
        state = RunState.model_validate_json(RunState.folded("j", entries[:end]).model_dump_json())
        check_invariants(state)
        result = await finished(world.agent(), state)
        assert (result.output, result.agent) == ("all done", "mailer")
        assert len(world.done) == 3 - len(written)


def opened(entry: Any) -> tuple[tuple[str, ...], Any]:
    """An entry without the calls around it, and these."""
    path: tuple[str, ...] = ()
    while isinstance(entry, Nested):
        path, entry = (*path, entry.call), entry.entry
    return path, entry


@pytest.mark.parametrize("streamed", [False, True], ids=["run", "stream"])
@pytest.mark.parametrize("status", [500])
async def test_after_an_http_fault_at_any_request_the_tree_goes_on_with_every_effect_once(
    status: int, streamed: bool
) -> None:
    for fault in range(1, 9):
        count = 0

        def answer(request: dict[str, Any], fault: int = fault) -> Any:
            nonlocal count
            count += 1
            if count == fault:
                return status
            said = [message["role"] for message in request["messages"]].count("assistant")
            return SCRIPTS[request["model"]][said]

        with FakeServer(answer) as server:
            world = World(server.base_url)
            agent = world.agent()
            try:
                result = await finished(agent, "go", streamed)
                assert fault > 1  # an agent inside that failed is told to its caller, who goes on
            except ModelError as error:
                check_invariants(error)
                result = await finished(agent, RunState.of(error), streamed)
            assert (result.output, server.problems) == ("all done", [])
            assert len(set(world.done)) == len(world.done)
            assert set(world.done) <= set(EFFECTS)
