"""The support desk: what its tools do, and what its agent may do with them."""

from pathlib import Path
from typing import Any

import pytest
from desk import Desk, change_address, create_orders, decide, desk_agent, look_up_order, refund_order

from agentkit import Context, RunState, ScriptedModel, ToolError


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return create_orders(tmp_path / "orders.db")


def test_an_order_is_looked_up_and_a_missing_one_is_told(desk: Desk) -> None:
    assert look_up_order(Context(desk), 8)["item"] == "desk"
    with pytest.raises(ToolError, match="there is no order 99"):
        look_up_order(Context(desk), 99)


def test_an_address_changes_until_the_order_is_shipped(desk: Desk) -> None:
    change_address(Context(desk), 8, "9 Harbour Street")
    assert desk.order(8)["address"] == "9 Harbour Street"
    with pytest.raises(ToolError, match="already shipped"):
        change_address(Context(desk), 7, "9 Harbour Street")


def test_no_more_is_refunded_than_was_paid_in_any_number_of_refunds(desk: Desk) -> None:
    refund_order(Context(desk), 9, 50)
    with pytest.raises(ToolError, match=r"only 80.0 euros were paid"):
        refund_order(Context(desk), 9, 31)
    assert desk.order(9)["refunded"] == 50


SCRIPT: list[Any] = [[("refund_order", {"number": 8, "amount": 240})], "Done."]


def test_a_refund_waits_and_is_what_was_approved(desk: Desk) -> None:
    with desk_agent.override(model=ScriptedModel(SCRIPT)):
        waiting = desk_agent.run_sync("Refund 8", deps=desk)
        assert desk.order(8)["refunded"] == 0
        saved = RunState.model_validate_json(waiting.state.model_dump_json())  # another process, another day
        result = desk_agent.run_sync(saved.approve(saved.waiting[0]), deps=desk)
    assert (result.output, desk.order(8)["refunded"]) == ("Done.", 240)


def test_the_person_denies_large_refunds(desk: Desk) -> None:
    with desk_agent.override(model=ScriptedModel(SCRIPT)):
        waiting = desk_agent.run_sync("Refund 8", deps=desk)
        result = desk_agent.run_sync(decide(waiting.state), deps=desk)
    assert desk.order(8)["refunded"] == 0
    assert "denied: refunds over 100 euros need the manager" in str(result.messages[2].content)
