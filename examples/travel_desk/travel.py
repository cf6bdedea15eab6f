"""A travel desk of several agents: the front desk hands the conversation over to flights or hotels, and gets it back.

    python examples/travel_desk/travel.py

Bookings wait for the traveller's word; both desks book into one trip.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from agentkit import Agent, Context, RunState, Session, ToolError, model_from_environment, tool

City = Literal["Lisbon", "Oslo", "Rome", "Vienna"]


@dataclass(frozen=True)
class Flight:
    """A flight from Berlin."""

    number: str
    to: City
    leaves: str
    euros: int


@dataclass(frozen=True)
class Hotel:
    """A hotel, by the night."""

    name: str
    city: City
    euros: int


FLIGHTS = (
    Flight("AK101", "Lisbon", "07:10", 180),
    Flight("AK102", "Lisbon", "16:40", 120),
    Flight("AK203", "Rome", "09:30", 95),
    Flight("AK304", "Vienna", "12:00", 70),
    Flight("AK405", "Oslo", "08:15", 140),
)
HOTELS = (
    Hotel("Casa Azul", "Lisbon", 90),
    Hotel("Tejo Palace", "Lisbon", 210),
    Hotel("Trastevere Inn", "Rome", 110),
    Hotel("Ring Hotel", "Vienna", 130),
    Hotel("Fjord House", "Oslo", 160),
)


@dataclass
class Trip:
    """What the traveller has booked, by the key of the call that booked it."""

    budget: int = 1000
    booked: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])

    @property
    def spent(self) -> int:
        """Euros for everything booked."""
        return sum(euros for _, euros in self.booked.values())

    def book(self, key: str, what: str, euros: int) -> str:
        """Book once for each key, within the budget. Raises ToolError beyond it."""
        if key not in self.booked and self.spent + euros > self.budget:
            raise ToolError(f"{what} costs {euros} euros, and {self.budget - self.spent} are left")
        self.booked[key] = (what, euros)
        return f"booked {what} for {euros} euros"


@tool(effect="read")
def find_flights(to: City) -> list[dict[str, object]]:
    """Find flights from Berlin.

    Args:
        to: Where to
    """
    return [{"number": f.number, "leaves": f.leaves, "euros": f.euros} for f in FLIGHTS if f.to == to]


@tool(effect="idempotent", approval=True)
def book_flight(ctx: Context[Trip], number: Literal["AK101", "AK102", "AK203", "AK304", "AK405"], day: date) -> str:
    """Book a seat on a flight.

    Args:
        number: The flight
        day: The day
    """
    flight = next(f for f in FLIGHTS if f.number == number)
    return ctx.deps.book(ctx.idempotency_key, f"flight {number} to {flight.to} on {day}", flight.euros)


@tool(effect="read")
def find_hotels(city: City) -> list[dict[str, object]]:
    """Find hotels.

    Args:
        city: Where
    """
    return [{"name": h.name, "euros a night": h.euros} for h in HOTELS if h.city == city]


@tool(effect="idempotent", approval=True)
def book_room(
    ctx: Context[Trip],
    hotel: Literal["Casa Azul", "Tejo Palace", "Trastevere Inn", "Ring Hotel", "Fjord House"],
    nights: int,
) -> str:
    """Book a room.

    Args:
        hotel: The hotel
        nights: How many nights
    """
    price = next(h for h in HOTELS if h.name == hotel).euros
    if not 0 < nights <= 30:
        raise ToolError("book 1 to 30 nights")
    return ctx.deps.book(ctx.idempotency_key, f"{nights} nights at {hotel}", nights * price)


@tool(effect="read")
def trip_so_far(ctx: Context[Trip]) -> dict[str, object]:
    """What the trip has in it so far, and what is left of the budget."""
    return {"booked": [what for what, _ in ctx.deps.booked.values()], "left": ctx.deps.budget - ctx.deps.spent}


model = model_from_environment()

front = Agent(
    model,
    name="front",
    deps=Trip,
    tools=[trip_so_far],
    handoffs=lambda: [flights, hotels],
    instructions="Greet travellers, and hand flights and hotels over to the agents for them. Never invent a booking.",
)
flights: Agent[Trip, str] = Agent(
    model,
    name="flights",
    deps=Trip,
    tools=[find_flights, book_flight],
    handoffs=lambda: [hotels, front],
    instructions="You find and book flights from Berlin. Hand everything else over.",
)
hotels: Agent[Trip, str] = Agent(
    model,
    name="hotels",
    deps=Trip,
    tools=[find_hotels, book_room],
    handoffs=lambda: [flights, front],
    instructions="You find and book hotels. Hand everything else over.",
)
DESKS: dict[str, Agent[Trip, str]] = {"front": front, "flights": flights, "hotels": hotels}


def agree(state: RunState) -> RunState:
    """The traveller says yes to every booking."""
    for call in state.waiting:
        print(f"  [{call.tool} {call.arguments}: yes]")
        state = state.approve(call)
    return state


def converse(trip: Trip, lines: Sequence[str]) -> None:
    """One conversation: whoever had it last goes on with it."""
    session, desk = Session(), front
    for line in lines:
        print(f"> {line}")
        result = desk.run_sync(line, deps=trip, session=session)
        while result.status == "waiting":
            result = desk.run_sync(agree(result.state), deps=trip, session=session)
        print(f"{result.agent}: {result.output}")
        desk = DESKS[result.agent]


def main() -> None:
    """A trip to Lisbon."""
    trip = Trip()
    talk: list[Any] = [
        "Which flights are there to Lisbon?",
        "Book flight AK102 on 2027-05-01.",
        "And which hotels?  Lisbon again.",
        "Book a room: hotel Casa Azul, nights 3.",
    ]
    converse(trip, talk)
    print(f"booked: {[what for what, _ in trip.booked.values()]}, {trip.spent} euros")


if __name__ == "__main__":
    main()
