"""The travel desk: what its tools do, who has the conversation, and what is booked once."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
from travel import Trip, book_flight, book_room, find_flights, find_hotels, flights, front, hotels

from agentkit import Context, FunctionModel, Model, RunState, ScriptedModel, Session, ToolError
from agentkit.chat import ChatRequest


@contextmanager
def answered_by(model: Model) -> Generator[None]:
    """All three desks ask this model."""
    with front.override(model=model), flights.override(model=model), hotels.override(model=model):
        yield


def test_flights_and_hotels_are_found_by_city() -> None:
    assert [row["number"] for row in find_flights("Lisbon")] == ["AK101", "AK102"]
    assert [row["name"] for row in find_hotels("Oslo")] == ["Fjord House"]


def test_a_booking_happens_once_for_its_call_and_within_the_budget() -> None:
    trip = Trip(budget=200)
    call = Context(trip, idempotency_key="a")
    book_flight(call, "AK102", date(2027, 5, 1))
    book_flight(call, "AK102", date(2027, 5, 1))
    assert trip.spent == 120
    with pytest.raises(ToolError, match="costs 90 euros, and 80 are left"):
        book_room(Context(trip, idempotency_key="b"), "Casa Azul", 1)
    with pytest.raises(ToolError, match="1 to 30 nights"):
        book_room(Context(trip, idempotency_key="c"), "Casa Azul", 31)


def clerk(request: ChatRequest) -> Any:
    """Hands over to hotels, which books a room."""
    tools = {tool.name for tool in request.tools or ()}
    if request.messages[-1].role == "tool" and "booked" in str(request.messages[-1].content):
        return "Booked."
    if "book_room" in tools:
        return [("book_room", {"hotel": "Ring Hotel", "nights": 2})]
    return [("transfer_to_hotels", {})]


def test_a_booking_after_a_hand_over_waits_and_goes_on_in_another_process() -> None:
    trip = Trip()
    with answered_by(FunctionModel(clerk)):
        waiting = front.run_sync("Two nights in Vienna", deps=trip)
        assert (waiting.agent, trip.spent) == ("hotels", 0)
        saved = RunState.model_validate_json(waiting.state.model_dump_json())
        result = front.run_sync(saved.approve(saved.waiting[0]), deps=trip)
    assert (result.output, trip.spent) == ("Booked.", 260)


def test_the_next_line_of_a_conversation_reads_what_the_others_said() -> None:
    model = ScriptedModel([[("transfer_to_flights", {})], "AK203 at 09:30.", "For 95 euros."])
    session = Session()
    with answered_by(model):
        first = front.run_sync("Flights to Rome?", deps=Trip(), session=session)
        second = flights.run_sync("How much?", deps=Trip(), session=session)
    assert (first.agent, second.output) == ("flights", "For 95 euros.")
    assert any(message.content == "AK203 at 09:30." for message in model.requests[-1].messages)
